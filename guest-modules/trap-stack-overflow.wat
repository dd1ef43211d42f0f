;; Traps before it writes anything by calling itself without end.
(module
  (memory (export "memory") 1)

  (func (export "_start")
    (drop (call $deeper (i32.const 0))))

  ;; The addition comes after the call, so that the call cannot become a jump.
  (func $deeper (param $depth i32) (result i32)
    (i32.add
      (call $deeper (i32.add (local.get $depth) (i32.const 1)))
      (i32.const 1)))
)
