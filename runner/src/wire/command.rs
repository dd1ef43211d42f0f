//! A command for `sh` that sends the same request, to try a failure by hand.
//!
//! `curl` where it sends the request exactly, since everybody knows it; otherwise the octets
//! themselves, by `printf` to `nc` (or to `openssl s_client`, through TLS).

use std::time::Duration;

use crate::case::request::{Await, Client, Close, Version};

use super::encode::{Action, Parts, PartsFraming, Prepared};
use super::{Endpoint, Scheme};

/// The commands that write what goes over a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// Commands, in order.
    steps: Vec<String>,
    /// How many octets are left out because the commands would become too long.
    missing: usize,
    /// Which side is closed at the end.
    close: Option<Close>,
}

/// As many octets are spelled out in one command line.
const MAX_SPELLED: usize = 32 << 10;
/// A repetition of fewer octets is spelled out.
const MIN_REPEATED: usize = 1024;
/// A longer pattern than this is not recognised.
const MAX_PATTERN: usize = 16;
/// Requests that follow an answer are sent after so many seconds: long enough for the answer.
const BETWEEN: &str = "sleep 1";
/// A request that awaits others goes on after so many seconds: long enough to send them by hand.
const OTHERS: &str = "sleep 10";
/// `nc` gives up after so many seconds of silence, more than the longest pause of a case.
const SILENCE: u32 = 15;

/// A command that sends `prepared` to `endpoint`, behind what was sent `before` on the connection.
pub fn command(prepared: &Prepared, before: &Script, endpoint: &Endpoint, tls: bool) -> String {
    let everyday = before.steps.is_empty() && tls == (endpoint.scheme == Scheme::Https);
    let parts = prepared.parts.as_ref().filter(|_| everyday);
    let curl = parts.and_then(|parts| curl(parts, endpoint));
    curl.unwrap_or_else(|| before.clone().then(&prepared.actions).piped(endpoint, tls))
}

impl Script {
    /// This, and then `actions`.
    #[must_use]
    pub fn then(mut self, actions: &[Action]) -> Self {
        let mut spelled = 0;
        for action in actions {
            match action {
                Action::Send(octets) => self.write(octets, &mut spelled),
                Action::Pause(pause) => self.steps.push(format!("sleep {}", seconds(*pause))),
                Action::Await(Await::Others) => self.steps.push(OTHERS.to_owned()),
                Action::Await(Await::Continue) => self.steps.push(BETWEEN.to_owned()),
                Action::Close(side) => self.close = Some(*side),
            }
        }
        self
    }

    /// This, and then time for an answer.
    #[must_use]
    pub fn then_wait(mut self) -> Self {
        self.steps.push(BETWEEN.to_owned());
        self
    }

    /// Adds commands that write `octets`: what repeats itself is generated, the rest spelled out.
    fn write(&mut self, octets: &[u8], spelled: &mut usize) {
        let mut literal_start = 0;
        let mut place = 0;
        while place < octets.len() {
            let rest = octets.get(place..).unwrap_or_default();
            let Some((pattern, length)) = repetition(rest) else {
                *spelled += 1;
                if *spelled > MAX_SPELLED {
                    self.missing += rest.len();
                    break;
                }
                place += 1;
                continue;
            };
            self.spell(octets.get(literal_start..place).unwrap_or_default());
            self.steps.push(repeated(pattern, length));
            place += length;
            literal_start = place;
        }
        self.spell(octets.get(literal_start..place).unwrap_or_default());
    }

    fn spell(&mut self, octets: &[u8]) {
        if !octets.is_empty() {
            self.steps
                .push(format!("printf '{}'", printf_format(octets)));
        }
    }

    /// One command that writes everything; `None` if there is nothing to write.
    fn written(&self) -> Option<String> {
        match self.steps.as_slice() {
            [] => None,
            [only] => Some(only.clone()),
            steps => Some(format!("{{ {}; }}", steps.join("; "))),
        }
    }

    fn piped(&self, endpoint: &Endpoint, tls: bool) -> String {
        let (host, port) = (endpoint.bare_host(), endpoint.port);
        let client = match (tls, self.close) {
            (false, None) => format!("nc -w {SILENCE} {host} {port}"),
            (false, Some(Close::Write)) => format!("nc -N -w {SILENCE} {host} {port}"),
            (false, Some(Close::Both)) => format!("nc -q 0 {host} {port}"),
            (true, None) => format!("openssl s_client -quiet -connect {}:{port}", endpoint.host),
            (true, Some(_)) => {
                format!(
                    "openssl s_client -quiet -no_ign_eof -connect {}:{port}",
                    endpoint.host
                )
            }
        };
        let written = self.written().unwrap_or_else(|| ":".to_owned());
        format!("{written} | {client}{}", self.remark())
    }

