(module
  (table 2 0xffffffff funcref)
  (func (export "grow0") (param i32) (result i32) (table.grow 0 (ref.null func) (local.get 0))))
