;; A table without a maximum.
(module
  (table 0 funcref)
  (func (export "grow0") (param i32) (result i32) (table.grow 0 (ref.null func) (local.get 0))))
