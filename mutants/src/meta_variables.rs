//! Mutants for the chapter `meta-variables`.

use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};

use percent_encoding::percent_decode_str;
use wagi_reference_server::configured_environment::Variables;
use wagi_reference_server::errors::Failure;
use wagi_reference_server::meta_variables::Call;
use wagi_reference_server::request::Version;
use wagi_reference_server::routing::Kind;
use wagi_reference_server::{Conforming, Semantics};

use crate::Mutant;
use crate::relay::Message;

/// The mutants.
pub fn mutants() -> Vec<Mutant> {
    [
        script_name(),
        path_info(),
        decoding(),
        raw_and_translated(),
        request_line(),
        body(),
        client(),
        server(),
        user(),
        own(),
        unique(),
    ]
    .concat()
}

/// Percent-decoding, with U+FFFD for what is not UTF-8 and without NUL.
fn decode(text: &str) -> String {
    percent_decode_str(text)
        .decode_utf8_lossy()
        .replace('\0', "")
}

/// The value of the first field of this name.
fn field(call: &Call<'_>, name: &str) -> Option<String> {
    let value = call.request.values(name).next()?;
    Some(String::from_utf8_lossy(value).into_owned())
}

/// The conforming PATH_INFO, changed.
fn change(call: &Call<'_>, change: impl Fn(&str) -> String) -> Result<String, Failure> {
    Conforming
        .path_info(call)
        .map(|path_info| change(&path_info))
}

/// The conforming PATH_INFO of a wildcard route, from a changed remainder.
fn from_remainder(call: &Call<'_>, change: impl Fn(&str) -> String) -> Result<String, Failure> {
    let mut call = call.clone();
    let changed = change(call.remainder());
    call.target.path = format!("{}{changed}", call.route.prefix());
    Conforming.path_info(&call)
}

fn script_name() -> Vec<Mutant> {
    vec![
        step!(
            "meta-variables/script-name-with-ending",
            "meta-variables.script-name.route",
            "SCRIPT_NAME is the configured text, with the dots of a wildcard route.",
            {
                fn script_name(&self, call: &Call<'_>) -> String {
                    match call.route.text() {
                        "/..." => String::new(),
                        text => text.to_owned(),
                    }
                }
            }
        ),
        step!(
            "meta-variables/script-name-is-the-path",
            "meta-variables.script-name.route",
            "SCRIPT_NAME is the whole path of the request, as some servers understand it.",
            {
                fn script_name(&self, call: &Call<'_>) -> String {
                    match call.route.text() {
                        "/..." => String::new(),
                        _ => call.target.path.clone(),
                    }
                }
            }
        ),
        step!(
            "meta-variables/script-name-is-a-file",
            "meta-variables.script-name.route",
            "SCRIPT_NAME is the path of the module's file, as some lines of the guides show it.",
            {
                fn script_name(&self, call: &Call<'_>) -> String {
                    match call.route.text() {
                        "/" | "/..." => Conforming.script_name(call),
                        _ => "/srv/modules/guest.wasm".to_owned(),
                    }
                }
            }
        ),
        step!(
            "meta-variables/script-name-first-segment",
            "meta-variables.script-name.route",
            "SCRIPT_NAME is the first segment of the path.",
            {
                fn script_name(&self, call: &Call<'_>) -> String {
                    let name = Conforming.script_name(call);
                    match name.get(1..).and_then(|rest| rest.split_once('/')) {
                        Some((first, _)) => format!("/{first}"),
                        None => name,
                    }
                }
            }
        ),
        step!(
            "meta-variables/script-name-lower-case",
            "meta-variables.script-name.route",
            "Routes are folded to lower case, and the guest sees that.",
            {
                fn script_name(&self, call: &Call<'_>) -> String {
                    Conforming.script_name(call).to_ascii_lowercase()
                }
            }
        ),
        step!(
            "meta-variables/script-name-from-field",
            "meta-variables.script-name.route",
            "A proxy's X-Forwarded-Prefix is believed, whoever sends it.",
            {
                fn script_name(&self, call: &Call<'_>) -> String {
                    field(call, "x-forwarded-prefix")
                        .or_else(|| field(call, "script-name"))
                        .unwrap_or_else(|| Conforming.script_name(call))
                }
            }
        ),
        step!(
            "meta-variables/script-name-of-root-index",
            "meta-variables.script-name.root",
            "The root is mapped to an index file.",
            {
                fn script_name(&self, call: &Call<'_>) -> String {
                    match call.route.text() {
                        "/" => "/index.html".to_owned(),
                        _ => Conforming.script_name(call),
                    }
                }
            }
        ),
        step!(
            "meta-variables/script-name-of-root-with-query",
            "meta-variables.script-name.root",
            "Where there is no path, SCRIPT_NAME is the rest of the target.",
            {
                fn script_name(&self, call: &Call<'_>) -> String {
                    match (call.route.text(), &call.target.query) {
                        ("/", Some(query)) => format!("/?{query}"),
                        _ => Conforming.script_name(call),
                    }
                }
            }
        ),
        step!(
            "meta-variables/script-name-of-catch-all-slash",
            "meta-variables.script-name.reconstructs",
            "The empty SCRIPT_NAME of `/...` is replaced by `/`, which gives `//a`.",
            {
                fn script_name(&self, call: &Call<'_>) -> String {
                    match call.route.text() {
                        "/..." => "/".to_owned(),
                        _ => Conforming.script_name(call),
                    }
                }
            }
        ),
        step!(
            "meta-variables/script-name-of-catch-all-dots",
            "meta-variables.script-name.reconstructs",
            "The ending `/...` is only taken off if something stands before it.",
            {
                fn script_name(&self, call: &Call<'_>) -> String {
                    match call.route.text() {
                        "/..." => "/...".to_owned(),
                        _ => Conforming.script_name(call),
                    }
                }
            }
        ),
    ]
}

