//! A request as the rules see it: plain data, without the types of an HTTP library.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The head of a request, and the length of its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method, as it was sent.
    pub method: String,
    /// The request target, as it was sent: nothing decoded, resolved or merged.
    pub target: String,
    /// The version of HTTP that the client speaks.
    pub version: Version,
    /// The header fields. Lines of the same name stand in the order in which they were sent.
    pub fields: Vec<Field>,
    /// The length of the body in bytes after transfer-decoding; none if the request has no body.
    pub body_length: Option<u64>,
    /// The address of the other end of the connection.
    pub peer: IpAddr,
    /// Whether the connection is encrypted.
    pub scheme: Scheme,
    /// The server's end of the connection.
    pub local: SocketAddr,
    /// The host that the server is configured to go by when the client does not name one.
    pub hostname: Option<Authority>,
}

/// One line of a header: a name and a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name. Its case has no meaning.
    pub name: String,
    /// The value, without white space at its ends.
    pub value: Vec<u8>,
}

impl Field {
    /// A field from its name and value.
    pub fn new(name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
        }
    }

    /// Whether this is the field called `name`, in any case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

impl Request {
    /// The values of all fields called `name`, in the order in which they were sent.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields
            .iter()
            .filter(move |field| field.is(name))
            .map(|field| field.value.as_slice())
    }
}

/// The versions of HTTP that the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

impl Version {
    /// The version as HTTP and `SERVER_PROTOCOL` write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        }
    }
}

/// The schemes by which the server can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// The scheme as a URL writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A host and perhaps a port, as in a `Host` field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// A name, an IPv4 address, or an IPv6 address in brackets; as written, never empty.
    pub host: String,
    /// The port, if one is written.
    pub port: Option<u16>,
}

impl Authority {
    /// Reads `host` or `host:port` (RFC 9110 section 7.2, RFC 3986 section 3.2).
    ///
    /// Gives none for an empty host, for one that is no host, for user information and for a
    /// port beyond 65535. An empty port is no port.
    pub fn parse(text: &str) -> Option<Self> {
        let host_end = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, _) = rest.split_once(']')?;
                address.parse::<Ipv6Addr>().ok()?;
                address.len() + "[]".len()
            }
            None => {
                let host = text.split(':').next().unwrap_or_default();
                host.bytes().all(is_reg_name).then_some(host.len())?
            }
        };
        let (host, rest) = text.split_at_checked(host_end)?;
        let port = match rest.strip_prefix(':') {
            None if rest.is_empty() => None,
            None => return None,
            Some("") => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().ok()?)
            }
            Some(_) => return None,
        };
        (!host.is_empty()).then(|| Self {
            host: host.to_owned(),
            port,
        })
    }
}

/// Whether `byte` may stand in a host name (`reg-name` of RFC 3986 section 3.2.2).
fn is_reg_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&byte)
}

impl From<SocketAddr> for Authority {
    fn from(address: SocketAddr) -> Self {
        let host = match address.ip().to_canonical() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        Self {
            host,
            port: Some(address.port()),
        }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

/// The parts of a request target, as they were sent (RFC 9112 section 3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The authority, if the target is a whole URL (absolute form).
    pub authority: Option<String>,
    /// The path, undecoded. `*` for the target of a request to the server as a whole.
    pub path: String,
    /// What follows the first `?`; none if there is no `?`.
    pub query: Option<String>,
}

impl Target {
    /// Takes a request target apart. Nothing is decoded, resolved or merged.
    pub fn split(target: &str) -> Self {
        let (authority, rest) = match target.split_once("://") {
            Some((scheme, rest)) if !scheme.contains(['/', '?']) => {
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                let (authority, rest) = rest.split_at(end);
                (Some(authority.to_owned()), rest)
            }
            _ => (None, target),
        };
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (rest, None),
        };
        // RFC 9110 section 4.2.3: the empty path of a URL is the same as "/".
        let path = match (path, &authority) {
            ("", Some(_)) => "/",
            _ => path,
        };
        Self {
            authority,
            path: path.to_owned(),
            query,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities() {
        let table = [
            ("example.com", Some(("example.com", None))),
            ("example.com:8080", Some(("example.com", Some(8080)))),
            ("example.com:", Some(("example.com", None))),
            ("127.0.0.1:0", Some(("127.0.0.1", Some(0)))),
            ("[::1]", Some(("[::1]", None))),
            ("[::1]:81", Some(("[::1]", Some(81)))),
            ("[::1]x", None),
            ("[::1", None),
            ("[no]", None),
            ("", None),
            (":80", None),
            ("a b", None),
            ("user@host", None),
            ("host:65536", None),
            ("host:+80", None),
            ("host:8 0", None),
            ("h/x", None),
        ];
        for (text, expected) in table {
            let expected = expected.map(|(host, port): (&str, _)| Authority {
                host: host.to_owned(),
                port,
            });
            assert_eq!(Authority::parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn authority_of_an_address() {
        let table = [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("[::1]:80", "[::1]:80"),
            ("[::ffff:127.0.0.1]:80", "127.0.0.1:80"),
        ];
        for (address, expected) in table {
            let address: SocketAddr = address.parse().expect("an address");
            assert_eq!(Authority::from(address).to_string(), expected);
        }
    }

    #[test]
    fn targets() {
        let table = [
            ("/", (None, "/", None)),
            ("/a%20b//../c", (None, "/a%20b//../c", None)),
            ("/a?", (None, "/a", Some(""))),
            ("/a?b?c", (None, "/a", Some("b?c"))),
            ("/a?u=http://x/y", (None, "/a", Some("u=http://x/y"))),
            ("/http://x/y", (None, "/http://x/y", None)),
            ("//x/y", (None, "//x/y", None)),
            ("http://h:1/p?q", (Some("h:1"), "/p", Some("q"))),
            ("http://h", (Some("h"), "/", None)),
            ("http://h?q", (Some("h"), "/", Some("q"))),
            ("*", (None, "*", None)),
        ];
        for (target, (authority, path, query)) in table {
            let expected = Target {
                authority: authority.map(str::to_owned),
                path: path.to_owned(),
                query: query.map(str::to_owned),
            };
            assert_eq!(Target::split(target), expected, "{target:?}");
        }
    }
}
