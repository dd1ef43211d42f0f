;; Reports the time and 16 random bytes as a JSON object.
;;
;;   {"query":"…","clock_errno":N,"clock":"…","monotonic_errno":N,"random_errno":N,"random":"…"}
;;
;; `clock` is the real-time clock in nanoseconds, in decimal; of the monotonic clock only the error is reported;
;; `random` is 32 hexadecimal digits. Clock and random bytes are zero if their call failed. Strings are escaped as in
;; observe.wat; the object is followed by one LF.
(module
  (import "wasi_snapshot_preview1" "environ_sizes_get"
    (func $environ_sizes_get (param $count_at i32) (param $size_at i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get"
    (func $environ_get (param $pointers_at i32) (param $text_at i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get"
    (func $clock_time_get (param $clock i32) (param $precision i64) (param $time_at i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get"
    (func $random_get (param $at i32) (param $size i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param $fd i32) (param $iovecs i32) (param $iovec_count i32) (param $written_at i32)
      (result i32)))

  ;; Memory:  0  iovec of fd_write: address, size      8  number of bytes it wrote
  ;;         16  number of environment variables      20  size of their text
  ;;         24  zero: the empty text
  ;;         56  end of a number in decimal           64  constant texts, each ended by a zero byte
  ;;        256  the time, 8 bytes                   264  the random bytes
  ;;        280  the monotonic time (not looked at)
  ;;      65536  output buffer
  (memory (export "memory") 2)
  (global $out i32 (i32.const 65536))
  (global $out_size (mut i32) (i32.const 0))
  (global $query_name i32 (i32.const 64))
  (data (i32.const 64) "QUERY_STRING=\00")
  (global $head i32 (i32.const 80))
  (data (i32.const 80) "Content-Type: application/json\n\n{\"query\":\00")
  (global $clock_errno i32 (i32.const 128))
  (data (i32.const 128) ",\"clock_errno\":\00")
  (global $clock i32 (i32.const 152))
  (data (i32.const 152) ",\"clock\":\"\00")
  (global $random_errno i32 (i32.const 168))
  (data (i32.const 168) ",\"random_errno\":\00")
  (global $monotonic_errno i32 (i32.const 288))
  (data (i32.const 288) "\",\"monotonic_errno\":\00")
  (global $random i32 (i32.const 192))
  (data (i32.const 192) ",\"random\":\"\00")
  (global $end i32 (i32.const 208))
  (data (i32.const 208) "\"}\n\00")
  (global $escape i32 (i32.const 216))
  (data (i32.const 216) "\\u00\00")

  (func (export "_start")
    (local $query i32) (local $at i32)
    (local.set $query (call $query))
    (call $print (global.get $head))
    (call $print_string (local.get $query) (call $find (local.get $query) (i32.const 0)))
    (call $print (global.get $clock_errno))
    ;; 0 is the real-time clock; the precision asked for is 1 ns.
    (call $print_number (i64.extend_i32_u (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 256))))
    (call $print (global.get $clock))
    (call $print_number (i64.load (i32.const 256)))
    (call $print (global.get $monotonic_errno))
    (call $print_number (i64.extend_i32_u (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 280))))
    (call $print (global.get $random_errno))
    (call $print_number (i64.extend_i32_u (call $random_get (i32.const 264) (i32.const 16))))
    (call $print (global.get $random))
    (local.set $at (i32.const 264))
    (loop $byte
      (call $print_hex_digit (i32.shr_u (i32.load8_u (local.get $at)) (i32.const 4)))
      (call $print_hex_digit (i32.load8_u (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $byte (i32.lt_u (local.get $at) (i32.const 280))))
    (call $print (global.get $end))
    (call $flush))

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

  ;; Gives the address of the first $byte at or after $from, or of the zero byte that ends the text.
  (func $find (param $from i32) (param $byte i32) (result i32)
    (loop $next
      (if (i32.and
            (i32.ne (i32.load8_u (local.get $from)) (i32.const 0))
            (i32.ne (i32.load8_u (local.get $from)) (local.get $byte)))
        (then
          (local.set $from (i32.add (local.get $from) (i32.const 1)))
          (br $next))))
    (local.get $from))

  ;; Prints the bytes from $from up to $end as a JSON string: 0x20 to 0x7e as they are, except `"` and `\`;
  ;; every other byte as \u00 and two hexadecimal digits.
  (func $print_string (param $from i32) (param $end i32)
    (local $byte i32)
    (call $put (i32.const 34))
    (loop $next
      (if (i32.lt_u (local.get $from) (local.get $end))
        (then
          (local.set $byte (i32.load8_u (local.get $from)))
          (if (i32.or
                (i32.gt_u (i32.sub (local.get $byte) (i32.const 0x20)) (i32.const 0x5e))
                (i32.or
                  (i32.eq (local.get $byte) (i32.const 34))     ;; "
                  (i32.eq (local.get $byte) (i32.const 92))))   ;; \
            (then
              (call $print (global.get $escape))
              (call $print_hex_digit (i32.shr_u (local.get $byte) (i32.const 4)))
              (call $print_hex_digit (local.get $byte)))
            (else (call $put (local.get $byte))))
          (local.set $from (i32.add (local.get $from) (i32.const 1)))
          (br $next))))
    (call $put (i32.const 34)))

  ;; Prints the lowest four bits as a lower-case hexadecimal digit.
  (func $print_hex_digit (param $bits i32)
    (local.set $bits (i32.and (local.get $bits) (i32.const 15)))
    (call $put
      (i32.add (local.get $bits)
        (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get $bits) (i32.const 10))))))

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

  ;; Adds one byte to the output buffer and writes the buffer out when it is full.
  (func $put (param $byte i32)
    (i32.store8 (i32.add (global.get $out) (global.get $out_size)) (local.get $byte))
    (global.set $out_size (i32.add (global.get $out_size) (i32.const 1)))
    (if (i32.eq (global.get $out_size) (i32.const 65536)) (then (call $flush))))

  ;; Writes the output buffer to stdout and empties it.
  (func $flush
    (call $write (i32.const 1) (global.get $out) (i32.add (global.get $out) (global.get $out_size)))
    (global.set $out_size (i32.const 0)))

  ;; Prints a zero-terminated text as it is.
  (func $print (param $text i32)
    (loop $next
      (if (i32.load8_u (local.get $text))
        (then
          (call $put (i32.load8_u (local.get $text)))
          (local.set $text (i32.add (local.get $text) (i32.const 1)))
          (br $next)))))

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