fn path_info() -> Vec<Mutant> {
    vec![
        step!(
            "meta-variables/path-info-is-the-path",
            "meta-variables.path-info.remainder",
            "PATH_INFO is the whole path of the request, the route included.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    match call.route.kind() {
                        Kind::Wildcard => Ok(decode(&call.target.path)),
                        Kind::Exact => Conforming.path_info(call),
                    }
                }
            }
        ),
        step!(
            "meta-variables/path-info-without-slash",
            "meta-variables.path-info.remainder",
            "The slash after the route is taken for a part of the route.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    change(call, |path| {
                        path.strip_prefix('/').unwrap_or(path).to_owned()
                    })
                }
            }
        ),
        step!(
            "meta-variables/path-info-trimmed",
            "meta-variables.path-info.remainder",
            "Trailing slashes are trimmed.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    change(call, |path| path.trim_end_matches('/').to_owned())
                }
            }
        ),
        step!(
            "meta-variables/path-info-lower-case",
            "meta-variables.path-info.remainder",
            "The path is folded to lower case before it is matched, and stays so.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    change(call, str::to_ascii_lowercase)
                }
            }
        ),
        step!(
            "meta-variables/path-info-route-removed-everywhere",
            "meta-variables.path-info.remainder",
            "The route is removed with a replacement of all its occurrences.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    from_remainder(call, |rest| match call.route.prefix() {
                        "" => rest.to_owned(),
                        prefix => rest.replace(prefix, ""),
                    })
                }
            }
        ),
        step!(
            "meta-variables/path-info-with-query",
            "meta-variables.path-info.remainder",
            "The query is not cut off.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    change(call, |path| match (call.route.kind(), &call.target.query) {
                        (Kind::Wildcard, Some(query)) => format!("{path}?{query}"),
                        _ => path.to_owned(),
                    })
                }
            }
        ),
        step!(
            "meta-variables/path-info-first-segment",
            "meta-variables.path-info.remainder",
            "PATH_INFO is a parameter of the route and holds one segment.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    from_remainder(call, |rest| {
                        let end = rest
                            .match_indices('/')
                            .nth(1)
                            .map_or(rest.len(), |(at, _)| at);
                        rest.get(..end).unwrap_or(rest).to_owned()
                    })
                }
            }
        ),
        step!(
            "meta-variables/path-info-never-null",
            "meta-variables.path-info.remainder",
            "An empty PATH_INFO of a wildcard route is replaced by a slash.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    change(call, |path| match (call.route.kind(), path) {
                        (Kind::Wildcard, "") => "/".to_owned(),
                        _ => path.to_owned(),
                    })
                }
            }
        ),
        step!(
            "meta-variables/path-info-signs-encoded",
            "meta-variables.path-info.remainder",
            "A URL library encodes signs that need not be encoded.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    const SIGNS: &str = "!$&'()*,=:@";
                    let encoded = |c: char| match SIGNS.contains(c) {
                        true => format!("%25{:02X}", u32::from(c)),
                        false => c.to_string(),
                    };
                    from_remainder(call, |rest| rest.chars().map(encoded).collect())
                }
            }
        ),
        step!(
            "meta-variables/path-info-of-a-file",
            "meta-variables.path-info.remainder",
            "What the path says is cleaned like a file name: dots and a tilde are left out.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    from_remainder(call, |rest| {
                        rest.replace("...", "").replace("/.", "/").replace('~', "")
                    })
                }
            }
        ),
        step!(
            "meta-variables/path-info-without-extension",
            "meta-variables.path-info.remainder",
            "The extension is taken for a format and cut off.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    from_remainder(call, |rest| match rest.rsplit_once('.') {
                        Some((name, extension)) if !extension.contains('/') => name.to_owned(),
                        _ => rest.to_owned(),
                    })
                }
            }
        ),
        step!(
            "meta-variables/path-info-from-field",
            "meta-variables.path-info.remainder",
            "X-Original-URL is believed, whoever sends it.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    match field(call, "x-original-url").or_else(|| field(call, "path-info")) {
                        Some(path) => Ok(path),
                        None => Conforming.path_info(call),
                    }
                }
            }
        ),
        step!(
            "meta-variables/path-info-hyphens",
            "meta-variables.path-info.remainder",
            "Underscores and hyphens are unified to make nice names.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    from_remainder(call, |rest| match rest.contains('_') {
                        true => rest.replace('_', "-"),
                        false => rest.replace('-', "_"),
                    })
                }
            }
        ),
        step!(
            "meta-variables/path-info-of-exact-route",
            "meta-variables.path-info.exact-route",
            "PATH_INFO is the request path for exact routes.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    match call.route.kind() {
                        Kind::Exact => Ok(decode(&call.target.path)),
                        Kind::Wildcard => Conforming.path_info(call),
                    }
                }
            }
        ),
        step!(
            "meta-variables/path-info-of-exact-route-slash",
            "meta-variables.path-info.exact-route",
            "An empty PATH_INFO of an exact route is replaced by a slash, as a framework wants it.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    match call.route.kind() {
                        Kind::Exact => Ok("/".to_owned()),
                        Kind::Wildcard => Conforming.path_info(call),
                    }
                }
            }
        ),
        step!(
            "meta-variables/path-info-of-exact-route-query",
            "meta-variables.path-info.exact-route",
            "Where the path ends with the route, the rest of the target is taken for PATH_INFO.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    match (call.route.kind(), &call.target.query) {
                        (Kind::Exact, Some(query)) => Ok(query.clone()),
                        _ => Conforming.path_info(call),
                    }
                }
            }
        ),
    ]
}

fn decoding() -> Vec<Mutant> {
    vec![
        step!(
            "meta-variables/path-info-undecoded",
            "meta-variables.path-info.decoded-once",
            "PATH_INFO is the path as it stands, as one of the known servers gives it.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    Ok(call.remainder().to_owned())
                }
            }
        ),
        step!(
            "meta-variables/path-info-decoded-twice",
            "meta-variables.path-info.decoded-once",
            "The framework has decoded the path already, and the server does it again.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    change(call, decode)
                }
            }
        ),
        step!(
            "meta-variables/path-info-latin-1",
            "meta-variables.path-info.decoded-once",
            "Each decoded byte is taken for a character, so that `é` becomes `Ã©`.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    let bytes = percent_decode_str(call.remainder());
                    Ok(bytes.map(char::from).filter(|&c| c != '\0').collect())
                }
            }
        ),
        step!(
            "meta-variables/path-info-upper-case-codes",
            "meta-variables.path-info.decoded-once",
            "Only codes with upper-case digits are decoded.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    const LOWER: [&str; 4] = ["%2b", "%3a", "%c3", "%7a"];
                    from_remainder(call, |rest| {
                        let keep = |rest: String, code: &str| {
                            rest.replace(code, &code.replace('%', "%25"))
                        };
                        LOWER
                            .iter()
                            .fold(rest.to_owned(), |rest, code| keep(rest, code))
                    })
                }
            }
        ),
        step!(
            "meta-variables/path-info-unreserved-decoded",
            "meta-variables.path-info.decoded-once",
            "A URL library decodes unreserved characters only.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    let keep = |c: char| match c.is_ascii_alphanumeric() || "/-._~+".contains(c) {
                        true => c.to_string(),
                        false => {
                            let bytes = c.to_string().into_bytes();
                            bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
                        }
                    };
                    match call.remainder().contains('%') {
                        true => change(call, |path| path.chars().map(keep).collect()),
                        false => Conforming.path_info(call),
                    }
                }
            }
        ),
        step!(
            "meta-variables/path-info-ascii-only",
            "meta-variables.path-info.decoded-once",
            "What is not ASCII is replaced by a question mark.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    change(call, |path| path.replace(|c: char| !c.is_ascii(), "?"))
                }
            }
        ),
        step!(
            "meta-variables/path-info-utf-16-units",
            "meta-variables.path-info.decoded-once",
            "Characters beyond the basic plane do not survive a string of 16-bit units.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    change(call, |path| {
                        path.replace(|c| c > '\u{ffff}', "\u{fffd}\u{fffd}")
                    })
                }
            }
        ),
        step!(
            "meta-variables/path-info-composed",
            "meta-variables.path-info.decoded-once",
            "The path is normalized to composed characters, and a byte order mark is dropped.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    change(call, |path| {
                        path.replace("e\u{301}", "é").replace('\u{feff}', "")
                    })
                }
            }
        ),
        step!(
            "meta-variables/path-info-white-space-trimmed",
            "meta-variables.path-info.decoded-once",
            "White space at the ends of the decoded segments is trimmed.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    change(call, |path| {
                        let segments: Vec<&str> = path.split('/').map(str::trim).collect();
                        segments.join("/")
                    })
                }
            }
        ),
        step!(
            "meta-variables/path-info-cut-at-question-mark",
            "meta-variables.path-info.decoded-once",
            "The path is decoded first and then searched for a query and a fragment.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    change(call, |path| {
                        path.split(['?', '#', ';'])
                            .next()
                            .unwrap_or_default()
                            .to_owned()
                    })
                }
            }
        ),
        step!(
            "meta-variables/path-info-replacement-refused",
            "meta-variables.path-info.decoded-once",
            "U+FFFD in the decoded path is taken for a sign of invalid UTF-8.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    match Conforming.path_info(call)? {
                        path if path.contains('\u{fffd}') => {
                            Err(Failure::bad_request("the decoded path is not UTF-8"))
                        }
                        path => Ok(path),
                    }
                }
            }
        ),
        step!(
            "meta-variables/path-info-control-characters-dropped",
            "meta-variables.path-info.decoded-once",
            "Control characters are left out of the decoded path.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    let dropped = |c: char| c.is_control() || c == '\u{2028}';
                    change(call, |path| path.replace(dropped, ""))
                }
            }
        ),
        step!(
            "meta-variables/path-info-backslash-is-a-slash",
            "meta-variables.path-info.decoded-once",
            "A decoded backslash becomes a slash, as on Windows.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    change(call, |path| path.replace('\\', "/"))
                }
            }
        ),
        step!(
            "meta-variables/path-info-plus-is-a-space",
            "meta-variables.path-info.plus-kept",
            "The path is decoded with the function for forms, which makes a space of a plus sign.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    from_remainder(call, |rest| rest.replace('+', "%20"))
                }
            }
        ),
        step!(
            "meta-variables/path-info-every-plus-is-a-space",
            "meta-variables.path-info.plus-kept",
            "Plus signs become spaces after the decoding, encoded ones too.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    change(call, |path| path.replace('+', " "))
                }
            }
        ),
        step!(
            "meta-variables/path-info-plus-encoded",
            "meta-variables.path-info.plus-kept",
            "A plus sign is encoded lest someone takes it for a space.",
            {
                fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
                    from_remainder(call, |rest| rest.replace('+', "%252B"))
                }
            }
        ),
    ]
}

