;; Exits with code 1 without writing anything.
(module
  (import "wasi_snapshot_preview1" "proc_exit"
    (func $proc_exit (param $code i32)))

  (memory (export "memory") 1)

  (func (export "_start")
    (call $proc_exit (i32.const 1)))
)
