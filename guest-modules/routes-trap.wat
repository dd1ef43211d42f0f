;; Prints a sub-route and then traps when asked for its sub-routes; `_start` answers with the value of QUERY_STRING.
(module
  (import "wasi_snapshot_preview1" "environ_sizes_get"
    (func $environ_sizes_get (param $count_at i32) (param $size_at i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get"
    (func $environ_get (param $pointers_at i32) (param $text_at i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param $fd i32) (param $iovecs i32) (param $iovec_count i32) (param $written_at i32)
      (result i32)))

  ;; Memory:  0  iovec of fd_write: address, size      8  number of bytes it wrote
  ;;         16  number of environment variables      20  size of their text
  ;;         24  zero: the empty text
  ;;         64  constant texts, each ended by a zero byte
  (memory (export "memory") 1)
  (global $query_name i32 (i32.const 64))
  (data (i32.const 64) "QUERY_STRING=\00")
  (global $head i32 (i32.const 80))
  (data (i32.const 80) "Content-Type: text/plain\n\n\00")
  (global $table i32 (i32.const 112))
  (data (i32.const 112) "/below _start\n\00")

  (func (export "_routes")
    (call $print (global.get $table))
    unreachable)

  (func (export "_start")
    (call $print (global.get $head))
    (call $print (call $query)))

  ;; Gives the address of the value of QUERY_STRING, zero-terminated; of the empty text if it is not set.
  (func $query (result i32)
    (local $entry i32) (local $last i32) (local $at i32) (local $name i32)
    (if (call $environ_sizes_get (i32.const 16) (i32.const 20)) (then unreachable))
    ;; The environment gets new pages, pointers first, then the text; memory.grow gives their number.
    (local.set $entry
      (memory.grow
        (i32.add (i32.const 1)
          (i32.shr_u
            (i32.add (i32.shl (i32.load (i32.const 16)) (i32.const 2)) (i32.load (i32.const 20)))
            (i32.const 16)))))
    (if (i32.eq (local.get $entry) (i32.const -1)) (then unreachable))
    (local.set $entry (i32.shl (local.get $entry) (i32.const 16)))
    (local.set $last (i32.add (local.get $entry) (i32.shl (i32.load (i32.const 16)) (i32.const 2))))
    (if (call $environ_get (local.get $entry) (local.get $last)) (then unreachable))
    (loop $next
      (if (i32.lt_u (local.get $entry) (local.get $last))
        (then
          (local.set $at (i32.load (local.get $entry)))
          (local.set $entry (i32.add (local.get $entry) (i32.const 4)))
          (local.set $name (global.get $query_name))
          (loop $same
            (if (i32.eqz (i32.load8_u (local.get $name))) (then (return (local.get $at))))
            (br_if $next (i32.ne (i32.load8_u (local.get $at)) (i32.load8_u (local.get $name))))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (local.set $name (i32.add (local.get $name) (i32.const 1)))
            (br $same)))))
    (i32.const 24))

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
