;; Copies stdin to stdout as it comes, adding nothing.
;;
;; A case holds the exact output under test in its request body. An error while reading counts as the end.
(module
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param $fd i32) (param $iovecs i32) (param $iovec_count i32) (param $read_at i32)
      (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param $fd i32) (param $iovecs i32) (param $iovec_count i32) (param $written_at i32)
      (result i32)))

  ;; Memory:  0  iovec: address, size    8  number of bytes read or written    65536  buffer of 65536 bytes
  (memory (export "memory") 2)
  (global $buffer i32 (i32.const 65536))

  (func (export "_start")
    (block $over
      (loop $more
        (i32.store (i32.const 0) (global.get $buffer))
        (i32.store (i32.const 4) (i32.const 65536))
        (br_if $over (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (br_if $over (i32.eqz (i32.load (i32.const 8))))
        (call $write (i32.const 1) (global.get $buffer) (i32.add (global.get $buffer) (i32.load (i32.const 8))))
        (br $more))))

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
