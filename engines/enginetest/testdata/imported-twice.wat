(module
  (import "env" "event" (func $first (param i32) (result i32)))
  (import "env" "event" (func $second (param i32) (result i32)))
  (func (export "first") (param i32) (result i32) (call $first (local.get 0)))
  (func (export "second") (param i32) (result i32) (call $second (local.get 0))))
