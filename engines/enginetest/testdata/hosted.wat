;; A guest that calls its host.
(module
  (import "env" "host" (func $host (param i32 i64 f32 f64) (result i64)))
  (import "env" "event" (func $event (param i32) (result i32)))
  (import "env" "nothing" (func $nothing))
  (memory (export "memory") 1)
  (func (export "host") (param i32 i64 f32 f64) (result i64)
    (call $host (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
  (func (export "wrapped") (param i64) (result i64)
    (call $host (i32.wrap_i64 (local.get 0)) (i64.const 0) (f32.const 0) (f64.const 0)))
  (func (export "event") (param i32) (result i32) (call $event (local.get 0)))
  (func (export "nothing") (call $nothing))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "grow_and_call") (drop (memory.grow (i32.const 1))) (call $nothing))
  ;; Calls nothing that often.
  (func (export "many") (param i32)
    (loop
      (call $nothing)
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