    fn remark(&self) -> String {
        match self.missing {
            0 => String::new(),
            missing => format!(" # shortened: {missing} more octets are to follow"),
        }
    }
}

/// The `curl` command that sends the request, if there is one. What an ordinary client sends is
/// left to curl's own habits; all others send nothing that the case does not write. (Only the
/// space before an empty value is missing, which is no part of it.)
fn curl(parts: &Parts, endpoint: &Endpoint) -> Option<String> {
    let exact = parts.client == Client::Exact;
    let mut words = vec!["curl".to_owned(), "-i".to_owned()];
    let mut word = |text: &str| words.push(text.to_owned());
    if endpoint.scheme == Scheme::Https {
        word("-k");
        word("--http1.1");
    }
    if parts.version == Version::Http10 {
        word("--http1.0");
    }
    match (parts.method.as_str(), &parts.body) {
        ("HEAD", None) => word("-I"),
        ("HEAD", Some(_)) => return None,
        ("GET", None) | ("POST", Some(_)) => {}
        (method, _) => {
            word("-X");
            word(&quoted(method.as_bytes())?);
        }
    }

    let given = |wanted: &str| {
        let mut names = parts.fields.iter().map(|(name, _)| name);
        names.any(|name| name.eq_ignore_ascii_case(wanted.as_bytes()))
    };
    // curl writes Host first, in this letter case.
    let mut fields = parts.fields.as_slice();
    match fields.split_first() {
        Some(((name, value), others)) if name == b"Host" && !value.is_empty() => {
            if value != endpoint.authority().as_bytes() {
                word("-H");
                word(&field_word(name, value)?);
            }
            fields = others;
        }
        _ => {
            word("-H");
            word("'Host:'");
        }
    }
    for (name, value) in fields {
        word("-H");
        word(&field_word(name, value)?);
    }
    let mut unwanted = Vec::new();
    let mut input = Script::default();
    let mut data = None;
    match (&parts.framing, &parts.body) {
        (PartsFraming::None, None) => {}
        (PartsFraming::ContentLength, Some(body)) => {
            unwanted.push("Content-Type");
            if body.len() > MIN_REPEATED {
                unwanted.push("Expect");
            }
            input.write(body, &mut 0);
            let inline = (body.len() <= MIN_REPEATED && !body.starts_with(b"@"))
                .then(|| quoted(body))
                .flatten();
            if inline.is_some() {
                input = Script::default();
            }
            data = Some(inline.unwrap_or_else(|| "@-".to_owned()));
        }
        _ => return None,
    }
    if exact {
        unwanted.splice(0..0, ["User-Agent", "Accept"]);
        for name in unwanted {
            if !given(name) {
                word("-H");
                word(&format!("'{name}:'"));
            }
        }
    }
    if let Some(data) = data {
        word("--data-binary");
        word(&data);
    }

    let target = str::from_utf8(&parts.target).ok()?;
    let origin = endpoint.origin();
    if is_plain_path(target) {
        if target.contains("/.") || target.contains("%2") {
            word("--path-as-is");
        }
        word(&quoted(format!("{origin}{target}").as_bytes())?);
    } else {
        if target.is_empty() || target.contains(' ') {
            return None;
        }
        word("--request-target");
        word(&quoted(target.as_bytes())?);
        word(&quoted(format!("{origin}/").as_bytes())?);
    }
    let command = words.join(" ");
    Some(match input.written() {
        Some(written) => format!("{written} | {command}{}", input.remark()),
        None => command,
    })
}

/// Whether curl sends `target` as it stands when it is part of the URL.
fn is_plain_path(target: &str) -> bool {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~/?&=%+:@!$,;".contains(&octet);
    target.starts_with('/') && target.bytes().all(plain) && !target.ends_with('?')
}

