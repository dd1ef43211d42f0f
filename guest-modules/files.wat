;; Opens the file that QUERY_STRING names and reports, as a JSON object, what it found.
;;
;;   {"query":"…","preopens":["/data",…],"result":{"opened":true,"content":"…"}}   the first 4096 bytes
;;   {"query":"…","preopens":["/data",…],"result":{"opened":false,"errno":N}}
;;
;; QUERY_STRING is taken byte for byte, without decoding. The preopened directories are tried in order until one
;; opens the path, following symbolic links. If the path begins with `/` and a directory's name is a prefix of it
;; (in whole components), the prefix is left out for that directory; otherwise the path is passed as it is. N is the
;; error of the last attempt, 8 (badf) if there is no preopened directory. If a file opens but cannot be read (a
;; directory), `"errno":N` follows the content.
;;
;; `write:PATH` creates or empties the file and writes `written by the guest` into it: the result is
;; {"written":true,"existed":true}, where `existed` says whether the file was there before, or
;; {"written":false,"errno":N}.
;;
;; Strings are escaped as in observe.wat; the object is followed by one LF.
(module
  (import "wasi_snapshot_preview1" "environ_sizes_get"
    (func $environ_sizes_get (param $count_at i32) (param $size_at i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get"
    (func $environ_get (param $pointers_at i32) (param $text_at i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get"
    (func $fd_prestat_get (param $fd i32) (param $prestat_at i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name"
    (func $fd_prestat_dir_name (param $fd i32) (param $name_at i32) (param $size i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param $directory i32) (param $lookup_flags i32) (param $path i32) (param $path_size i32)
      (param $open_flags i32) (param $rights i64) (param $inherited_rights i64) (param $fd_flags i32)
      (param $opened_at i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param $fd i32) (param $iovecs i32) (param $iovec_count i32) (param $read_at i32)
      (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param $fd i32) (param $iovecs i32) (param $iovec_count i32) (param $written_at i32)
      (result i32)))
  (import "wasi_snapshot_preview1" "fd_close"
    (func $fd_close (param $fd i32) (result i32)))

  ;; Memory:  0  iovec of fd_write: address, size      8  number of bytes it wrote
  ;;         16  number of environment variables      20  size of their text
  ;;         24  zero: the empty text
  ;;         56  end of a number in decimal           64  constant texts, each ended by a zero byte
  ;;         28  prestat: type, size of the name      36  the file opened
  ;;      65536  output buffer                    131072  content
  ;;     139264  name of a preopened directory, at most 57343 bytes and a zero byte
  (memory (export "memory") 3)
  (global $out i32 (i32.const 65536))
  (global $out_size (mut i32) (i32.const 0))
  (global $content i32 (i32.const 131072))
  (global $directory i32 (i32.const 139264))
  (global $query_name i32 (i32.const 64))
  (data (i32.const 64) "QUERY_STRING=\00")
  (global $head i32 (i32.const 80))
  (data (i32.const 80) "Content-Type: application/json\n\n{\"query\":\00")
  (global $preopens i32 (i32.const 128))
  (data (i32.const 128) ",\"preopens\":[\00")
  (global $result i32 (i32.const 144))
  (data (i32.const 144) "],\"result\":{\00")
  (global $opened i32 (i32.const 160))
  (data (i32.const 160) "\"opened\":true,\"content\":\00")
  (global $not_opened i32 (i32.const 192))
  (data (i32.const 192) "\"opened\":false\00")
  (global $written i32 (i32.const 208))
  (data (i32.const 208) "\"written\":true\00")
  (global $not_written i32 (i32.const 224))
  (data (i32.const 224) "\"written\":false\00")
  (global $errno i32 (i32.const 248))
  (data (i32.const 248) ",\"errno\":\00")
  (global $end i32 (i32.const 264))
  (data (i32.const 264) "}}\n\00")
  (global $escape i32 (i32.const 272))
  (data (i32.const 272) "\\u00\00")
  (global $write_prefix i32 (i32.const 280))
  (data (i32.const 280) "write:\00")
  (global $here i32 (i32.const 288))
  (data (i32.const 288) ".\00")
  (global $text i32 (i32.const 296))
  (data (i32.const 296) "written by the guest\00")
  (global $existed i32 (i32.const 320))
  (data (i32.const 320) ",\"existed\":true\00")
  (global $is_new i32 (i32.const 344))
  (data (i32.const 344) ",\"existed\":false\00")

  (func (export "_start")
    (local $query i32) (local $path i32)
    (local.set $query (call $query))
    (call $print (global.get $head))
    (call $print_string (local.get $query) (call $find (local.get $query) (i32.const 0)))
    (call $print (global.get $preopens))
    (call $report_preopens)
    (call $print (global.get $result))
    (local.set $path (call $without_prefix (local.get $query) (global.get $write_prefix)))
    (if (local.get $path)
      (then (call $report_writing (local.get $path)))
      (else (call $report_reading (local.get $query))))
    (call $print (global.get $end))
    (call $flush))

  ;; Loads the name of a preopened directory and gives whether there is one at this descriptor.
  (func $load_directory (param $fd i32) (result i32)
    (if (call $fd_prestat_get (local.get $fd) (i32.const 28)) (then (return (i32.const 0))))
    (if (i32.gt_u (i32.load (i32.const 32)) (i32.const 57343)) (then unreachable))
    (if (call $fd_prestat_dir_name (local.get $fd) (global.get $directory) (i32.load (i32.const 32)))
      (then unreachable))
    (i32.store8 (i32.add (global.get $directory) (i32.load (i32.const 32))) (i32.const 0))
    (i32.const 1))

  ;; Prints the names of the preopened directories as JSON strings between commas.
  (func $report_preopens
    (local $fd i32)
    (local.set $fd (i32.const 3))
    (loop $next
      (if (call $load_directory (local.get $fd))
        (then
          (if (i32.gt_u (local.get $fd) (i32.const 3)) (then (call $put (i32.const 44))))   ;; ,
          (call $print_string (global.get $directory) (call $find (global.get $directory) (i32.const 0)))
          (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
          (br $next)))))

  ;; Opens the path and prints the first 4096 bytes of the file.
  (func $report_reading (param $path i32)
    (local $errno i32) (local $size i32)
    (local.set $errno (call $open (local.get $path) (i32.const 0) (i64.const 2)))   ;; right: fd_read
    (if (local.get $errno)
      (then
        (call $print (global.get $not_opened))
        (call $report_errno (local.get $errno))
        (return)))
    (call $print (global.get $opened))
    (block $over
      (loop $more
        (br_if $over (i32.eq (local.get $size) (i32.const 4096)))
        (i32.store (i32.const 0) (i32.add (global.get $content) (local.get $size)))
        (i32.store (i32.const 4) (i32.sub (i32.const 4096) (local.get $size)))
        (local.set $errno (call $fd_read (i32.load (i32.const 36)) (i32.const 0) (i32.const 1) (i32.const 8)))
        (br_if $over (local.get $errno))
        (br_if $over (i32.eqz (i32.load (i32.const 8))))
        (local.set $size (i32.add (local.get $size) (i32.load (i32.const 8))))
        (br $more)))
    (drop (call $fd_close (i32.load (i32.const 36))))
    (call $print_string (global.get $content) (i32.add (global.get $content) (local.get $size)))
    (if (local.get $errno) (then (call $report_errno (local.get $errno)))))

  ;; Creates or empties the file and writes the text into it.
  (func $report_writing (param $path i32)
    (local $errno i32) (local $existed i32)
    (local.set $existed (i32.eqz (call $open (local.get $path) (i32.const 0) (i64.const 2))))   ;; right: fd_read
    (if (local.get $existed) (then (drop (call $fd_close (i32.load (i32.const 36))))))
    ;; Flags: create, truncate; right: fd_write.
    (local.set $errno (call $open (local.get $path) (i32.const 9) (i64.const 64)))
    (if (i32.eqz (local.get $errno))
      (then
        (local.set $errno
          (call $try_write (i32.load (i32.const 36))
            (global.get $text) (call $find (global.get $text) (i32.const 0))))
        (drop (call $fd_close (i32.load (i32.const 36))))))
    (if (local.get $errno)
      (then
        (call $print (global.get $not_written))
        (call $report_errno (local.get $errno)))
      (else
        (call $print (global.get $written))
        (call $print (select (global.get $existed) (global.get $is_new) (local.get $existed))))))

  (func $report_errno (param $errno i32)
    (call $print (global.get $errno))
    (call $print_number (i64.extend_i32_u (local.get $errno))))

  ;; Tries one preopened directory after the other, leaves the opened file at 36 and gives the last error.
  (func $open (param $path i32) (param $open_flags i32) (param $rights i64) (result i32)
    (local $fd i32) (local $errno i32) (local $inside i32)
    (local.set $errno (i32.const 8))   ;; badf
    (local.set $fd (i32.const 3))
    (block $over
      (loop $next
        (br_if $over (i32.eqz (call $load_directory (local.get $fd))))
        (local.set $inside (call $inside_directory (local.get $path)))
        (local.set $errno
          (call $path_open
            (local.get $fd)
            (i32.const 1)   ;; follow symbolic links
            (local.get $inside)
            (i32.sub (call $find (local.get $inside) (i32.const 0)) (local.get $inside))
            (local.get $open_flags) (local.get $rights) (i64.const 0) (i32.const 0)
            (i32.const 36)))
        (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
        (br_if $next (local.get $errno))))
    (local.get $errno))

  ;; Gives the path without the directory's name, `.` if nothing is left; the path itself if it is not in there.
  (func $inside_directory (param $path i32) (result i32)
    (local $rest i32)
    (if (i32.ne (i32.load8_u (local.get $path)) (i32.const 47)) (then (return (local.get $path))))   ;; /
    (local.set $rest (call $without_prefix (local.get $path) (global.get $directory)))
    (if (i32.eqz (local.get $rest)) (then (return (local.get $path))))
    (if (i32.eqz (i32.load8_u (local.get $rest))) (then (return (global.get $here))))
    ;; The name has to end where a component does: before a `/` or with one.
    (if (i32.and
          (i32.ne (i32.load8_u (local.get $rest)) (i32.const 47))
          (i32.ne (i32.load8_u (i32.sub (local.get $rest) (i32.const 1))) (i32.const 47)))
      (then (return (local.get $path))))
    (loop $slash
      (if (i32.eq (i32.load8_u (local.get $rest)) (i32.const 47))
        (then
          (local.set $rest (i32.add (local.get $rest) (i32.const 1)))
          (br $slash))))
    (select (local.get $rest) (global.get $here) (i32.load8_u (local.get $rest))))

  ;; Gives the address behind the prefix in a text, 0 if the text does not begin with it.
  (func $without_prefix (param $text i32) (param $prefix i32) (result i32)
    (loop $same
      (if (i32.load8_u (local.get $prefix))
        (then
          (if (i32.ne (i32.load8_u (local.get $text)) (i32.load8_u (local.get $prefix)))
            (then (return (i32.const 0))))
          (local.set $text (i32.add (local.get $text) (i32.const 1)))
          (local.set $prefix (i32.add (local.get $prefix) (i32.const 1)))
          (br $same))))
    (local.get $text))

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

  ;; Writes the bytes from $from up to $end to stdout; traps if it cannot.
  (func $write (param $fd i32) (param $from i32) (param $end i32)
    (if (call $try_write (local.get $fd) (local.get $from) (local.get $end)) (then unreachable)))

  ;; Writes the bytes from $from up to $end to $fd, however many calls that takes; gives the error.
  (func $try_write (param $fd i32) (param $from i32) (param $end i32) (result i32)
    (local $errno i32)
    (loop $rest
      (if (i32.lt_u (local.get $from) (local.get $end))
        (then
          (i32.store (i32.const 0) (local.get $from))
          (i32.store (i32.const 4) (i32.sub (local.get $end) (local.get $from)))
          (local.set $errno (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
          (if (local.get $errno) (then (return (local.get $errno))))
          (if (i32.eqz (i32.load (i32.const 8))) (then (return (i32.const 29))))   ;; io
          (local.set $from (i32.add (local.get $from) (i32.load (i32.const 8))))
          (br $rest))))
    (i32.const 0))
)
