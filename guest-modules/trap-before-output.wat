;; Traps on an `unreachable` instruction before it writes anything.
(module
  (memory (export "memory") 1)

  (func (export "_start")
    unreachable)
)
