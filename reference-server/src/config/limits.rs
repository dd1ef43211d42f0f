//! The limits of a server, and how they are written on the command line.

use std::time::Duration;

/// The limits that are fixed when code is compiled and memory is set aside for it.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct EngineLimits {
    /// Memory of one guest
    #[arg(long, value_name = "SIZE", default_value = "128MiB", value_parser = parse_size)]
    pub guest_memory: usize,

    /// Guests that run at the same time; further requests wait
    #[arg(long, value_name = "NUMBER", default_value = "64", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub max_guests: u32,
}

impl Default for EngineLimits {
    fn default() -> Self {
        Self {
            guest_memory: 128 << 20,
            max_guests: 64,
        }
    }
}

/// The limits on requests, responses and connections.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Time that a guest may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_time)]
    pub guest_time: Duration,

    /// Length of a request body
    #[arg(long, value_name = "SIZE", default_value = "32MiB", value_parser = parse_size)]
    pub max_request_body: usize,

    /// Length of a guest's output
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = parse_size)]
    pub max_response: usize,

    /// Length of a request's head (request line and fields); 8KiB at least
    #[arg(long, value_name = "SIZE", default_value = "128KiB", value_parser = parse_size)]
    pub max_head: usize,

    /// Connections at the same time; further ones wait
    #[arg(long, value_name = "NUMBER", default_value = "512", value_parser = parse_count)]
    pub max_connections: usize,

    /// Time that a client may keep the server waiting: for a request or the rest of its head,
    /// for the next bytes of a body, to take the next bytes of a response, for a TLS handshake
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_time)]
    pub idle_time: Duration,

    /// Time that a request body may take in all
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = parse_time)]
    pub upload_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            guest_time: Duration::from_secs(10),
            max_request_body: 32 << 20,
            max_response: 64 << 20,
            max_head: 128 << 10,
            max_connections: 512,
            idle_time: Duration::from_secs(30),
            upload_time: Duration::from_secs(120),
        }
    }
}

/// Reads a number of bytes: `65536`, `64KiB`, `32MiB` or `1GiB`.
fn parse_size(text: &str) -> Result<usize, String> {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    let (digits, unit) = units
        .iter()
        .find_map(|&(name, unit)| Some((text.strip_suffix(name)?, unit)))
        .unwrap_or((text, 1_usize));
    digits
        .parse::<usize>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| "write a number of bytes, or a number and KiB, MiB or GiB".to_owned())
}

/// Reads a time: `500ms`, `10s` or `2m`.
fn parse_time(text: &str) -> Result<Duration, String> {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000)];
    units
        .iter()
        .find_map(|&(name, unit)| {
            let number: u64 = text.strip_suffix(name)?.parse().ok()?;
            number.checked_mul(unit).map(Duration::from_millis)
        })
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "write a number greater than 0 and ms, s or m".to_owned())
}

/// Reads a number from 1.
fn parse_count(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        // More than the runtime can count is no limit.
        .filter(|number| (1..=1 << 20).contains(number))
        .ok_or_else(|| "write a number from 1 to 1048576".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let table = [
            ("0", Some(0)),
            ("65536", Some(65536)),
            ("64KiB", Some(65536)),
            ("32MiB", Some(32 << 20)),
            ("1GiB", Some(1 << 30)),
            ("1MB", None),
            ("-1", None),
            ("", None),
            ("99999999999GiB", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_size(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn times() {
        let table = [
            ("500ms", Some(500)),
            ("10s", Some(10_000)),
            ("2m", Some(120_000)),
            ("10", None),
            ("0s", None),
            ("1.5s", None),
        ];
        for (text, expected) in table {
            let expected = expected.map(Duration::from_millis);
            assert_eq!(parse_time(text).ok(), expected, "{text}");
        }
    }
}