fn raw_and_translated() -> Vec<Mutant> {
    vec![
        step!(
            "meta-variables/raw-path-info-decoded",
            "meta-variables.x-raw-path-info.undecoded",
            "X_RAW_PATH_INFO is filled from the same decoded text as PATH_INFO.",
            {
                fn raw_path_info(&self, call: &Call<'_>) -> String {
                    decode(call.remainder())
                }
            }
        ),
        step!(
            "meta-variables/raw-path-info-missing",
            "meta-variables.x-raw-path-info.undecoded",
            "The server does not know X_RAW_PATH_INFO, which is not in RFC 3875.",
            {
                fn raw_path_info(&self, _call: &Call<'_>) -> String {
                    String::new()
                }
            }
        ),
        step!(
            "meta-variables/raw-path-info-is-the-path",
            "meta-variables.x-raw-path-info.undecoded",
            "X_RAW_PATH_INFO is the whole path of the request.",
            {
                fn raw_path_info(&self, call: &Call<'_>) -> String {
                    call.target.path.clone()
                }
            }
        ),
        step!(
            "meta-variables/raw-path-info-encoded-anew",
            "meta-variables.x-raw-path-info.undecoded",
            "The decoded path is encoded again, with other choices than the client's.",
            {
                fn raw_path_info(&self, call: &Call<'_>) -> String {
                    let encode = |byte: u8| match byte {
                        b'/' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
                        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                        byte => format!("%{byte:02X}"),
                    };
                    percent_decode_str(call.remainder()).map(encode).collect()
                }
            }
        ),
        step!(
            "meta-variables/raw-path-info-trimmed",
            "meta-variables.x-raw-path-info.undecoded",
            "Trailing slashes are trimmed.",
            {
                fn raw_path_info(&self, call: &Call<'_>) -> String {
                    call.remainder().trim_end_matches('/').to_owned()
                }
            }
        ),
        step!(
            "meta-variables/raw-path-info-without-parameters",
            "meta-variables.x-raw-path-info.undecoded",
            "Parameters of segments are cut off, as old URL libraries do.",
            {
                fn raw_path_info(&self, call: &Call<'_>) -> String {
                    let segments = call.remainder().split('/');
                    let names: Vec<&str> = segments
                        .map(|segment| segment.split(';').next().unwrap_or_default())
                        .collect();
                    names.join("/")
                }
            }
        ),
        step!(
            "meta-variables/raw-path-info-never-null",
            "meta-variables.x-raw-path-info.undecoded",
            "An empty X_RAW_PATH_INFO is replaced by a slash.",
            {
                fn raw_path_info(&self, call: &Call<'_>) -> String {
                    match call.remainder() {
                        "" => "/".to_owned(),
                        remainder => remainder.to_owned(),
                    }
                }
            }
        ),
        step!(
            "meta-variables/path-translated-missing",
            "meta-variables.path-translated.value",
            "The server has no files to translate to and leaves PATH_TRANSLATED out.",
            {
                fn path_translated(&self, _path_info: &str) -> String {
                    String::new()
                }
            }
        ),
        step!(
            "meta-variables/path-translated-on-the-host",
            "meta-variables.path-translated.value",
            "PATH_TRANSLATED is a path on the host, as servers of files have it.",
            {
                fn path_translated(&self, path_info: &str) -> String {
                    match path_info {
                        "" => String::new(),
                        path_info => format!("/var/www{path_info}"),
                    }
                }
            }
        ),
        step!(
            "meta-variables/path-translated-trimmed",
            "meta-variables.path-translated.value",
            "PATH_TRANSLATED goes through a path library, which drops slashes at the end.",
            {
                fn path_translated(&self, path_info: &str) -> String {
                    path_info.trim_end_matches('/').to_owned()
                }
            }
        ),
        step!(
            "meta-variables/path-translated-decoded-again",
            "meta-variables.path-translated.value",
            "PATH_TRANSLATED is made from PATH_INFO with one more decoding, `+` included.",
            {
                fn path_translated(&self, path_info: &str) -> String {
                    decode(&path_info.replace('+', " "))
                }
            }
        ),
        step!(
            "meta-variables/path-translated-never-null",
            "meta-variables.path-translated.null",
            "PATH_TRANSLATED is the root where there is no PATH_INFO.",
            {
                fn path_translated(&self, path_info: &str) -> String {
                    match path_info {
                        "" => "/".to_owned(),
                        path_info => path_info.to_owned(),
                    }
                }
            }
        ),
    ]
}

