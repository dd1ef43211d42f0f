//! The guest's arguments (chapters `arguments` and `argument-templates`).

/// The arguments that a query gives: its parts between `&`, in order, neither decoded nor
/// escaped; none without a query or for an empty one, while an empty part of another query
/// gives an empty argument. Rules `arguments.query-split`, `arguments.undecoded`,
/// `arguments.unescaped`, `arguments.no-query`.
pub fn split_query(query: Option<&str>) -> Vec<String> {
    match query {
        None | Some("") => Vec::new(),
        Some(query) => query.split('&').map(str::to_owned).collect(),
    }
}

/// Puts the values into an argument template: `${SCRIPT_NAME}` becomes the script name,
/// `${ARGS}` the query with a space in place of each `&`; all other text stays.
///
/// The template is read once, from left to right: what was put in is not read again, so that a
/// client who writes `${ARGS}` in a query sends just these characters. Rules
/// `argument-templates.script-name`, `argument-templates.args`,
/// `argument-templates.no-second-expansion`.
pub fn expand_template(template: &str, script_name: &str, query: Option<&str>) -> String {
    const SCRIPT_NAME: &str = "${SCRIPT_NAME}";
    const ARGS: &str = "${ARGS}";
    let mut expanded = String::new();
    let mut rest = template;
    while let Some(start) = rest.find("${") {
        let (before, from) = rest.split_at(start);
        expanded.push_str(before);
        rest = if let Some(after) = from.strip_prefix(SCRIPT_NAME) {
            expanded.push_str(script_name);
            after
        } else if let Some(after) = from.strip_prefix(ARGS) {
            expanded.push_str(&query.unwrap_or_default().replace('&', " "));
            after
        } else {
            expanded.push_str("${");
            from.strip_prefix("${").unwrap_or_default()
        };
    }
    expanded.push_str(rest);
    expanded
}

/// Splits an expanded template into arguments, at white space. There are no empty arguments and
/// no quotes. Rule `argument-templates.split`.
pub fn split_template(expanded: &str) -> Vec<String> {
    expanded
        .split_ascii_whitespace()
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        let table: [(Option<&str>, &[&str]); 8] = [
            (None, &[]),
            (Some(""), &[]),
            (Some("a"), &["a"]),
            (Some("greet=matt&foo=bar"), &["greet=matt", "foo=bar"]),
            (Some("a=1&&b=2"), &["a=1", "", "b=2"]),
            (Some("&a=1&"), &["", "a=1", ""]),
            (Some("a=%41+b;c=%26"), &["a=%41+b;c=%26"]),
            (Some("a=$HOME;'*'!~(x)"), &["a=$HOME;'*'!~(x)"]),
        ];
        for (query, expected) in table {
            assert_eq!(split_query(query), expected, "{query:?}");
        }
    }

    #[test]
    fn templates() {
        let table: [(&str, Option<&str>, &[&str]); 9] = [
            (
                "${SCRIPT_NAME} ${ARGS}",
                Some("a=1&b=2"),
                &["/p", "a=1", "b=2"],
            ),
            ("${SCRIPT_NAME} ${ARGS}", None, &["/p"]),
            (
                "run --to  ${ARGS}\tend",
                Some("x"),
                &["run", "--to", "x", "end"],
            ),
            ("x${ARGS}y", Some("a&b"), &["xa", "by"]),
            ("${ARGS}${ARGS}", Some("a"), &["aa"]),
            (
                "a ${ARGS}",
                Some("${SCRIPT_NAME}&${ARGS}"),
                &["a", "${SCRIPT_NAME}", "${ARGS}"],
            ),
            (
                "${ARG} $ {ARGS} ${",
                Some("x"),
                &["${ARG}", "$", "{ARGS}", "${"],
            ),
            ("$${ARGS}", Some("x"), &["$x"]),
            ("", Some("x"), &[]),
        ];
        for (template, query, expected) in table {
            let arguments = split_template(&expand_template(template, "/p", query));
            assert_eq!(arguments, expected, "{template:?} {query:?}");
        }
    }

    #[test]
    fn what_was_put_in_is_not_read_again() {
        let expanded = expand_template("${SCRIPT_NAME}{ARGS}", "/p$", Some("x"));
        assert_eq!(expanded, "/p${ARGS}");
    }
}
