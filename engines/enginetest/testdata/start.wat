;; Calls its host while it is instantiated.
(module
  (import "env" "nothing" (func $nothing))
  (memory (export "memory") 1)
  (data (i32.const 0) "data")
  (func $start (call $nothing))
  (start $start))