fn request_line() -> Vec<Mutant> {
    vec![
        step!(
            "meta-variables/request-method-upper-case",
            "meta-variables.request-method.verbatim",
            "The method is folded to upper case.",
            {
                fn request_method(&self, call: &Call<'_>) -> String {
                    call.request.method.to_ascii_uppercase()
                }
            }
        ),
        step!(
            "meta-variables/request-method-lower-case",
            "meta-variables.request-method.verbatim",
            "The method is folded to lower case, as JavaScript libraries like it.",
            {
                fn request_method(&self, call: &Call<'_>) -> String {
                    call.request.method.to_ascii_lowercase()
                }
            }
        ),
        step!(
            "meta-variables/request-method-head-is-get",
            "meta-variables.request-method.verbatim",
            "HEAD is served as GET, and the guest is told so.",
            {
                fn request_method(&self, call: &Call<'_>) -> String {
                    call.request.method.replace("HEAD", "GET")
                }
            }
        ),
        step!(
            "meta-variables/request-method-overridden",
            "meta-variables.request-method.verbatim",
            "X-HTTP-Method-Override changes the method, whoever sends it.",
            {
                fn request_method(&self, call: &Call<'_>) -> String {
                    field(call, "x-http-method-override")
                        .or_else(|| field(call, "request-method"))
                        .unwrap_or_else(|| call.request.method.clone())
                }
            }
        ),
        step!(
            "meta-variables/request-method-unknown-is-get",
            "meta-variables.request-method.verbatim",
            "The methods are an enumeration, and one that is not in it becomes GET.",
            {
                fn request_method(&self, call: &Call<'_>) -> String {
                    match call.request.method.as_str() {
                        known @ ("GET" | "HEAD" | "POST" | "PUT" | "DELETE") => known.to_owned(),
                        _ => "GET".to_owned(),
                    }
                }
            }
        ),
        step!(
            "meta-variables/request-method-cut",
            "meta-variables.request-method.verbatim",
            "The method is copied into a buffer of eight bytes, as a server in C may do.",
            {
                fn request_method(&self, call: &Call<'_>) -> String {
                    call.request.method.chars().take(8).collect()
                }
            }
        ),
        step!(
            "meta-variables/request-method-always-post",
            "meta-variables.request-method.verbatim",
            "Every request to a guest is treated as a submitted form.",
            {
                fn request_method(&self, call: &Call<'_>) -> String {
                    match call.request.method.as_str() {
                        "GET" | "PATCH" => "POST".to_owned(),
                        other => other.to_owned(),
                    }
                }
            }
        ),
        step!(
            "meta-variables/request-method-a-name",
            "meta-variables.request-method.verbatim",
            "Only letters are expected in a method, and other characters are left out.",
            {
                fn request_method(&self, call: &Call<'_>) -> String {
                    call.request
                        .method
                        .replace(|c: char| !c.is_ascii_alphabetic(), "")
                }
            }
        ),
        step!(
            "meta-variables/query-string-decoded",
            "meta-variables.query-string.raw",
            "The query is percent-decoded like the path.",
            {
                fn query_string(&self, call: &Call<'_>) -> String {
                    decode(&Conforming.query_string(call))
                }
            }
        ),
        step!(
            "meta-variables/query-string-plus-is-a-space",
            "meta-variables.query-string.raw",
            "Plus signs become spaces, as in forms.",
            {
                fn query_string(&self, call: &Call<'_>) -> String {
                    Conforming.query_string(call).replace('+', " ")
                }
            }
        ),
        step!(
            "meta-variables/query-string-with-question-mark",
            "meta-variables.query-string.raw",
            "The library gives the query with its question mark, as .NET does.",
            {
                fn query_string(&self, call: &Call<'_>) -> String {
                    match Conforming.query_string(call) {
                        query if query.is_empty() => query,
                        query => format!("?{query}"),
                    }
                }
            }
        ),
        step!(
            "meta-variables/query-string-cut-at-question-mark",
            "meta-variables.query-string.raw",
            "The target is split at every question mark and the second part is the query.",
            {
                fn query_string(&self, call: &Call<'_>) -> String {
                    let query = Conforming.query_string(call);
                    query.split('?').next().unwrap_or_default().to_owned()
                }
            }
        ),
        step!(
            "meta-variables/query-string-rebuilt",
            "meta-variables.query-string.raw",
            "The query is parsed into pairs and written again: `a` becomes `a=`, empty parts vanish.",
            {
                fn query_string(&self, call: &Call<'_>) -> String {
                    let query = Conforming.query_string(call);
                    let pairs = query.split('&').filter(|pair| !pair.is_empty());
                    let pairs: Vec<String> = pairs
                        .map(|pair| match pair.split_once('=') {
                            None if pair.len() < 8 => format!("{pair}="),
                            _ => pair.to_owned(),
                        })
                        .collect();
                    pairs.join("&")
                }
            }
        ),
        step!(
            "meta-variables/query-string-trimmed",
            "meta-variables.query-string.raw",
            "Separators at the ends of the query are trimmed.",
            {
                fn query_string(&self, call: &Call<'_>) -> String {
                    let query = Conforming.query_string(call);
                    query.trim_matches(['&', '=', '?', ';']).to_owned()
                }
            }
        ),
        step!(
            "meta-variables/query-string-cut-at-equals-sign",
            "meta-variables.query-string.raw",
            "The variable is split off an environment line `QUERY_STRING=a=b` at the wrong `=`.",
            {
                fn query_string(&self, call: &Call<'_>) -> String {
                    let query = Conforming.query_string(call);
                    query.split('=').next().unwrap_or_default().to_owned()
                }
            }
        ),
        step!(
            "meta-variables/query-string-signs-encoded",
            "meta-variables.query-string.raw",
            "A URL library encodes signs that may stand in a query.",
            {
                fn query_string(&self, call: &Call<'_>) -> String {
                    let encode = |c: char| match "!$'()*,;:@/?".contains(c) {
                        true => format!("%{:02X}", u32::from(c)),
                        false => c.to_string(),
                    };
                    Conforming.query_string(call).chars().map(encode).collect()
                }
            }
        ),
        step!(
            "meta-variables/query-string-codes-in-upper-case",
            "meta-variables.query-string.raw",
            "A URL library normalizes percent-codes to upper case.",
            {
                fn query_string(&self, call: &Call<'_>) -> String {
                    let query = Conforming.query_string(call);
                    query
                        .replace("%2f", "%2F")
                        .replace("%2b", "%2B")
                        .replace("%4a", "%4A")
                }
            }
        ),
        step!(
            "meta-variables/query-string-lower-case",
            "meta-variables.query-string.raw",
            "The whole target is folded to lower case.",
            {
                fn query_string(&self, call: &Call<'_>) -> String {
                    Conforming.query_string(call).to_ascii_lowercase()
                }
            }
        ),
        step!(
            "meta-variables/query-string-falsy",
            "meta-variables.query-string.raw",
            "A query of `0` or `null` counts as none, a habit from scripting languages.",
            {
                fn query_string(&self, call: &Call<'_>) -> String {
                    match Conforming.query_string(call).as_str() {
                        "0" | "null" => String::new(),
                        query => query.to_owned(),
                    }
                }
            }
        ),
        step!(
            "meta-variables/query-string-dot-segments",
            "meta-variables.query-string.raw",
            "Dot-segments and repeated slashes are resolved in the whole target.",
            {
                fn query_string(&self, call: &Call<'_>) -> String {
                    let query = Conforming.query_string(call);
                    query
                        .replace("/a/..", "")
                        .replace("/./", "/")
                        .replace("//", "/")
                }
            }
        ),
        step!(
            "meta-variables/query-string-from-field",
            "meta-variables.query-string.raw",
            "X-Original-URL is believed, whoever sends it.",
            {
                fn query_string(&self, call: &Call<'_>) -> String {
                    field(call, "x-original-url")
                        .or_else(|| field(call, "query-string"))
                        .unwrap_or_else(|| Conforming.query_string(call))
                }
            }
        ),
        step!(
            "meta-variables/query-string-cut",
            "meta-variables.query-string.raw",
            "The query is copied into a buffer of 1024 bytes.",
            {
                fn query_string(&self, call: &Call<'_>) -> String {
                    Conforming.query_string(call).chars().take(1024).collect()
                }
            }
        ),
        step!(
            "meta-variables/query-string-missing-in-words",
            "meta-variables.query-string.empty",
            "A missing value is printed as the language prints it.",
            {
                fn query_string(&self, call: &Call<'_>) -> String {
                    match &call.target.query {
                        Some(query) => query.clone(),
                        None => "null".to_owned(),
                    }
                }
            }
        ),
        step!(
            "meta-variables/query-string-question-mark-alone",
            "meta-variables.query-string.empty",
            "An empty query is given as the question mark that announced it.",
            {
                fn query_string(&self, call: &Call<'_>) -> String {
                    match call.target.query.as_deref() {
                        Some("") => "?".to_owned(),
                        _ => Conforming.query_string(call),
                    }
                }
            }
        ),
        step!(
            "meta-variables/query-string-of-last-request",
            "meta-variables.query-string.empty",
            "The variable is only set when there is a query, and keeps its old value otherwise.",
            Mutex<String>,
            {
                fn query_string(&self, call: &Call<'_>) -> String {
                    let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                    match &call.target.query {
                        Some(query) => {
                            last.clone_from(query);
                            query.clone()
                        }
                        None => last.clone(),
                    }
                }
            }
        ),
        step!(
            "meta-variables/server-protocol-fixed",
            "meta-variables.server-protocol.version",
            "SERVER_PROTOCOL is what the server speaks, not what the client spoke.",
            {
                fn server_protocol(&self, _call: &Call<'_>) -> String {
                    "HTTP/1.1".to_owned()
                }
            }
        ),
        step!(
            "meta-variables/server-protocol-is-the-scheme",
            "meta-variables.server-protocol.version",
            "SERVER_PROTOCOL is the scheme, as one of the guides shows it.",
            {
                fn server_protocol(&self, call: &Call<'_>) -> String {
                    call.request.scheme.as_str().to_owned()
                }
            }
        ),
        step!(
            "meta-variables/server-protocol-in-words",
            "meta-variables.server-protocol.version",
            "The version is printed as the library prints it for debugging.",
            {
                fn server_protocol(&self, call: &Call<'_>) -> String {
                    match call.request.version {
                        Version::Http10 => "Http10".to_owned(),
                        Version::Http11 => "Http11".to_owned(),
                    }
                }
            }
        ),
        meddle!(
            "meta-variables/query-string-of-a-url-parser",
            "meta-variables.query-string.raw",
            "The target goes through a parser for addresses in browsers, which encodes some characters.",
            {
                fn request(&self, _: usize, request: &mut Message) {
                    if let Some(line) = request.lines.first_mut() {
                        let encoded = line.iter().map(|byte| match byte {
                            b'"' => &b"%22"[..],
                            b'<' => b"%3C",
                            b'>' => b"%3E",
                            other => std::slice::from_ref(other),
                        });
                        *line = encoded.collect::<Vec<_>>().concat();
                    }
                }
            }
        ),
        meddle!(
            "meta-variables/query-string-made-utf-8",
            "meta-variables.query-string.raw",
            "The target is held in a string, so that octets that are not UTF-8 are replaced.",
            {
                fn request(&self, _: usize, request: &mut Message) {
                    if let Some(line) = request.lines.first_mut() {
                        *line = String::from_utf8_lossy(line).into_owned().into_bytes();
                    }
                }
            }
        ),
    ]
}

