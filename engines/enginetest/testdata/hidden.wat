(module (memory 2))
