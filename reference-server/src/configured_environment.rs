//! Variables that the server's configuration sets (chapter `configured-environment`).

/// An environment: names and values, each name once.
pub type Variables = Vec<(String, String)>;

/// Adds configured variables to those of a request. A variable of the request wins over a
/// configured one of the same name. Rules `configured-environment.reaches-guest`,
/// `configured-environment.request-wins`, `meta-variables.unique-names`.
pub fn merge(configured: &Variables, request: Variables) -> Variables {
    let mut merged = request;
    for (name, value) in configured {
        if !merged.iter().any(|(existing, _)| existing == name) {
            merged.push((name.clone(), value.clone()));
        }
    }
    merged
}

/// Puts variables that are configured directly before those of a file: of a name that occurs
/// several times, the last direct one counts, or else the last one of the file. Rule
/// `configured-environment.file.lower-precedence`.
pub fn configured(file: Variables, direct: Variables) -> Variables {
    let mut variables = Variables::new();
    for (name, value) in direct.into_iter().rev().chain(file.into_iter().rev()) {
        if !variables.iter().any(|(existing, _)| *existing == name) {
            variables.push((name, value));
        }
    }
    variables.reverse();
    variables
}

/// Reads `NAME=VALUE`. The value is kept as it is. The error says what is wrong and what it
/// should be.
pub fn parse_variable(text: &str) -> Result<(String, String), String> {
    if text.contains('\0') {
        return Err(format!("{text:?} holds NUL, which no variable can hold"));
    }
    let Some((name, value)) = text.split_once('=') else {
        return Err(format!("{text:?} has no `=`; write NAME=VALUE"));
    };
    if !name.split_whitespace().eq([name]) {
        return Err(format!(
            "{name:?} is no name of a variable; write NAME=VALUE without spaces around the `=`"
        ));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Reads one line of an environment file: `NAME=VALUE` or `NAME="VALUE"`, where the quotes are
/// no part of the value; none for an empty line or one that begins with `#`. Rule
/// `configured-environment.file.reaches-guest`.
pub fn parse_line(line: &str) -> Result<Option<(String, String)>, String> {
    if line.trim().is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (name, value) = parse_variable(line)?;
    let unquoted = value
        .trim_end()
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match unquoted {
        Some(unquoted) => Ok(Some((name, unquoted.to_owned()))),
        None if value.starts_with('"') => Err(format!(
            "the value of {name} begins with a quote and does not end with one"
        )),
        None => Ok(Some((name, value))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn the_request_wins() {
        let configured = variables(&[("A", "1"), ("REQUEST_METHOD", "x")]);
        let request = variables(&[("REQUEST_METHOD", "GET"), ("REMOTE_USER", "")]);
        let expected = variables(&[("REQUEST_METHOD", "GET"), ("REMOTE_USER", ""), ("A", "1")]);
        assert_eq!(merge(&configured, request), expected);
    }

    #[test]
    fn direct_ones_win_over_the_file() {
        let file = variables(&[("A", "file"), ("B", "file"), ("B", "later")]);
        let direct = variables(&[("A", "direct"), ("C", "direct")]);
        let expected = variables(&[("B", "later"), ("A", "direct"), ("C", "direct")]);
        assert_eq!(configured(file, direct), expected);
    }

    #[test]
    fn lines() {
        let table = [
            ("A=b", Some(("A", "b"))),
            ("A=", Some(("A", ""))),
            ("A=b c = \"d\" $e", Some(("A", "b c = \"d\" $e"))),
            ("A=\"b c\"", Some(("A", "b c"))),
            ("A=\"b\"c\"", Some(("A", "b\"c"))),
            ("A=\"\"", Some(("A", ""))),
            ("", None),
            ("  ", None),
            ("# A=b", None),
        ];
        for (line, expected) in table {
            let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
            assert_eq!(parse_line(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn bad_lines() {
        let table = [
            ("A", "\"A\" has no `=`; write NAME=VALUE"),
            (
                "A = b",
                "\"A \" is no name of a variable; write NAME=VALUE without spaces around the `=`",
            ),
            (
                "=b",
                "\"\" is no name of a variable; write NAME=VALUE without spaces around the `=`",
            ),
            (
                "A=\"b",
                "the value of A begins with a quote and does not end with one",
            ),
            (
                "A=\"",
                "the value of A begins with a quote and does not end with one",
            ),
            ("A=\0", "\"A=\\0\" holds NUL, which no variable can hold"),
            ("\0=b", "\"\\0=b\" holds NUL, which no variable can hold"),
        ];
        for (line, expected) in table {
            assert_eq!(parse_line(line), Err(expected.to_owned()), "{line:?}");
        }
    }
}
