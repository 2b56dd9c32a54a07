;; The function lacks its result, which wat2wasm lets pass when told not to check.
(module (func (export "f") (result i32)))
