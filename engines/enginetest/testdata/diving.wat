;; Recurses and calls its host at the bottom, and exports its import.
(module
  (import "env" "nothing" (func $nothing))
  (export "host" (func $nothing))
  (func $dive (export "dive") (param i32)
    (if (local.get 0)
      (then (call $dive (i32.sub (local.get 0) (i32.const 1))))
      (else (call $nothing)))))
