//! Where requests go: a scheme, a host and a port, and the addresses behind them.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};

use url::Url;

/// The scheme of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP over TCP.
    Http,
    /// HTTP over TLS over TCP.
    Https,
}

/// A server to talk to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The scheme.
    pub scheme: Scheme,
    /// The host as a URL has it: a name, an IPv4 address, or an IPv6 address in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The addresses of the host, in the order in which they are tried; not empty.
    pub addresses: Vec<SocketAddr>,
}

impl Scheme {
    /// The scheme's name, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that a URL of this scheme means when it names none.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Endpoint {
    /// The server at `address`, named by its address.
    pub fn at(scheme: Scheme, address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V4(v4) => v4.ip().to_string(),
            SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
        };
        Self {
            scheme,
            host,
            port: address.port(),
            addresses: vec![address],
        }
    }

    /// The server that `url` names: `http` or `https`, a host, perhaps a port, and nothing more.
    /// A host name is looked up by the system's resolver, which blocks the thread.
    ///
    /// # Errors
    /// What in `url` cannot be taken, and what would be; or why the name has no address.
    pub fn parse(url: &str) -> Result<Self, String> {
        let refuse = |why: &str| Err(format!("the target `{url}` {why}"));
        // `localhost:3000` reads as a URL whose scheme is `localhost`.
        if !url.contains("://") {
            return refuse(&format!(
                "has no scheme: write `http://{url}` or `https://{url}`"
            ));
        }
        let parsed =
            Url::parse(url).map_err(|error| format!("the target `{url}` is not a URL: {error}"))?;
        let scheme = match parsed.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => {
                return refuse(&format!(
                    "has the scheme `{other}`: it may be `http` or `https`"
                ));
            }
        };
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return refuse("holds a user name or password: leave it out");
        }
        if !matches!(parsed.path(), "" | "/")
            || parsed.query().is_some()
            || parsed.fragment().is_some()
        {
            return refuse(
                "must end after host and port: the routes that a case needs begin at the root",
            );
        }
        let Some(host) = parsed.host_str() else {
            return refuse("names no host");
        };
        let port = parsed.port().unwrap_or(scheme.default_port());
        let addresses: Vec<SocketAddr> = (unbracketed(host), port)
            .to_socket_addrs()
            .map_err(|error| format!("no address was found for `{host}` of `{url}`: {error}"))?
            .collect();
        if addresses.is_empty() {
            return refuse(&format!("has the host `{host}`, which has no address"));
        }
        Ok(Self {
            scheme,
            host: host.to_owned(),
            port,
            addresses,
        })
    }

    /// Host and port as the field Host has them: the port is left out where it is the scheme's
    /// default (RFC 9110 section 7.2 with RFC 3986 section 6.2.3).
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Scheme and authority, without a slash at the end: `http://127.0.0.1:3000`.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority())
    }

    /// The host without the brackets of an IPv6 address.
    pub fn bare_host(&self) -> &str {
        unbracketed(&self.host)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.origin())
    }
}

fn unbracketed(host: &str) -> &str {
    let inside = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    inside.unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_read() {
        for (url, host, port, authority, origin) in [
            (
                "http://127.0.0.1:3000",
                "127.0.0.1",
                3000,
                "127.0.0.1:3000",
                "http://127.0.0.1:3000",
            ),
            (
                "http://127.0.0.1/",
                "127.0.0.1",
                80,
                "127.0.0.1",
                "http://127.0.0.1",
            ),
            (
                "https://127.0.0.1",
                "127.0.0.1",
                443,
                "127.0.0.1",
                "https://127.0.0.1",
            ),
            (
                "https://127.0.0.1:80",
                "127.0.0.1",
                80,
                "127.0.0.1:80",
                "https://127.0.0.1:80",
            ),
            (
                "http://[::1]:8080",
                "[::1]",
                8080,
                "[::1]:8080",
                "http://[::1]:8080",
            ),
        ] {
            let endpoint = Endpoint::parse(url).expect(url);
            assert_eq!(endpoint.host, host);
            assert_eq!(endpoint.port, port);
            assert_eq!(endpoint.authority(), authority);
            assert_eq!(endpoint.origin(), origin);
            assert_eq!(
                Endpoint::at(endpoint.scheme, endpoint.addresses[0]),
                endpoint
            );
        }
        let named = Endpoint::parse("http://LOCALHOST:1").expect("a local name");
        assert_eq!(named.authority(), "localhost:1");
    }

    #[test]
    fn what_is_no_target_is_refused_with_a_cure() {
        for (url, part) in [
            ("localhost:3000", "write `http://localhost:3000`"),
            ("", "has no scheme"),
            ("ftp://127.0.0.1", "it may be `http` or `https`"),
            ("http://", "is not a URL"),
            ("http://u:p@127.0.0.1", "user name"),
            ("http://127.0.0.1/base", "must end after host and port"),
            ("http://127.0.0.1/?", "must end after host and port"),
            ("http://127.0.0.1/#a", "must end after host and port"),
            ("http://127.0.0.1:99999", "is not a URL"),
            (
                "http://name.invalid",
                "no address was found for `name.invalid`",
            ),
        ] {
            let error = Endpoint::parse(url).expect_err(url);
            assert!(error.contains(part), "{url}: {error}");
        }
    }
}
