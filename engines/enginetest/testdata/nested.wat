;; Has its host call the next guest, and counts itself.
(module
  (import "env" "next" (func $next (param i32) (result i32)))
  (func (export "down") (param i32) (result i32)
    (i32.add (call $next (local.get 0)) (i32.const 1))))
