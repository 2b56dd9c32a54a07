;; Exports what a function does, and needs more of its engine than WebAssembly 2.0.
(module
  (import "roadrunner" "send_to_host" (func $send_to_host (param i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "allocate_memory") (param i32) (result i32) (i32.const 1024))
  (func (export "deallocate_memory") (param i32 i32))
  (func (export "handle") (param i32 i32) (result i64) (i64.const 0))
  (func (export "send") (param i32 i32) (result i32)
    (return_call $send_to_host (local.get 0) (local.get 1))))
