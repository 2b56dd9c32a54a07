using Workerd = import "/workerd/workerd.capnp";

# The socket's address comes from the command line: --socket-addr http=127.0.0.1:PORT
const config :Workerd.Config = (
  services = [(name = "function", worker = (
    compatibilityDate = "2024-09-01",
    modules = [
      (name = "function.js", esModule = embed "function.js"),
      (name = "c.wasm", wasm = embed "../built/c.wasm"),
    ],
  ))],
  sockets = [(name = "http", http = (), service = "function")],
);
