;; Reports everything it was given, arguments, environment and stdin, as one JSON object.
;;
;;   {"args":["…",…],"env":[["NAME","VALUE"],…],"stdin":{"length":N,"text":"…","fnv1a64":"…","eof":true}}
;;
;; followed by one LF. Strings hold bytes, one character each: 0x20 to 0x7e stand for themselves, except `"`
;; and `\`; every other byte B is \u00BB in lower-case hexadecimal. `env` is in the order received, with
;; duplicates; a variable is split at its first `=`, one without any is ["NAME"]. `text` holds the first
;; 65536 bytes of stdin, `length` and `fnv1a64` (FNV-1a, 64 bits, 16 digits) cover all of it. `eof` is true when
;; reading ended with 0 bytes, false when it failed; then `"errno":N` follows.
(module
  (import "wasi_snapshot_preview1" "args_sizes_get"
    (func $args_sizes_get (param $count_at i32) (param $size_at i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get"
    (func $args_get (param $pointers_at i32) (param $text_at i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get"
    (func $environ_sizes_get (param $count_at i32) (param $size_at i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get"
    (func $environ_get (param $pointers_at i32) (param $text_at i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param $fd i32) (param $iovecs i32) (param $iovec_count i32) (param $read_at i32)
      (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param $fd i32) (param $iovecs i32) (param $iovec_count i32) (param $written_at i32)
      (result i32)))

  ;; Memory:      0  iovec: address, size            8  number of bytes read or written
  ;;             16  number of arguments or variables    20  size of their text
  ;;             56  end of a number in decimal          64  constant texts, each ended by a zero byte
  ;;        0x10000  output buffer                  0x20000  first 65536 bytes of stdin
  ;;        0x30000  the later bytes of stdin, each overwriting the last
  ;;        0x40000  pages added for the arguments, then for the environment
  (memory (export "memory") 4)
  (global $out i32 (i32.const 0x10000))
  (global $out_size (mut i32) (i32.const 0))
  (global $stdin i32 (i32.const 0x20000))
  (global $head i32 (i32.const 64))
  (data (i32.const 64) "Content-Type: application/json\n\n{\"args\":[\00")
  (global $env i32 (i32.const 128))
  (data (i32.const 128) "],\"env\":[\00")
  (global $length i32 (i32.const 144))
  (data (i32.const 144) "],\"stdin\":{\"length\":\00")
  (global $text i32 (i32.const 176))
  (data (i32.const 176) ",\"text\":\00")
  (global $hash i32 (i32.const 192))
  (data (i32.const 192) ",\"fnv1a64\":\"\00")
  (global $eof i32 (i32.const 208))
  (data (i32.const 208) "\",\"eof\":true}}\n\00")
  (global $failed i32 (i32.const 240))
  (data (i32.const 240) "\",\"eof\":false,\"errno\":\00")
  (global $end i32 (i32.const 272))
  (data (i32.const 272) "}}\n\00")
  (global $escape i32 (i32.const 280))
  (data (i32.const 280) "\\u00\00")

  (func (export "_start")
    (call $print (global.get $head))
    (call $report_arguments)
    (call $print (global.get $env))
    (call $report_environment)
    (call $report_stdin)
    (call $flush))

  ;; Prints the arguments as JSON strings between commas.
  (func $report_arguments
    (local $entry i32) (local $last i32) (local $at i32)
    (if (call $args_sizes_get (i32.const 16) (i32.const 20)) (then unreachable))
    (local.set $entry (call $room))
    (local.set $last (i32.add (local.get $entry) (i32.shl (i32.load (i32.const 16)) (i32.const 2))))
    (if (call $args_get (local.get $entry) (local.get $last)) (then unreachable))
    (loop $next
      (if (i32.lt_u (local.get $entry) (local.get $last))
        (then
          (local.set $at (i32.load (local.get $entry)))
          (call $print_string (local.get $at) (call $find (local.get $at) (i32.const 0)))
          (local.set $entry (i32.add (local.get $entry) (i32.const 4)))
          (if (i32.lt_u (local.get $entry) (local.get $last)) (then (call $put (i32.const 44))))   ;; ,
          (br $next)))))

  ;; Prints the environment as pairs of JSON strings between commas.
  (func $report_environment
    (local $entry i32) (local $last i32) (local $at i32) (local $equals i32)
    (if (call $environ_sizes_get (i32.const 16) (i32.const 20)) (then unreachable))
    (local.set $entry (call $room))
    (local.set $last (i32.add (local.get $entry) (i32.shl (i32.load (i32.const 16)) (i32.const 2))))
    (if (call $environ_get (local.get $entry) (local.get $last)) (then unreachable))
    (loop $next
      (if (i32.lt_u (local.get $entry) (local.get $last))
        (then
          (local.set $at (i32.load (local.get $entry)))
          (local.set $equals (call $find (local.get $at) (i32.const 61)))   ;; =
          (call $put (i32.const 91))   ;; [
          (call $print_string (local.get $at) (local.get $equals))
          (if (i32.load8_u (local.get $equals))
            (then
              (call $put (i32.const 44))   ;; ,
              (local.set $at (i32.add (local.get $equals) (i32.const 1)))
              (call $print_string (local.get $at) (call $find (local.get $at) (i32.const 0)))))
          (call $put (i32.const 93))   ;; ]
          (local.set $entry (i32.add (local.get $entry) (i32.const 4)))
          (if (i32.lt_u (local.get $entry) (local.get $last)) (then (call $put (i32.const 44))))   ;; ,
          (br $next)))))

  ;; Reads all of stdin, then prints what it was.
  (func $report_stdin
    (local $errno i32) (local $length i32) (local $kept i32) (local $at i32) (local $end i32) (local $hash i64)
    (local.set $hash (i64.const 0xcbf29ce484222325))
    (block $over
      (loop $more
        ;; A read that begins within the first 65536 bytes may run on into the 65536 bytes behind them.
        (i32.store (i32.const 0) (i32.add (global.get $stdin) (local.get $kept)))
        (i32.store (i32.const 4) (i32.const 0x10000))
        (local.set $errno (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (br_if $over (local.get $errno))
        (br_if $over (i32.eqz (i32.load (i32.const 8))))
        (local.set $at (i32.add (global.get $stdin) (local.get $kept)))
        (local.set $end (i32.add (local.get $at) (i32.load (i32.const 8))))
        (loop $byte
          (local.set $hash
            (i64.mul
              (i64.xor (local.get $hash) (i64.load8_u (local.get $at)))
              (i64.const 0x100000001b3)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br_if $byte (i32.lt_u (local.get $at) (local.get $end))))
        (local.set $length (i32.add (local.get $length) (i32.load (i32.const 8))))
        (local.set $kept
          (select (local.get $length) (i32.const 0x10000) (i32.lt_u (local.get $length) (i32.const 0x10000))))
        (br $more)))
    (call $print (global.get $length))
    (call $print_number (i64.extend_i32_u (local.get $length)))
    (call $print (global.get $text))
    (call $print_string (global.get $stdin) (i32.add (global.get $stdin) (local.get $kept)))
    (call $print (global.get $hash))
    (call $print_hash (local.get $hash))
    (if (local.get $errno)
      (then
        (call $print (global.get $failed))
        (call $print_number (i64.extend_i32_u (local.get $errno)))
        (call $print (global.get $end)))
      (else (call $print (global.get $eof)))))

  ;; Prints 64 bits as 16 hexadecimal digits.
  (func $print_hash (param $hash i64)
    (local $shift i64)
    (local.set $shift (i64.const 64))
    (loop $digit
      (local.set $shift (i64.sub (local.get $shift) (i64.const 4)))
      (call $print_hex_digit (i32.wrap_i64 (i64.shr_u (local.get $hash) (local.get $shift))))
      (br_if $digit (i64.ne (local.get $shift) (i64.const 0)))))

  ;; Adds pages for the list announced at 16 and 20; gives the address: first the pointers, then the text.
  (func $room (result i32)
    (local $page i32)
    (local.set $page
      (memory.grow
        (i32.add (i32.const 1)
          (i32.shr_u
            (i32.add (i32.shl (i32.load (i32.const 16)) (i32.const 2)) (i32.load (i32.const 20)))
            (i32.const 16)))))
    (if (i32.eq (local.get $page) (i32.const -1)) (then unreachable))
    (i32.shl (local.get $page) (i32.const 16)))

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
