;; Asks for a table that its host would have to hold.
(module
  (memory (export "memory") 1)
  (table 10000000 funcref)
  (func (export "allocate_memory") (param i32) (result i32) (i32.const 0))
  (func (export "deallocate_memory") (param i32 i32))
  (func (export "handle") (param i32 i32) (result i64) (i64.const 0))
  (func (export "send") (param i32 i32) (result i32) (i32.const 0)))