fn body() -> Vec<Mutant> {
    vec![
        step!(
            "meta-variables/content-length-in-hexadecimal",
            "meta-variables.content-length.value",
            "The length is written as chunks have it, in hexadecimal.",
            {
                fn content_length(&self, call: &Call<'_>) -> String {
                    match call.request.body_length {
                        Some(length) => format!("{length:x}"),
                        None => String::new(),
                    }
                }
            }
        ),
        step!(
            "meta-variables/content-length-missing",
            "meta-variables.content-length.value",
            "CONTENT_LENGTH is forgotten, since the body is there to be read to its end.",
            {
                fn content_length(&self, _call: &Call<'_>) -> String {
                    String::new()
                }
            }
        ),
        step!(
            "meta-variables/content-length-with-end",
            "meta-variables.content-length.value",
            "The end of the text is counted, as a server in C may do.",
            {
                fn content_length(&self, call: &Call<'_>) -> String {
                    match call.request.body_length {
                        Some(length) if length > 0 => (length + 1).to_string(),
                        _ => Conforming.content_length(call),
                    }
                }
            }
        ),
        step!(
            "meta-variables/content-length-in-16-bits",
            "meta-variables.content-length.value",
            "The length is kept in 16 bits.",
            {
                fn content_length(&self, call: &Call<'_>) -> String {
                    match call.request.body_length {
                        Some(length) => (length % (1 << 16)).to_string(),
                        None => String::new(),
                    }
                }
            }
        ),
        step!(
            "meta-variables/content-length-with-thousands",
            "meta-variables.content-length.value",
            "The number is written for people, with a separator of thousands.",
            {
                fn content_length(&self, call: &Call<'_>) -> String {
                    match call.request.body_length {
                        Some(length) if length >= 1000 => {
                            format!("{},{:03}", length / 1000, length % 1000)
                        }
                        _ => Conforming.content_length(call),
                    }
                }
            }
        ),
        step!(
            "meta-variables/content-length-of-chunked-missing",
            "meta-variables.content-length.chunked",
            "CONTENT_LENGTH is copied from the field, which a chunked body does not have.",
            {
                fn content_length(&self, call: &Call<'_>) -> String {
                    match field(call, "transfer-encoding") {
                        Some(_) => String::new(),
                        None => Conforming.content_length(call),
                    }
                }
            }
        ),
        step!(
            "meta-variables/content-length-of-chunked-unknown",
            "meta-variables.content-length.chunked",
            "The library gives -1 for a length that is not announced.",
            {
                fn content_length(&self, call: &Call<'_>) -> String {
                    match (field(call, "transfer-encoding"), call.request.body_length) {
                        (Some(_), Some(1..)) => "-1".to_owned(),
                        _ => Conforming.content_length(call),
                    }
                }
            }
        ),
        step!(
            "meta-variables/content-length-of-chunked-encoded",
            "meta-variables.content-length.chunked",
            "The bytes are counted before the chunks are decoded.",
            {
                fn content_length(&self, call: &Call<'_>) -> String {
                    match (field(call, "transfer-encoding"), call.request.body_length) {
                        (Some(_), Some(length @ 1..)) => (length + 12).to_string(),
                        _ => Conforming.content_length(call),
                    }
                }
            }
        ),
        step!(
            "meta-variables/content-length-minus-one",
            "meta-variables.content-length.no-body",
            "The library gives -1 where there is no body.",
            {
                fn content_length(&self, call: &Call<'_>) -> String {
                    match call.request.body_length {
                        None | Some(0) => "-1".to_owned(),
                        Some(length) => length.to_string(),
                    }
                }
            }
        ),
        step!(
            "meta-variables/content-length-missing-in-words",
            "meta-variables.content-length.no-body",
            "A missing length is printed as the language prints it.",
            {
                fn content_length(&self, call: &Call<'_>) -> String {
                    match call.request.body_length {
                        None => "None".to_owned(),
                        Some(length) => length.to_string(),
                    }
                }
            }
        ),
        step!(
            "meta-variables/content-type-lower-case",
            "meta-variables.content-type.value",
            "The type is folded to lower case.",
            {
                fn content_type(&self, values: &[String]) -> String {
                    Conforming.content_type(values).to_ascii_lowercase()
                }
            }
        ),
        step!(
            "meta-variables/content-type-without-parameters",
            "meta-variables.content-type.value",
            "The parameters are cut off.",
            {
                fn content_type(&self, values: &[String]) -> String {
                    let value = Conforming.content_type(values);
                    value
                        .split(';')
                        .next()
                        .unwrap_or_default()
                        .trim_end()
                        .to_owned()
                }
            }
        ),
        step!(
            "meta-variables/content-type-without-quotes",
            "meta-variables.content-type.value",
            "The type is parsed and written again without quotes.",
            {
                fn content_type(&self, values: &[String]) -> String {
                    Conforming.content_type(values).replace('"', "")
                }
            }
        ),
        step!(
            "meta-variables/content-type-spaced-anew",
            "meta-variables.content-type.value",
            "The type is parsed and written again with one space after each semicolon.",
            {
                fn content_type(&self, values: &[String]) -> String {
                    let value = Conforming.content_type(values);
                    let parts: Vec<&str> = value.split(';').map(str::trim).collect();
                    parts.join("; ")
                }
            }
        ),
        step!(
            "meta-variables/content-type-with-charset",
            "meta-variables.content-type.value",
            "A charset is added to a type that has none.",
            {
                fn content_type(&self, values: &[String]) -> String {
                    match Conforming.content_type(values) {
                        value if value.is_empty() || value.contains("charset") => value,
                        value => format!("{value}; charset=utf-8"),
                    }
                }
            }
        ),
        step!(
            "meta-variables/content-type-known-ones-only",
            "meta-variables.content-type.value",
            "A type that is not in a table becomes application/octet-stream.",
            {
                fn content_type(&self, values: &[String]) -> String {
                    match Conforming.content_type(values) {
                        value if value.contains("/x-") || value.contains("vnd.") => {
                            "application/octet-stream".to_owned()
                        }
                        value => value,
                    }
                }
            }
        ),
        step!(
            "meta-variables/content-type-missing",
            "meta-variables.content-type.value",
            "The variable is forgotten, since the field is thought to reach the guest anyway.",
            {
                fn content_type(&self, _values: &[String]) -> String {
                    String::new()
                }
            }
        ),
        step!(
            "meta-variables/content-type-default",
            "meta-variables.content-type.null",
            "A missing type becomes application/octet-stream.",
            {
                fn content_type(&self, values: &[String]) -> String {
                    match Conforming.content_type(values) {
                        value if value.is_empty() => "application/octet-stream".to_owned(),
                        value => value,
                    }
                }
            }
        ),
    ]
}

