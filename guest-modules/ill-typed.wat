;; Is no valid module, though its text and its binary form are well-formed: it adds where there is nothing to add.
(module
  (memory (export "memory") 1)
  (func (export "_start")
    i32.add
    drop)
)
