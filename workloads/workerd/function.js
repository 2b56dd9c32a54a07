// A function for http/external on workerd: what arrives is put into the memory of the guest c,
// which reads every byte of it in WebAssembly. docs/external.md has what is asked and answered.
import module from "./c.wasm";

// The guest sends nothing here.
const roadrunner = new Proxy({}, { get: () => () => -8 });
const { exports: guest } = new WebAssembly.Instance(module, { roadrunner });

// handle gives fill up to limit bytes of the guest's memory, and has the guest read those that
// fill says it wrote. Nothing in it waits, so requests do not meet.
function handle(limit, fill) {
  const pointer = guest.allocate_memory(limit) >>> 0;
  if (pointer === 0) throw new Error(`no memory for ${limit} bytes`);
  try {
    const length = fill(new Uint8Array(guest.memory.buffer, pointer, limit));
    return { length, digest: BigInt.asUintN(64, guest.handle(pointer, length)).toString(16).padStart(16, "0") };
  } finally {
    guest.deallocate_memory(pointer, limit);
  }
}

async function take(request) {
  const codec = request.headers.get("rrbench-codec");
  if (codec === "raw") {
    const body = new Uint8Array(await request.arrayBuffer());
    return handle(body.length, (memory) => (memory.set(body), body.length));
  }
  const { text } = await request.json();
  if (typeof text !== "string") throw new Error(`payload ${request.headers.get("rrbench-payload")}: this function knows text`);
  // No more bytes than three for each of UTF-16's units.
  return handle(3 * text.length, (memory) => new TextEncoder().encodeInto(text, memory).written);
}

export default {
  async fetch(request) {
    if (request.method !== "POST") return new Response("send a payload by POST\n", { status: 405 });
    try {
      return Response.json(await take(request));
    } catch (error) {
      return new Response(`${error}\n`, { status: 422 });
    }
  },
};
