;; Writes to standard error what a terminal would obey (red, by CSI in seven bits and in eight), and traps.
(module
  (import "roadrunner" "send_to_host" (func $send_to_host (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "\18\00\00\00\15\00\00\00")
  (data (i32.const 24) "\1b[31mwords\07 \c2\9b31mred\0a")
  (func (export "allocate_memory") (param i32) (result i32) (i32.const 1024))
  (func (export "deallocate_memory") (param i32 i32))
  (func (export "handle") (param i32 i32) (result i64)
    (drop (call $fd_write (i32.const 2) (i32.const 16) (i32.const 1) (i32.const 8)))
    unreachable)
  (func (export "send") (param i32 i32) (result i32)
    (call $send_to_host (local.get 0) (local.get 1))))
