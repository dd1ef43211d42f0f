;; Traps before it writes anything by loading from beyond the end of its memory.
(module
  ;; One page that cannot grow, so that 65536 is the first address outside.
  (memory (export "memory") 1 1)

  (func (export "_start")
    (drop (i32.load (i32.const 65536))))
)
