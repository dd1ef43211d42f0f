;; Declares sub-routes whose targets tell what `_routes` itself was given.
;;
;;   /environment none|configured|host|unknown   no variable; ROUTES_CONFIGURED; PATH or HOME; only others
;;   /arguments none|one|several                 how many arguments
;;   /volumes none|readable|unknown              no preopened directory; one with a readable `readable.txt`; none such
;;
;; Each of these functions, and `_start`, answers with one line: `target=NAME query=QUERY_STRING`.
(module
  (import "wasi_snapshot_preview1" "args_sizes_get"
    (func $args_sizes_get (param $count_at i32) (param $size_at i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get"
    (func $environ_sizes_get (param $count_at i32) (param $size_at i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get"
    (func $environ_get (param $pointers_at i32) (param $text_at i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get"
    (func $fd_prestat_get (param $fd i32) (param $prestat_at i32) (result i32)))
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

  ;; Memory:  0  iovec of fd_write and fd_read        8  number of bytes written or read
  ;;         16  number of variables or arguments     20  size of their text
  ;;         24  zero: the empty text                 28  what fd_prestat_get says (not looked at)
  ;;         36  the file opened                      40  the byte read from it
  ;;         64  constant texts, each ended by a zero byte
  (memory (export "memory") 1)
  (global $head i32 (i32.const 64))
  (data (i32.const 64) "Content-Type: text/plain\n\ntarget=\00")
  (global $query i32 (i32.const 104))
  (data (i32.const 104) " query=\00")
  (global $newline i32 (i32.const 112))
  (data (i32.const 112) "\n\00")
  (global $environment i32 (i32.const 120))
  (data (i32.const 120) "/environment \00")
  (global $arguments i32 (i32.const 136))
  (data (i32.const 136) "\n/arguments \00")
  (global $volumes i32 (i32.const 152))
  (data (i32.const 152) "\n/volumes \00")
  (global $file i32 (i32.const 168))
  (data (i32.const 168) "readable.txt\00")
  (global $start i32 (i32.const 184))
  (data (i32.const 184) "_start\00")
  (global $none i32 (i32.const 192))
  (data (i32.const 192) "none\00")
  (global $configured i32 (i32.const 200))
  (data (i32.const 200) "configured\00")
  (global $host i32 (i32.const 216))
  (data (i32.const 216) "host\00")
  (global $one i32 (i32.const 224))
  (data (i32.const 224) "one\00")
  (global $several i32 (i32.const 232))
  (data (i32.const 232) "several\00")
  (global $readable i32 (i32.const 240))
  (data (i32.const 240) "readable\00")
  (global $unknown i32 (i32.const 256))
  (data (i32.const 256) "unknown\00")
  (global $query_name i32 (i32.const 264))
  (data (i32.const 264) "QUERY_STRING=\00")
  (global $configured_name i32 (i32.const 280))
  (data (i32.const 280) "ROUTES_CONFIGURED=\00")
  (global $path_name i32 (i32.const 304))
  (data (i32.const 304) "PATH=\00")
  (global $home_name i32 (i32.const 312))
  (data (i32.const 312) "HOME=\00")

  (func (export "_routes")
    (call $print (global.get $environment))
    (call $print (call $environment_seen))
    (call $print (global.get $arguments))
    (call $print (call $arguments_seen))
    (call $print (global.get $volumes))
    (call $print (call $volumes_seen))
    (call $print (global.get $newline)))

  (func (export "_start") (call $answer (global.get $start)))
  (func (export "none") (call $answer (global.get $none)))
  (func (export "configured") (call $answer (global.get $configured)))
  (func (export "host") (call $answer (global.get $host)))
  (func (export "one") (call $answer (global.get $one)))
  (func (export "several") (call $answer (global.get $several)))
  (func (export "readable") (call $answer (global.get $readable)))
  (func (export "unknown") (call $answer (global.get $unknown)))

  (func $answer (param $entrypoint i32)
    (call $print (global.get $head))
    (call $print (local.get $entrypoint))
    (call $print (global.get $query))
    (call $print (call $variable (global.get $query_name)))
    (call $print (global.get $newline)))

  ;; Gives the name of the target that says which variables there are.
  (func $environment_seen (result i32)
    (if (call $environ_sizes_get (i32.const 16) (i32.const 20)) (then unreachable))
    (if (i32.eqz (i32.load (i32.const 16))) (then (return (global.get $none))))
    (if (call $is_set (global.get $path_name)) (then (return (global.get $host))))
    (if (call $is_set (global.get $home_name)) (then (return (global.get $host))))
    (if (call $is_set (global.get $configured_name)) (then (return (global.get $configured))))
    (global.get $unknown))

  ;; Gives the name of the target that says how many arguments there are.
  (func $arguments_seen (result i32)
    (if (call $args_sizes_get (i32.const 16) (i32.const 20)) (then unreachable))
    (if (i32.eqz (i32.load (i32.const 16))) (then (return (global.get $none))))
    (if (i32.eq (i32.load (i32.const 16)) (i32.const 1)) (then (return (global.get $one))))
    (global.get $several))

  ;; Gives the name of the target that says whether a file can be read. Preopened directories are numbered from 3
  ;; without a gap.
  (func $volumes_seen (result i32)
    (local $fd i32)
    (local.set $fd (i32.const 3))
    (block $over
      (loop $next
        (br_if $over (call $fd_prestat_get (local.get $fd) (i32.const 28)))
        (if (call $is_readable (local.get $fd)) (then (return (global.get $readable))))
        (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
        (br $next)))
    (if (i32.eq (local.get $fd) (i32.const 3)) (then (return (global.get $none))))
    (global.get $unknown))

  ;; Gives whether a byte can be read from `readable.txt` in the directory.
  (func $is_readable (param $directory i32) (result i32)
    (if (call $path_open (local.get $directory) (i32.const 0) (global.get $file) (i32.const 12)
          (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 36))   ;; right: fd_read
      (then (return (i32.const 0))))
    (i32.store (i32.const 0) (i32.const 40))
    (i32.store (i32.const 4) (i32.const 1))
    (if (call $fd_read (i32.load (i32.const 36)) (i32.const 0) (i32.const 1) (i32.const 8))
      (then (return (i32.const 0))))
    (i32.eq (i32.load (i32.const 8)) (i32.const 1)))

  ;; Gives whether a variable is set; $wanted is its name with the `=`.
  (func $is_set (param $wanted i32) (result i32)
    (i32.ne (call $variable (local.get $wanted)) (i32.const 24)))

  ;; Gives the address of the value of a variable, zero-terminated; of the empty text if it is not set.
  ;; $wanted is its name with the `=`.
  (func $variable (param $wanted i32) (result i32)
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
          (local.set $name (local.get $wanted))
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
