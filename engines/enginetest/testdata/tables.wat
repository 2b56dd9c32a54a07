(module
  (table 0 funcref)
  (table 5 externref)
  (table 0 4 funcref)
  (func (export "grow0") (param i32) (result i32) (table.grow 0 (ref.null func) (local.get 0)))
  (func (export "grow1") (param i32) (result i32) (table.grow 1 (ref.null extern) (local.get 0)))
  (func (export "grow2") (param i32) (result i32) (table.grow 2 (ref.null func) (local.get 0))))
