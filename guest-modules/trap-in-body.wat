;; Writes a header block and the start of a body, `partial-output-before-trap`, then traps.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param $fd i32) (param $iovecs i32) (param $iovec_count i32) (param $written_at i32)
      (result i32)))

  ;; Memory:  0  iovec: address, size    8  number of bytes written
  ;;         64  constant text, ended by a zero byte
  (memory (export "memory") 1)
  (global $text i32 (i32.const 64))
  (data (i32.const 64) "Content-Type: text/plain\n\npartial-output-before-trap\00")

  (func (export "_start")
    (call $print (global.get $text))
    unreachable)

  ;; Writes the zero-terminated text to stdout, however many calls that takes.
  (func $print (param $text i32)
    (local $end i32)
    (local.set $end (local.get $text))
    (block $measured
      (loop $byte
        (br_if $measured (i32.eqz (i32.load8_u (local.get $end))))
        (local.set $end (i32.add (local.get $end) (i32.const 1)))
        (br $byte)))
    (call $write (i32.const 1) (local.get $text) (local.get $end)))

  ;; Writes the bytes from $from up to $end to $fd, however many calls that takes; traps if it cannot.
  (func $write (param $fd i32) (param $from i32) (param $end i32)
    (loop $rest
      (if (i32.lt_u (local.get $from) (local.get $end))
        (then
          (i32.store (i32.const 0) (local.get $from))
          (i32.store (i32.const 4) (i32.sub (local.get $end) (local.get $from)))
          (if (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
          (if (i32.eqz (i32.load (i32.const 8))) (then unreachable))
          (local.set $from (i32.add (local.get $from) (i32.load (i32.const 8))))
          (br $rest)))))
)
