(module (memory (export "heap") 1))
