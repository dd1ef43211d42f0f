;; Reports a global, a memory cell and a byte of a data segment, and increases each for whoever comes next.
;;
;; The body is `global=G memory=M data=D query=Q` and LF, with the values before the increase. A fresh instance
;; always says `global=0 memory=0 data=7`; other numbers show that an instance served an earlier request.
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
  ;;         56  end of a number in decimal           64  constant texts, each ended by a zero byte
  ;;         28  the memory cell                     224  the byte of a data segment
  (memory (export "memory") 1)
  (global $query_name i32 (i32.const 64))
  (data (i32.const 64) "QUERY_STRING=\00")
  (global $head i32 (i32.const 80))
  (data (i32.const 80) "Content-Type: text/plain\n\nglobal=\00")
  (global $memory i32 (i32.const 128))
  (data (i32.const 128) " memory=\00")
  (global $data i32 (i32.const 144))
  (data (i32.const 144) " data=\00")
  (global $query i32 (i32.const 160))
  (data (i32.const 160) " query=\00")
  (global $newline i32 (i32.const 176))
  (data (i32.const 176) "\n\00")

  (global $counter (mut i32) (i32.const 0))
  (global $cell i32 (i32.const 28))
  (global $byte i32 (i32.const 224))
  (data (i32.const 224) "\07")

  (func (export "_start")
    (call $print (global.get $head))
    (call $print_number (i64.extend_i32_u (global.get $counter)))
    (call $print (global.get $memory))
    (call $print_number (i64.load32_u (global.get $cell)))
    (call $print (global.get $data))
    (call $print_number (i64.load8_u (global.get $byte)))
    (call $print (global.get $query))
    (call $print (call $query))
    (call $print (global.get $newline))
    (global.set $counter (i32.add (global.get $counter) (i32.const 1)))
    (i32.store (global.get $cell) (i32.add (i32.load (global.get $cell)) (i32.const 1)))
    (i32.store8 (global.get $byte) (i32.add (i32.load8_u (global.get $byte)) (i32.const 1))))

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

  ;; Prints a number in decimal; the digits are built backwards, before the zero byte at 56.
  (func $print_number (param $number i64)
    (local $at i32)
    (local.set $at (i32.const 56))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at)
        (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $number) (i64.const 10)))))
      (local.set $number (i64.div_u (local.get $number) (i64.const 10)))
      (br_if $digit (i64.ne (local.get $number) (i64.const 0))))
    (call $print (local.get $at)))

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