/// A field as the word after `-H`, if curl sends it as it stands.
fn field_word(name: &[u8], value: &[u8]) -> Option<String> {
    /// With these, curl does more, or less, than to send them.
    const OWN: [&str; 6] = [
        "host",
        "content-length",
        "transfer-encoding",
        "expect",
        "te",
        "trailer",
    ];
    let is_own = OWN
        .iter()
        .any(|own| name.eq_ignore_ascii_case(own.as_bytes()))
        && (name != b"Host" || value.is_empty());
    let is_token = |octet: &u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(octet);
    let padded = value.trim_ascii() != value;
    if is_own || padded || name.is_empty() || !name.iter().all(is_token) {
        return None;
    }
    match value {
        [] => quoted(&[name, b";"].concat()),
        _ => quoted(&[name, b": ", value].concat()),
    }
}

/// `text` as one word for the shell, if all of it can be seen.
fn quoted(text: &[u8]) -> Option<String> {
    let text = str::from_utf8(text).ok()?;
    if text.chars().any(char::is_control) {
        return None;
    }
    let bare = |octet: u8| octet.is_ascii_alphanumeric() || b"-._/:@%+=,".contains(&octet);
    if !text.is_empty() && text.bytes().all(bare) {
        return Some(text.to_owned());
    }
    Some(format!("'{}'", text.replace('\'', r"'\''")))
}

/// `octets` as the format of a `printf` between single quotes.
fn printf_format(octets: &[u8]) -> String {
    let mut format = String::new();
    for (place, octet) in octets.iter().enumerate() {
        match octet {
            // At the start, a hyphen would look like an option.
            b'-' if place == 0 => format.push_str(r"\055"),
            b'\n' => format.push_str(r"\n"),
            b'\r' => format.push_str(r"\r"),
            b'\t' => format.push_str(r"\t"),
            b'%' => format.push_str("%%"),
            b'\\' => format.push_str(r"\\"),
            b' '..=b'~' if *octet != b'\'' => format.push(char::from(*octet)),
            _ => format.push_str(&format!(r"\{octet:03o}")),
        }
    }
    format
}

/// The pattern that `octets` begin with and repeat, and the length of the whole repetition.
fn repetition(octets: &[u8]) -> Option<(&[u8], usize)> {
    const BLOCK: usize = 16 << 10;
    octets.get(..MIN_REPEATED)?;
    // A look at the first octet, and then at the beginning, settles nearly everything.
    if !octets.get(1..=MAX_PATTERN)?.contains(octets.first()?) {
        return None;
    }
    (1..=MAX_PATTERN).find_map(|period| {
        let shifted = octets.get(period..)?;
        if octets.get(..MIN_REPEATED - period)? != shifted.get(..MIN_REPEATED - period)? {
            return None;
        }
        let blocks = octets.chunks(BLOCK).zip(shifted.chunks(BLOCK));
        let same_blocks = blocks.take_while(|(a, b)| a == b).count();
        let same = (same_blocks * BLOCK).min(shifted.len());
        let behind = octets.iter().zip(shifted).skip(same);
        let same = same + behind.take_while(|(a, b)| a == b).count();
        Some((octets.get(..period)?, period + same))
    })
}

/// A command that writes `pattern` over and over, `length` octets in all.
fn repeated(pattern: &[u8], length: usize) -> String {
    match pattern {
        [0] => format!("head -c {length} /dev/zero"),
        [octet] => format!(r"head -c {length} /dev/zero | tr '\0' '\{octet:03o}'"),
        _ => match quoted(pattern) {
            Some(word) if !pattern.starts_with(b"-") => {
                format!(r"yes {word} | tr -d '\n' | head -c {length}")
            }
            _ => {
                let format = printf_format(pattern);
                format!("while printf '{format}'; do :; done | head -c {length}")
            }
        },
    }
}