fn client() -> Vec<Mutant> {
    vec![
        step!(
            "meta-variables/remote-addr-with-port",
            "meta-variables.remote-addr.peer",
            "The address is printed with its port, as sockets are.",
            {
                fn remote_addr(&self, call: &Call<'_>) -> String {
                    format!("{}:49152", Conforming.remote_addr(call))
                }
            }
        ),
        step!(
            "meta-variables/remote-addr-from-x-forwarded-for",
            "meta-variables.remote-addr.peer",
            "X-Forwarded-For is believed, whoever sends it.",
            {
                fn remote_addr(&self, call: &Call<'_>) -> String {
                    field(call, "x-forwarded-for").unwrap_or_else(|| Conforming.remote_addr(call))
                }
            }
        ),
        step!(
            "meta-variables/remote-addr-from-forwarded",
            "meta-variables.remote-addr.peer",
            "Forwarded is believed, whoever sends it.",
            {
                fn remote_addr(&self, call: &Call<'_>) -> String {
                    match field(call, "forwarded") {
                        Some(value) => value.trim_start_matches("for=").to_owned(),
                        None => Conforming.remote_addr(call),
                    }
                }
            }
        ),
        step!(
            "meta-variables/remote-addr-from-x-real-ip",
            "meta-variables.remote-addr.peer",
            "X-Real-IP and Client-IP are believed, whoever sends them.",
            {
                fn remote_addr(&self, call: &Call<'_>) -> String {
                    field(call, "x-real-ip")
                        .or_else(|| field(call, "client-ip"))
                        .unwrap_or_else(|| Conforming.remote_addr(call))
                }
            }
        ),
        step!(
            "meta-variables/remote-addr-from-field",
            "meta-variables.remote-addr.peer",
            "A field Remote-Addr overwrites the variable of that name.",
            {
                fn remote_addr(&self, call: &Call<'_>) -> String {
                    field(call, "remote-addr").unwrap_or_else(|| Conforming.remote_addr(call))
                }
            }
        ),
        step!(
            "meta-variables/remote-addr-is-a-name",
            "meta-variables.remote-addr.peer",
            "The address is replaced by the name that it has.",
            {
                fn remote_addr(&self, _call: &Call<'_>) -> String {
                    "localhost".to_owned()
                }
            }
        ),
        step!(
            "meta-variables/remote-addr-missing",
            "meta-variables.remote-addr.peer",
            "The HTTP library does not tell the peer, so the variable is left empty.",
            {
                fn remote_addr(&self, _call: &Call<'_>) -> String {
                    String::new()
                }
            }
        ),
        step!(
            "meta-variables/remote-host-with-port",
            "meta-variables.remote-host.peer",
            "REMOTE_HOST is the peer's socket, with its port.",
            {
                fn remote_host(&self, call: &Call<'_>) -> String {
                    format!("{}:49152", Conforming.remote_host(call))
                }
            }
        ),
        step!(
            "meta-variables/remote-host-is-the-server",
            "meta-variables.remote-host.peer",
            "REMOTE_HOST is the Host field, as one of the guides says.",
            {
                fn remote_host(&self, call: &Call<'_>) -> String {
                    call.authority.host.clone()
                }
            }
        ),
        step!(
            "meta-variables/remote-host-from-x-forwarded-for",
            "meta-variables.remote-host.peer",
            "What fields claim about the client is believed.",
            {
                fn remote_host(&self, call: &Call<'_>) -> String {
                    const CLAIMS: [&str; 4] =
                        ["x-forwarded-for", "x-real-ip", "client-ip", "remote-host"];
                    CLAIMS
                        .iter()
                        .find_map(|name| field(call, name))
                        .unwrap_or_else(|| Conforming.remote_host(call))
                }
            }
        ),
        step!(
            "meta-variables/remote-host-from-forwarded",
            "meta-variables.remote-host.peer",
            "Forwarded is believed, whoever sends it.",
            {
                fn remote_host(&self, call: &Call<'_>) -> String {
                    match field(call, "forwarded") {
                        Some(value) => value.trim_start_matches("for=").to_owned(),
                        None => Conforming.remote_host(call),
                    }
                }
            }
        ),
    ]
}

