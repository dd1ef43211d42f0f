//! Reports its arguments, its environment and stdin as one JSON object; ../../README.md has the form.
//! The arguments exit, stderr, large and non-ascii are switches; ../README.md says what they do.

use std::env;
use std::io::{self, Read, Write};
use std::os::wasi::ffi::OsStrExt;
use std::process;

fn quoted(bytes: &[u8]) -> String {
    let mut json = String::from("\"");
    for &byte in bytes {
        match byte {
            b'"' | b'\\' | 0..=0x1f | 0x7f..=0xff => json += &format!("\\u{byte:04x}"),
            _ => json.push(byte as char),
        }
    }
    json + "\""
}

fn fnv1a64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf29ce484222325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100000001b3)
    })
}

fn report(body: &[u8]) -> String {
    let arguments: Vec<String> = env::args_os().map(|argument| quoted(argument.as_bytes())).collect();
    let variables: Vec<String> = env::vars_os()
        .map(|(name, value)| format!("[{},{}]", quoted(name.as_bytes()), quoted(value.as_bytes())))
        .collect();
    format!(
        "{{\"args\":[{}],\"env\":[{}],\"stdin\":{{\"length\":{},\"text\":{},\"fnv1a64\":\"{:016x}\",\"eof\":true}}}}",
        arguments.join(","),
        variables.join(","),
        body.len(),
        quoted(&body[..body.len().min(65536)]),
        fnv1a64(body),
    )
}

fn main() -> io::Result<()> {
    let has = |name: &str| env::args_os().skip(1).any(|argument| argument == name);

    let mut body = Vec::new();
    io::stdin().read_to_end(&mut body)?;

    if has("stderr") {
        eprintln!("stderr-marker");
    }
    if has("large") {
        print!("Content-Type: text/plain\n\n{}", "0123456789abcdef".repeat((1 << 20) / 16));
    } else if has("non-ascii") {
        print!("Content-Type: text/plain; charset=utf-8\n\ngrüße, мир, 世界\n");
    } else {
        print!("Content-Type: application/json\n\n{}\n", report(&body));
    }
    if has("exit") {
        process::exit(0);
    }
    io::stdout().flush()
}
