(module
  (memory (export "memory") 1)
  (func (export "_initialize") (i32.store (i32.const 64) (i32.const 77)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))