fn seconds(pause: Duration) -> String {
    let text = format!("{:.3}", pause.as_secs_f64());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::wire::encode::prepare;
    use crate::wire::testing::{requests, values};

    fn endpoint(url: &str) -> Endpoint {
        Endpoint::parse(url).expect(url)
    }

    fn prepared(members: &str, endpoint: &Endpoint) -> Prepared {
        let requests = requests(&format!(r#"[{{{members}, "expect": "closed"}}]"#));
        prepare(&requests[0].message, &values(endpoint)).expect("known placeholders")
    }

    fn command_for(members: &str, url: &str) -> String {
        let endpoint = endpoint(url);
        let tls = endpoint.scheme == Scheme::Https;
        command(
            &prepared(members, &endpoint),
            &Script::default(),
            &endpoint,
            tls,
        )
    }

    fn octets(actions: &[Action]) -> Vec<u8> {
        let octets = |action: &Action| match action {
            Action::Send(octets) => octets.clone(),
            Action::Pause(_) | Action::Await(_) | Action::Close(_) => Vec::new(),
        };
        actions.iter().flat_map(octets).collect()
    }

    #[test]
    fn curl_sends_what_it_can_send() {
        for (members, url, command) in [
            (
                r#""target": "/""#,
                "http://127.0.0.1:1",
                "curl -i -H 'User-Agent:' -H 'Accept:' http://127.0.0.1:1/",
            ),
            (
                r#""target": "/a?b=c&d'", "method": "HEAD", "version": "1.0""#,
                "https://127.0.0.1",
                r"curl -i -k --http1.1 --http1.0 -I -H 'User-Agent:' -H 'Accept:' --request-target '/a?b=c&d'\''' https://127.0.0.1/",
            ),
            (
                r#""target": "/a/../%2F?", "fields": [["X-A", "é 'x'"], ["x-E", ""], ["aCCept", "b"]]"#,
                "http://[::1]:1",
                r"curl -i -H 'X-A: é '\''x'\''' -H 'x-E;' -H 'aCCept: b' -H 'User-Agent:' --request-target '/a/../%2F?' 'http://[::1]:1/'",
            ),
            (
                r#""target": "/./", "method": "POST", "host": false, "body": "a b""#,
                "http://127.0.0.1:1",
                "curl -i -H 'Host:' -H 'User-Agent:' -H 'Accept:' -H 'Content-Type:' --data-binary 'a b' --path-as-is http://127.0.0.1:1/./",
            ),
            (
                r#""target": "/", "body": "a\r\n%\\\u0000'é", "fields": [["Content-Type", "x"]]"#,
                "http://127.0.0.1:1",
                r"printf 'a\r\n%%\\\000\047\303\251' | curl -i -X GET -H 'Content-Type: x' -H 'User-Agent:' -H 'Accept:' --data-binary @- http://127.0.0.1:1/",
            ),
            (
                r#""target": "/", "client": "ordinary", "body": "@""#,
                "http://127.0.0.1:1",
                "printf '@' | curl -i -X GET --data-binary @- http://127.0.0.1:1/",
            ),
        ] {
            assert_eq!(command_for(members, url), command);
        }
    }

    #[test]
    fn everything_else_is_printed_to_a_socket() {
        for (members, url, command) in [
            (
                r#""raw": ["-%\r\n", {"pause-ms": 1500}, "é", {"close": "write"}]"#,
                "http://[::1]:2",
                r"{ printf '\055%%\r\n'; sleep 1.5; printf '\303\251'; } | nc -N -w 15 ::1 2",
            ),
            (
                r#""raw": ["x", {"await": "continue"}, "y", {"await": "others"}], "answer": "later""#,
                "http://127.0.0.1:2",
                "{ printf 'x'; sleep 1; printf 'y'; sleep 10; } | nc -w 15 127.0.0.1 2",
            ),
            (
                r#""raw": ["x", {"close": "both"}]"#,
                "http://127.0.0.1:2",
                "printf 'x' | nc -q 0 127.0.0.1 2",
            ),
            (
                r#""raw": []"#,
                "http://127.0.0.1:2",
                ": | nc -w 15 127.0.0.1 2",
            ),
            (
                r#""target": "/ ", "host": false"#,
                "https://127.0.0.1:2",
                r"printf 'GET /  HTTP/1.1\r\n\r\n' | openssl s_client -quiet -connect 127.0.0.1:2",
            ),
            (
                r#""raw": [{"repeat": {"pattern": "\u0000", "length": 5000}}, "ab"]"#,
                "http://127.0.0.1:2",
                "{ head -c 5000 /dev/zero; printf 'ab'; } | nc -w 15 127.0.0.1 2",
            ),
        ] {
            assert_eq!(command_for(members, url), command);
        }
        let long = r#""raw": [{"repeat": {"pattern": "0123456789abcdefg", "length": 40000}}]"#;
        let shortened = command_for(long, "http://127.0.0.1:2");
        assert!(
            shortened.ends_with(" # shortened: 7232 more octets are to follow"),
            "{shortened}"
        );
    }

    #[test]
    fn a_request_without_tls_to_a_server_with_it_is_printed_to_a_socket() {
        let https = endpoint("https://127.0.0.1:2");
        let get = prepared(r#""target": "/", "host": false"#, &https);
        assert_eq!(
            command(&get, &Script::default(), &https, false),
            r"printf 'GET / HTTP/1.1\r\n\r\n' | nc -w 15 127.0.0.1 2"
        );
    }

    #[test]
    fn the_shell_writes_the_octets_of_the_request() {
        let endpoint = endpoint("http://127.0.0.1:1");
        for members in [
            r#""target": "/", "fields": [["A", "-%s\\n'\"$HOME`"]], "body": "x", "framing": "none""#,
            r#""raw": ["-n", {"base64": "AAECAwQFBgcICQoLDA0ODxAREhMUf4CB/v8="}, "7"]"#,
            r#""raw": ["a", {"repeat": {"pattern": "x", "length": 3000000}}, "xb"]"#,
            r#""raw": ["a", {"repeat": {"pattern": "it's ", "length": 70001}}, "'b"]"#,
            r#""raw": [{"repeat": {"pattern": "-\n", "length": 2001}}]"#,
            r#""target": "/", "body": {"repeat": {"pattern": "x", "length": 3000}},
               "framing": {"chunked": {"sizes": [1]}}"#,
        ] {
            let request = prepared(members, &endpoint);
            let script = Script::default().then(&request.actions);
            assert_eq!(script.missing, 0);
            let written = script.written().expect("something");
            let output = Command::new("sh")
                .arg("-c")
                .arg(&written)
                .output()
                .expect("sh");
            assert!(
                output.stdout == octets(&request.actions),
                "{members}: {written}"
            );
        }
    }

    /// Receives one request of a known length, and answers it.
    fn receive(listener: &TcpListener, length: usize) -> Vec<u8> {
        let (mut stream, _) = listener.accept().expect("a connection");
        let wait = Some(Duration::from_millis(500));
        stream.set_read_timeout(wait).expect("a timeout");
        let mut received = Vec::new();
        let mut some = [0; 65536];
        while received.len() < length {
            match stream.read(&mut some) {
                Ok(count) if count > 0 => received.extend_from_slice(&some[..count]),
                _ => break,
            }
        }
        let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        received
    }

    /// The part of a long text that a person can look at.
    fn start(octets: &[u8]) -> String {
        octets
            .iter()
            .copied()
            .take(1000)
            .collect::<Vec<u8>>()
            .escape_ascii()
            .to_string()
    }

    /// Where there is a curl, it is held to what [`curl`] claims of it.
    #[test]
    fn the_real_curl_sends_the_octets_of_the_request() {
        if Command::new("curl").arg("--version").output().is_err() {
            return;
        }
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let endpoint = endpoint(&format!("http://127.0.0.1:{port}"));
        for members in [
            r#""target": "/""#,
            r#""target": "//a/./b/../%7e/%2e%2E/%2f;x=y?b=c&d=%20+""#,
            r#""target": "/a?", "method": "DELETE", "version": "1.0""#,
            r#""target": "*", "method": "OPTIONS", "host": false"#,
            r#""target": "http://other.example/a", "fields": [["Host", "third.example"], ["a", "b"]]"#,
            r#""target": "/a[b]{c}|<>^`\"'\\#é", "method": "pUt""#,
            r#""target": "/a", "method": "HEAD", "fields": [["Accept", "x"], ["uSER-agent", "y"]]"#,
            r#""target": "/", "fields": [["X-a", "1"], ["b", "2"], ["x-A", "é, \"'$(x)"],
               ["Cookie", "a=b"], ["Connection", "close"], ["Authorization", "Basic x"],
               ["!#$%&*+.^_`|~'", "x"]]"#,
            r#""target": "/", "method": "POST", "body": """#,
            r#""target": "/", "method": "POST", "body": "a=b",
               "fields": [["Content-Type", "a/b"], ["c", "d"]]"#,
            r#""target": "/", "body": "@a\r\nb\u0000%", "fields": [["X", "y"]]"#,
            r#""target": "/", "method": "PUT",
               "body": {"repeat": {"pattern": "abc", "length": 2000000}}"#,
        ] {
            let request = prepared(members, &endpoint);
            let line = command(&request, &Script::default(), &endpoint, false);
            assert!(line.contains("curl -i "), "{line}");
            // The habits of whoever works at this machine must not show.
            let line_here = line.replace("curl -i ", "curl -q -s --noproxy '*' -i ");
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(line_here).stdout(Stdio::null());
            let mut child = shell.spawn().expect("sh");
            let due = octets(&request.actions);
            let received = receive(&listener, due.len());
            child.wait().expect("curl ends");
            assert!(
                received == due,
                "{line}\n{}\n{}",
                start(&received),
                start(&due)
            );
        }
    }
}
