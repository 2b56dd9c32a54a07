// Runs a module by the WASI of the runtime of JavaScript that runs this: SCRIPT MODULE ARGUMENT...
import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";

const [path, ...rest] = process.argv.slice(2);
const wasi = new WASI({ version: "preview1", args: [path, ...rest], env: {}, returnOnExit: true });
const module = new WebAssembly.Module(readFileSync(path));
const imports = typeof wasi.getImportObject === "function" ? wasi.getImportObject() : { wasi_snapshot_preview1: wasi.wasiImport };
process.exitCode = wasi.start(new WebAssembly.Instance(module, imports)) ?? 0;
