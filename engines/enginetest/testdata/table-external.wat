(module
  (table 3 externref)
  (func (export "grow0") (param i32) (result i32) (table.grow 0 (ref.null extern) (local.get 0))))
