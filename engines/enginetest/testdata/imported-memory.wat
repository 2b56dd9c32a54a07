(module (import "env" "m" (memory 0)))