fn server() -> Vec<Mutant> {
    vec![
        step!(
            "meta-variables/server-name-with-port",
            "meta-variables.server-name.host",
            "SERVER_NAME is the Host field with its port, as one of the guides shows it.",
            {
                fn server_name(&self, call: &Call<'_>) -> String {
                    call.authority.to_string()
                }
            }
        ),
        step!(
            "meta-variables/server-name-configured",
            "meta-variables.server-name.host",
            "SERVER_NAME is a name from the configuration, whatever the client asks for.",
            {
                fn server_name(&self, call: &Call<'_>) -> String {
                    match call.authority.host.starts_with('[') {
                        true => Conforming.server_name(call),
                        false => "localhost".to_owned(),
                    }
                }
            }
        ),
        step!(
            "meta-variables/server-name-first-label",
            "meta-variables.server-name.host",
            "SERVER_NAME is the name of the machine without its domain.",
            {
                fn server_name(&self, call: &Call<'_>) -> String {
                    let name = Conforming.server_name(call);
                    match name.starts_with(|c: char| c.is_ascii_alphabetic()) {
                        true => name.split('.').next().unwrap_or_default().to_owned(),
                        false => name,
                    }
                }
            }
        ),
        step!(
            "meta-variables/server-name-is-the-listener",
            "meta-variables.server-name.host",
            "SERVER_NAME is the address on which the server listens.",
            {
                fn server_name(&self, call: &Call<'_>) -> String {
                    match call.authority.host.starts_with('[') {
                        true => Conforming.server_name(call),
                        false => "0.0.0.0".to_owned(),
                    }
                }
            }
        ),
        step!(
            "meta-variables/server-name-without-brackets",
            "meta-variables.server-name.ipv6",
            "An IPv6 address is parsed and printed without its brackets.",
            {
                fn server_name(&self, call: &Call<'_>) -> String {
                    Conforming.server_name(call).replace(['[', ']'], "")
                }
            }
        ),
        step!(
            "meta-variables/server-name-split-at-colon",
            "meta-variables.server-name.ipv6",
            "The Host field is split at its first colon.",
            {
                fn server_name(&self, call: &Call<'_>) -> String {
                    let name = Conforming.server_name(call);
                    name.split(':').next().unwrap_or_default().to_owned()
                }
            }
        ),
        step!(
            "meta-variables/server-port-missing",
            "meta-variables.server-port.decimal",
            "SERVER_PORT is empty where the Host field has no port.",
            {
                fn server_port(&self, call: &Call<'_>) -> String {
                    let port = call.authority.port;
                    port.map(|port| port.to_string()).unwrap_or_default()
                }
            }
        ),
        step!(
            "meta-variables/server-port-zero",
            "meta-variables.server-port.decimal",
            "A port that is not known is printed as 0.",
            {
                fn server_port(&self, call: &Call<'_>) -> String {
                    call.authority.port.unwrap_or(0).to_string()
                }
            }
        ),
        step!(
            "meta-variables/server-port-with-colon",
            "meta-variables.server-port.decimal",
            "The port is cut out of the Host field together with its colon.",
            {
                fn server_port(&self, call: &Call<'_>) -> String {
                    format!(":{}", Conforming.server_port(call))
                }
            }
        ),
        step!(
            "meta-variables/server-port-is-a-service",
            "meta-variables.server-port.decimal",
            "The port is given by its service's name where there is no number.",
            {
                fn server_port(&self, call: &Call<'_>) -> String {
                    match call.authority.port {
                        Some(port) => port.to_string(),
                        None => call.request.scheme.as_str().to_owned(),
                    }
                }
            }
        ),
        step!(
            "meta-variables/server-port-of-http-1-0",
            "meta-variables.server-port.decimal",
            "A request of HTTP/1.0 has no Host field, so SERVER_PORT is left empty.",
            {
                fn server_port(&self, call: &Call<'_>) -> String {
                    match call.request.version {
                        Version::Http10 => String::new(),
                        Version::Http11 => Conforming.server_port(call),
                    }
                }
            }
        ),
        step!(
            "meta-variables/server-port-of-the-listener",
            "meta-variables.server-port.host",
            "SERVER_PORT is the port on which the server listens, whatever the Host field says.",
            {
                fn server_port(&self, call: &Call<'_>) -> String {
                    call.request.local.port().to_string()
                }
            }
        ),
        step!(
            "meta-variables/server-port-fixed",
            "meta-variables.server-port.host",
            "SERVER_PORT is always the default port.",
            {
                fn server_port(&self, _call: &Call<'_>) -> String {
                    "80".to_owned()
                }
            }
        ),
        step!(
            "meta-variables/server-port-of-ipv6",
            "meta-variables.server-port.host",
            "The port is what follows the first colon, in an IPv6 address too, if it is a number.",
            {
                fn server_port(&self, call: &Call<'_>) -> String {
                    match call.authority.host.starts_with('[') {
                        true => call.request.local.port().to_string(),
                        false => Conforming.server_port(call),
                    }
                }
            }
        ),
        step!(
            "meta-variables/server-software-missing",
            "meta-variables.server-software.product",
            "The server does not say who it is.",
            {
                fn server_software(&self) -> String {
                    String::new()
                }
            }
        ),
        step!(
            "meta-variables/server-software-without-version",
            "meta-variables.server-software.version",
            "The version is kept secret.",
            {
                fn server_software(&self) -> String {
                    let product = Conforming.server_software();
                    product.split('/').next().unwrap_or_default().to_owned()
                }
            }
        ),
        step!(
            "meta-variables/server-software-in-prose",
            "meta-variables.server-software.product",
            "The server describes itself in a sentence.",
            {
                fn server_software(&self) -> String {
                    "WAGI, version 1 <https://wagi.example>".to_owned()
                }
            }
        ),
        step!(
            "meta-variables/gateway-interface-of-wagi",
            "meta-variables.gateway-interface.version",
            "The gateway calls itself by its own name.",
            {
                fn gateway_interface(&self) -> String {
                    "WAGI/1.0".to_owned()
                }
            }
        ),
        step!(
            "meta-variables/gateway-interface-old",
            "meta-variables.gateway-interface.version",
            "The version is that of an older CGI.",
            {
                fn gateway_interface(&self) -> String {
                    "CGI/1.0".to_owned()
                }
            }
        ),
        step!(
            "meta-variables/gateway-interface-missing",
            "meta-variables.gateway-interface.version",
            "The variable is forgotten, since no guest reads it.",
            {
                fn gateway_interface(&self) -> String {
                    String::new()
                }
            }
        ),
        step!(
            "meta-variables/server-name-needs-a-dot",
            "meta-variables.server-name.host",
            "A host of one label is not taken for a name, and the listener's address stands in.",
            {
                fn server_name(&self, call: &Call<'_>) -> String {
                    let name = Conforming.server_name(call);
                    match name.contains(['.', '[']) {
                        true => name,
                        false => "127.0.0.1".to_owned(),
                    }
                }
            }
        ),
        step!(
            "meta-variables/server-name-of-an-address-is-the-listener",
            "meta-variables.server-name.host",
            "An address in Host is no name, so the address of the connection is given.",
            {
                fn server_name(&self, call: &Call<'_>) -> String {
                    let name = Conforming.server_name(call);
                    match name.parse::<Ipv4Addr>() {
                        Ok(_) => "127.0.0.1".to_owned(),
                        Err(_) => name,
                    }
                }
            }
        ),
    ]
}

fn user() -> Vec<Mutant> {
    vec![
        step!(
            "meta-variables/auth-type-unchecked",
            "meta-variables.auth-type.null",
            "AUTH_TYPE is the scheme of an Authorization field that nobody checked.",
            {
                fn auth_type(&self, call: &Call<'_>) -> String {
                    let value = field(call, "authorization").unwrap_or_default();
                    value.split(' ').next().unwrap_or_default().to_owned()
                }
            }
        ),
        step!(
            "meta-variables/auth-type-from-field",
            "meta-variables.auth-type.null",
            "A field Auth-Type overwrites the variable of that name.",
            {
                fn auth_type(&self, call: &Call<'_>) -> String {
                    field(call, "auth-type").unwrap_or_default()
                }
            }
        ),
        step!(
            "meta-variables/auth-type-none-in-words",
            "meta-variables.auth-type.null",
            "The absence of authentication is given a name.",
            {
                fn auth_type(&self, _call: &Call<'_>) -> String {
                    "None".to_owned()
                }
            }
        ),
        step!(
            "meta-variables/remote-user-unchecked",
            "meta-variables.remote-user.null",
            "REMOTE_USER is what an Authorization field says that nobody checked.",
            {
                fn remote_user(&self, call: &Call<'_>) -> String {
                    let value = field(call, "authorization").unwrap_or_default();
                    value.split(' ').nth(1).unwrap_or_default().to_owned()
                }
            }
        ),
        step!(
            "meta-variables/remote-user-from-field",
            "meta-variables.remote-user.null",
            "A field Remote-User overwrites the variable of that name.",
            {
                fn remote_user(&self, call: &Call<'_>) -> String {
                    field(call, "remote-user").unwrap_or_default()
                }
            }
        ),
        step!(
            "meta-variables/remote-user-anonymous",
            "meta-variables.remote-user.null",
            "A client without a name is called anonymous.",
            {
                fn remote_user(&self, _call: &Call<'_>) -> String {
                    "anonymous".to_owned()
                }
            }
        ),
    ]
}

