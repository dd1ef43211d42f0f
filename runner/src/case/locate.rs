//! Where in a JSON text a value stands: serde's errors name a path, authors look for a line.

/// The line, counted from 1, on which the value at `path` begins; where the path leads no further
/// (a row's value takes the place of a placeholder), that of the last value it led to.
///
/// `text` is valid JSON; `path` is as `serde_path_to_error` writes it: `requests[0].expect.status`.
pub fn line(text: &str, path: &str) -> usize {
    let mut scanner = Scanner { rest: text };
    scanner.space();
    let mut found = scanner.rest;
    for segment in path.split(['.', '[']).filter(|segment| !segment.is_empty()) {
        let arrived = match segment.strip_suffix(']') {
            Some(index) => index.parse().is_ok_and(|index| scanner.item(index)),
            None => scanner.member(segment),
        };
        if !arrived {
            break;
        }
        found = scanner.rest;
    }
    let before = text.len() - found.len();
    text.bytes()
        .take(before)
        .filter(|octet| *octet == b'\n')
        .count()
        + 1
}

/// What is left of a JSON text; every step leaves it before a value or after one.
struct Scanner<'a> {
    rest: &'a str,
}

impl Scanner<'_> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, mark: char) -> bool {
        self.space();
        match self.rest.strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Goes to the member `name` of the object that stands here.
    fn member(&mut self, name: &str) -> bool {
        if !self.eat('{') {
            return false;
        }
        loop {
            self.space();
            let start = self.rest;
            self.value();
            let key = start
                .get(..start.len() - self.rest.len())
                .unwrap_or_default();
            if !self.eat(':') {
                return false;
            }
            self.space();
            if serde_json::from_str::<String>(key).is_ok_and(|key| key == name) {
                return true;
            }
            self.value();
            if !self.eat(',') {
                return false;
            }
        }
    }

    /// Goes to the item `index` of the array that stands here.
    fn item(&mut self, index: usize) -> bool {
        if !self.eat('[') {
            return false;
        }
        for _ in 0..index {
            self.value();
            if !self.eat(',') {
                return false;
            }
        }
        self.space();
        true
    }

    /// Passes over one value.
    fn value(&mut self) {
        self.space();
        let mut values =
            serde_json::Deserializer::from_str(self.rest).into_iter::<serde_json::Value>();
        if values.next().is_none_or(|value| value.is_err()) {
            self.rest = "";
            return;
        }
        let passed = values.byte_offset();
        self.rest = self.rest.get(passed..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_path_leads_to_its_line() {
        let text = "{\n\"a\": 1,\n\"b\": [\n{\"c\": \"}\"},\n{\"d\":\n2}\n]\n}";
        assert_eq!(line(text, "a"), 2);
        assert_eq!(line(text, "b[0].c"), 4);
        assert_eq!(line(text, "b[1].d"), 6);
        assert_eq!(line(text, "b[1].missing"), 5);
        assert_eq!(line(text, "."), 1);
    }
}
