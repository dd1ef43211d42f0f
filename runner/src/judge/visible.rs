//! Octets as text in which nothing is invisible.

use std::fmt::Write as _;

/// `octets` as text: printable UTF-8 as it is; line ends, tabs, other control characters, invalid
/// octets and `\` as escapes.
pub fn visible(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    for chunk in octets.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                '\\' => text.push_str("\\\\"),
                c if c.is_ascii_control() => escape(&mut text, c as u8),
                // What has no shape of its own (marks, joiners, byte order marks) would mislead.
                c if c.is_control()
                    || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{FEFF}') =>
                {
                    let _ = write!(text, "\\u{{{:x}}}", c as u32);
                }
                c => text.push(c),
            }
        }
        chunk
            .invalid()
            .iter()
            .for_each(|octet| escape(&mut text, *octet));
    }
    text
}

fn escape(text: &mut String, octet: u8) {
    // Writing to a String cannot fail.
    let _ = write!(text, "\\x{octet:02x}");
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn everything_shows() {
        assert_eq!(visible(b"a\r\n\t\\\0\xFF"), r"a\r\n\t\\\x00\xff");
        assert_eq!(visible("é\u{FEFF}".as_bytes()), r"é\u{feff}");
    }
}