fn own() -> Vec<Mutant> {
    vec![
        step!(
            "meta-variables/matched-route-without-ending",
            "meta-variables.x-matched-route.value",
            "X_MATCHED_ROUTE is the prefix, since the ending was cut off for matching.",
            {
                fn matched_route(&self, call: &Call<'_>) -> String {
                    call.route.prefix().to_owned()
                }
            }
        ),
        step!(
            "meta-variables/matched-route-is-the-path",
            "meta-variables.x-matched-route.value",
            "X_MATCHED_ROUTE is the path that was matched.",
            {
                fn matched_route(&self, call: &Call<'_>) -> String {
                    call.target.path.clone()
                }
            }
        ),
        step!(
            "meta-variables/matched-route-is-a-pattern",
            "meta-variables.x-matched-route.value",
            "X_MATCHED_ROUTE is the regular expression that was made from the route.",
            {
                fn matched_route(&self, call: &Call<'_>) -> String {
                    match call.route.kind() {
                        Kind::Exact => format!("^{}$", call.route.prefix()),
                        Kind::Wildcard => format!("^{}(/.*)?$", call.route.prefix()),
                    }
                }
            }
        ),
        step!(
            "meta-variables/matched-route-missing",
            "meta-variables.x-matched-route.value",
            "The server does not know X_MATCHED_ROUTE, which is not in RFC 3875.",
            {
                fn matched_route(&self, _call: &Call<'_>) -> String {
                    String::new()
                }
            }
        ),
        step!(
            "meta-variables/full-url-decoded",
            "meta-variables.x-full-url.value",
            "X_FULL_URL is put together from decoded parts.",
            {
                fn full_url(&self, call: &Call<'_>) -> String {
                    decode(&Conforming.full_url(call))
                }
            }
        ),
        step!(
            "meta-variables/full-url-without-query",
            "meta-variables.x-full-url.value",
            "The query is left out.",
            {
                fn full_url(&self, call: &Call<'_>) -> String {
                    let url = Conforming.full_url(call);
                    url.split('?').next().unwrap_or_default().to_owned()
                }
            }
        ),
        step!(
            "meta-variables/full-url-without-port",
            "meta-variables.x-full-url.value",
            "X_FULL_URL is put together from SERVER_NAME, which has no port.",
            {
                fn full_url(&self, call: &Call<'_>) -> String {
                    let mut call = call.clone();
                    call.authority.port = None;
                    Conforming.full_url(&call)
                }
            }
        ),
        step!(
            "meta-variables/full-url-of-the-listener",
            "meta-variables.x-full-url.value",
            "X_FULL_URL holds the address on which the server listens.",
            {
                fn full_url(&self, call: &Call<'_>) -> String {
                    let mut call = call.clone();
                    call.authority = call.request.local.into();
                    Conforming.full_url(&call)
                }
            }
        ),
        step!(
            "meta-variables/full-url-is-the-target",
            "meta-variables.x-full-url.value",
            "X_FULL_URL is the target of the request, without scheme and host.",
            {
                fn full_url(&self, call: &Call<'_>) -> String {
                    call.request.target.clone()
                }
            }
        ),
        step!(
            "meta-variables/full-url-of-the-remainder",
            "meta-variables.x-full-url.value",
            "The path in X_FULL_URL is what is left of it after routing.",
            {
                fn full_url(&self, call: &Call<'_>) -> String {
                    let mut call = call.clone();
                    call.target.path = call.remainder().to_owned();
                    Conforming.full_url(&call)
                }
            }
        ),
        step!(
            "meta-variables/full-url-encoded-again",
            "meta-variables.x-full-url.value",
            "Parts that are encoded already are encoded again.",
            {
                fn full_url(&self, call: &Call<'_>) -> String {
                    Conforming
                        .full_url(call)
                        .replace('%', "%25")
                        .replace('+', "%2B")
                }
            }
        ),
        step!(
            "meta-variables/full-url-question-mark-always",
            "meta-variables.x-full-url.value",
            "The query is joined with a question mark that it has already.",
            {
                fn full_url(&self, call: &Call<'_>) -> String {
                    Conforming.full_url(call).replacen('?', "??", 1)
                }
            }
        ),
        step!(
            "meta-variables/full-url-missing",
            "meta-variables.x-full-url.value",
            "The server does not know X_FULL_URL, which is not in RFC 3875.",
            {
                fn full_url(&self, _call: &Call<'_>) -> String {
                    String::new()
                }
            }
        ),
        step!(
            "meta-variables/full-url-trimmed",
            "meta-variables.x-full-url.value",
            "Trailing slashes are trimmed from the path.",
            {
                fn full_url(&self, call: &Call<'_>) -> String {
                    let mut call = call.clone();
                    call.target.path = call.target.path.trim_end_matches('/').to_owned();
                    Conforming.full_url(&call)
                }
            }
        ),
    ]
}

fn unique() -> Vec<Mutant> {
    vec![
        step!(
            "meta-variables/repeats-in-variables-of-their-own",
            "meta-variables.unique-names",
            "Each line of a repeated field gives a variable of the same name.",
            {
                fn join_values(&self, field_name: &str, values: &[String]) -> String {
                    match values {
                        [_, _, ..] => format!("{REPEATS}{}", values.join(REPEATS)),
                        _ => Conforming.join_values(field_name, values),
                    }
                }

                fn merge_environment(
                    &self,
                    configured: &Variables,
                    request: Variables,
                ) -> Variables {
                    let merged = Conforming.merge_environment(configured, request);
                    let separate = merged.into_iter().flat_map(|(name, value)| {
                        let values = value.strip_prefix(REPEATS).unwrap_or(&value);
                        let values: Vec<String> =
                            values.split(REPEATS).map(str::to_owned).collect();
                        values.into_iter().map(move |value| (name.clone(), value))
                    });
                    separate.collect()
                }
            }
        ),
        step!(
            "meta-variables/fields-become-meta-variables",
            "meta-variables.unique-names",
            "A field named like a meta-variable is given under that name too.",
            {
                fn variable_name(&self, field_name: &str) -> Option<String> {
                    let name = Conforming.variable_name(field_name)?;
                    match name.as_str() {
                        "HTTP_PATH_INFO" | "HTTP_QUERY_STRING" | "HTTP_REMOTE_ADDR"
                        | "HTTP_SERVER_NAME" => name.strip_prefix("HTTP_").map(str::to_owned),
                        _ => Some(name),
                    }
                }
            }
        ),
        step!(
            "meta-variables/underscore-beside-hyphen",
            "meta-variables.unique-names",
            "Fields are told apart by their own names and named the same only afterwards.",
            {
                fn variable_name(&self, field_name: &str) -> Option<String> {
                    match field_name.contains('_') {
                        true => Some(format!("HTTP_{field_name}")),
                        false => Conforming.variable_name(field_name),
                    }
                }

                fn merge_environment(
                    &self,
                    configured: &Variables,
                    request: Variables,
                ) -> Variables {
                    let upper = |(name, value): (String, String)| match name.starts_with("HTTP_") {
                        true => (name.to_ascii_uppercase(), value),
                        false => (name, value),
                    };
                    let request = request.into_iter().map(upper).collect();
                    Conforming.merge_environment(configured, request)
                }
            }
        ),
        step!(
            "meta-variables/content-type-twice",
            "meta-variables.unique-names",
            "CONTENT_TYPE is set from the field by two parts of the server.",
            {
                fn merge_environment(
                    &self,
                    configured: &Variables,
                    mut request: Variables,
                ) -> Variables {
                    let again = request
                        .iter()
                        .find(|(name, value)| name == "CONTENT_TYPE" && !value.is_empty())
                        .cloned();
                    request.extend(again);
                    Conforming.merge_environment(configured, request)
                }
            }
        ),
        step!(
            "meta-variables/defaults-and-values",
            "meta-variables.unique-names",
            "Defaults are put into the environment first and the values of the request after them.",
            {
                fn merge_environment(
                    &self,
                    configured: &Variables,
                    mut request: Variables,
                ) -> Variables {
                    request.push(("GATEWAY_INTERFACE".to_owned(), "CGI/1.1".to_owned()));
                    Conforming.merge_environment(configured, request)
                }
            }
        ),
    ]
}

/// Stands between values that are to be told apart later.
const REPEATS: &str = "\u{1}";
