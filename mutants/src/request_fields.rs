//! Mutants for the chapter `request-fields`.

use percent_encoding::percent_decode;
use wagi_reference_server::{Conforming, Semantics};

use crate::Mutant;
use crate::relay::Message;

/// The mutants.
pub fn mutants() -> Vec<Mutant> {
    [
        names(),
        values(),
        repeats(),
        withheld(),
        collisions(),
        non_ascii(),
    ]
    .concat()
}

/// The conforming value, changed.
fn changed(value: &[u8], change: impl Fn(&str) -> String) -> Option<String> {
    Conforming.variable_value(value).map(|value| change(&value))
}

fn names() -> Vec<Mutant> {
    vec![
        step!(
            "request-fields/name-case-kept",
            "request-fields.name.mapped",
            "The name is not folded to upper case.",
            {
                fn variable_name(&self, field_name: &str) -> Option<String> {
                    let name = Conforming.variable_name(field_name)?;
                    Some(format!("HTTP_{}", name.get(5..)?.to_ascii_lowercase()))
                }
            }
        ),
        step!(
            "request-fields/name-hyphens-kept",
            "request-fields.name.mapped",
            "Hyphens are kept.",
            {
                fn variable_name(&self, field_name: &str) -> Option<String> {
                    let kept = format!("HTTP_{}", field_name.to_ascii_uppercase());
                    Conforming.variable_name(field_name).map(|_| kept)
                }
            }
        ),
        step!(
            "request-fields/name-first-hyphen-only",
            "request-fields.name.mapped",
            "Only the first hyphen is replaced, as `replace` does in JavaScript.",
            {
                fn variable_name(&self, field_name: &str) -> Option<String> {
                    let replaced = field_name.to_ascii_uppercase().replacen('-', "_", 1);
                    Conforming
                        .variable_name(field_name)
                        .map(|_| format!("HTTP_{replaced}"))
                }
            }
        ),
        step!(
            "request-fields/name-without-prefix",
            "request-fields.name.mapped",
            "The prefix `HTTP_` is forgotten.",
            {
                fn variable_name(&self, field_name: &str) -> Option<String> {
                    let name = Conforming.variable_name(field_name)?;
                    name.strip_prefix("HTTP_").map(str::to_owned)
                }
            }
        ),
        step!(
            "request-fields/name-prefix-once",
            "request-fields.name.mapped",
            "The prefix is added only where the name does not begin with it.",
            {
                fn variable_name(&self, field_name: &str) -> Option<String> {
                    let name = Conforming.variable_name(field_name)?;
                    Some(name.replace("HTTP_HTTP_", "HTTP_"))
                }
            }
        ),
        step!(
            "request-fields/name-hyphens-merged",
            "request-fields.name.mapped",
            "A run of hyphens gives one underscore, and those at the ends give none.",
            {
                fn variable_name(&self, field_name: &str) -> Option<String> {
                    let parts: Vec<&str> = field_name
                        .split('-')
                        .filter(|part| !part.is_empty())
                        .collect();
                    Conforming.variable_name(field_name)?;
                    Conforming.variable_name(&parts.join("-"))
                }
            }
        ),
        step!(
            "request-fields/name-digits-dropped",
            "request-fields.name.mapped",
            "Everything but letters becomes an underscore.",
            {
                fn variable_name(&self, field_name: &str) -> Option<String> {
                    let name = Conforming.variable_name(field_name)?;
                    Some(name.replace(|c: char| c.is_ascii_digit(), "_"))
                }
            }
        ),
        step!(
            "request-fields/name-cut",
            "request-fields.name.mapped",
            "The name is copied into a buffer of 32 bytes, as a server in C may do.",
            {
                fn variable_name(&self, field_name: &str) -> Option<String> {
                    let name = Conforming.variable_name(field_name)?;
                    Some(name.chars().take(32).collect())
                }
            }
        ),
        step!(
            "request-fields/known-names-only",
            "request-fields.name.mapped",
            "Only fields in a table of well-known names are passed on.",
            {
                fn variable_name(&self, field_name: &str) -> Option<String> {
                    let known = field_name.starts_with("x-") || !field_name.contains('-');
                    Conforming
                        .variable_name(field_name)
                        .filter(|name| (known && name.len() > 6) || name.starts_with("HTTP_ACCEPT"))
                }
            }
        ),
        step!(
            "request-fields/extensions-only",
            "request-fields.name.mapped",
            "Fields that the server understands itself are not passed on.",
            {
                fn withholds_field(&self, name: &str) -> bool {
                    const UNDERSTOOD: [&str; 15] = [
                        "host",
                        "accept",
                        "accept-language",
                        "accept-encoding",
                        "accept-charset",
                        "user-agent",
                        "referer",
                        "range",
                        "origin",
                        "if-none-match",
                        "if-modified-since",
                        "cache-control",
                        "date",
                        "from",
                        "via",
                    ];
                    Conforming.withholds_field(name) || UNDERSTOOD.contains(&name)
                }
            }
        ),
        step!(
            "request-fields/withheld-by-ending",
            "request-fields.name.mapped",
            "Names that end like a withheld one are withheld too.",
            {
                fn withholds_field(&self, name: &str) -> bool {
                    let last = |n: usize| {
                        let parts: Vec<&str> = name.rsplitn(n + 1, '-').take(n).collect();
                        parts.into_iter().rev().collect::<Vec<_>>().join("-")
                    };
                    Conforming.withholds_field(&last(1)) || Conforming.withholds_field(&last(2))
                }
            }
        ),
        step!(
            "request-fields/withheld-by-beginning",
            "request-fields.name.mapped",
            "Names that begin like a withheld one are withheld too.",
            {
                fn withholds_field(&self, name: &str) -> bool {
                    name.starts_with("content-")
                        || name.starts_with("proxy")
                        || Conforming.withholds_field(name)
                }
            }
        ),
        step!(
            "request-fields/meta-variables-withheld",
            "request-fields.name.mapped",
            "A field named like a meta-variable is dropped, though its variable has another name.",
            {
                fn withholds_field(&self, name: &str) -> bool {
                    matches!(name, "path-info" | "remote-addr" | "query-string")
                        || Conforming.withholds_field(name)
                }
            }
        ),
        step!(
            "request-fields/three-digits-unknown",
            "request-fields.name.mapped",
            "The fields stand in an array of 32, and the rest is dropped.",
            {
                fn withholds_field(&self, name: &str) -> bool {
                    let number = name
                        .strip_prefix("x-")
                        .and_then(|rest| rest.parse::<u32>().ok());
                    Conforming.withholds_field(name)
                        || number.is_some_and(|number| (33..=100).contains(&number))
                }
            }
        ),
        step!(
            "request-fields/sixty-four-at-most",
            "request-fields.name.mapped",
            "The fields stand in an array of 64, and the rest is dropped.",
            {
                fn withholds_field(&self, name: &str) -> bool {
                    let number = name
                        .strip_prefix("x-")
                        .and_then(|rest| rest.parse::<u32>().ok());
                    Conforming.withholds_field(name)
                        || number.is_some_and(|number| (65..=100).contains(&number))
                }
            }
        ),
        step!(
            "request-fields/none",
            "request-fields.name.mapped",
            "The request's fields are not passed on at all.",
            {
                fn withholds_field(&self, _name: &str) -> bool {
                    true
                }
            }
        ),
        step!(
            "request-fields/name-needs-a-hyphen",
            "request-fields.name.mapped",
            "A name of one word is taken for one that the server deals with itself.",
            {
                fn variable_name(&self, field_name: &str) -> Option<String> {
                    let name = Conforming.variable_name(field_name)?;
                    field_name.contains('-').then_some(name)
                }
            }
        ),
        meddle!(
            "request-fields/extension-in-lower-case-lost",
            "request-fields.name.mapped",
            "Extensions are known by `X-`, with regard to case, though many clients send lower case.",
            {
                fn request(&self, _: usize, request: &mut Message) {
                    request.lines.retain(|line| !line.starts_with(b"x-"));
                }
            }
        ),
    ]
}

fn values() -> Vec<Mutant> {
    vec![
        step!(
            "request-fields/value-decoded",
            "request-fields.value.intact",
            "Values are percent-decoded.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    let decoded: Vec<u8> =
                        percent_decode(value).filter(|&byte| byte != 0).collect();
                    Some(String::from_utf8_lossy(&decoded).into_owned())
                }
            }
        ),
        step!(
            "request-fields/value-without-quotes",
            "request-fields.value.intact",
            "Quotes are taken away.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    changed(value, |value| value.replace('"', ""))
                }
            }
        ),
        step!(
            "request-fields/value-without-backslashes",
            "request-fields.value.intact",
            "Backslashes are taken for escapes and resolved.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    changed(value, |value| value.replace('\\', ""))
                }
            }
        ),
        step!(
            "request-fields/value-first-of-list",
            "request-fields.value.intact",
            "A value with commas is a list, of which the first member counts.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    changed(value, |value| {
                        value.split(',').next().unwrap_or_default().to_owned()
                    })
                }
            }
        ),
        step!(
            "request-fields/value-split-at-colon",
            "request-fields.value.intact",
            "The line is split at every colon and the second part is the value.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    changed(value, |value| {
                        value.split(':').next().unwrap_or_default().to_owned()
                    })
                }
            }
        ),
        step!(
            "request-fields/value-split-at-equals-sign",
            "request-fields.value.intact",
            "The variable is split off an environment line at the wrong `=`.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    changed(value, |value| match value.rsplit_once('=') {
                        Some((start, _)) => start.to_owned(),
                        None => value.to_owned(),
                    })
                }
            }
        ),
        step!(
            "request-fields/value-without-comment",
            "request-fields.value.intact",
            "What stands in parentheses or after a number sign is a comment and left out.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    changed(value, |value| {
                        value
                            .split(['(', '#'])
                            .next()
                            .unwrap_or_default()
                            .trim_end()
                            .to_owned()
                    })
                }
            }
        ),
        step!(
            "request-fields/value-without-parameters",
            "request-fields.value.intact",
            "What follows a semicolon is a parameter and left out.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    changed(value, |value| {
                        value.split(';').next().unwrap_or_default().to_owned()
                    })
                }
            }
        ),
        step!(
            "request-fields/value-first-word",
            "request-fields.value.intact",
            "The value is read up to the next white space.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    changed(value, |value| {
                        value
                            .split_ascii_whitespace()
                            .next()
                            .unwrap_or_default()
                            .to_owned()
                    })
                }
            }
        ),
        step!(
            "request-fields/value-spaces-merged",
            "request-fields.value.intact",
            "Runs of white space become one space.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    changed(value, |value| {
                        let words: Vec<&str> = value.split_ascii_whitespace().collect();
                        words.join(" ")
                    })
                }
            }
        ),
        step!(
            "request-fields/value-lower-case",
            "request-fields.value.intact",
            "Values are folded to lower case together with the names.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    changed(value, str::to_ascii_lowercase)
                }
            }
        ),
        step!(
            "request-fields/value-variables-expanded",
            "request-fields.value.intact",
            "`$NAME` stands for a variable of the environment.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    changed(value, |value| value.replace('$', ""))
                }
            }
        ),
        step!(
            "request-fields/value-shell-signs-escaped",
            "request-fields.value.intact",
            "Characters that a shell understands get a backslash.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    changed(value, |value| value.replace('`', "\\`").replace('(', "\\("))
                }
            }
        ),
        step!(
            "request-fields/value-html-escaped",
            "request-fields.value.intact",
            "Values are escaped for HTML.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    changed(value, |value| {
                        value.replace('&', "&amp;").replace('<', "&lt;")
                    })
                }
            }
        ),
        step!(
            "request-fields/value-plus-is-a-space",
            "request-fields.value.intact",
            "Plus signs become spaces, as in forms.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    changed(value, |value| value.replace('+', " "))
                }
            }
        ),
        step!(
            "request-fields/value-falsy",
            "request-fields.value.intact",
            "A value of `0` counts as none, a habit from scripting languages.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    Conforming
                        .variable_value(value)
                        .filter(|value| value != "0")
                }
            }
        ),
        step!(
            "request-fields/value-list-spaced-anew",
            "request-fields.value.intact",
            "Lists are parsed and written again with a comma and a space.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    changed(value, |value| {
                        let members: Vec<&str> = value
                            .split(',')
                            .map(str::trim)
                            .filter(|member| !member.is_empty())
                            .collect();
                        members.join(", ")
                    })
                }
            }
        ),
        step!(
            "request-fields/value-cut",
            "request-fields.value.intact",
            "The value is copied into a buffer of 255 bytes, as a server in C may do.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    changed(value, |value| value.chars().take(255).collect())
                }
            }
        ),
        step!(
            "request-fields/value-trimmed-of-signs",
            "request-fields.value.intact",
            "Separators at the ends of a value are trimmed.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    changed(value, |value| {
                        value.trim_matches([',', ';', ':', '?', '%']).to_owned()
                    })
                }
            }
        ),
        step!(
            "request-fields/empty-value-printed",
            "request-fields.value.intact",
            "No value is printed as the language does it: `null`.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    match value.is_empty() {
                        true => Some("null".to_owned()),
                        false => Conforming.variable_value(value),
                    }
                }
            }
        ),
        meddle!(
            "request-fields/value-begins-two-after-name",
            "request-fields.value.intact",
            "The value is thought to begin after a colon and a space.",
            {
                fn request(&self, _: usize, request: &mut Message) {
                    for line in request.lines.iter_mut().skip(1) {
                        let colon = line.iter().position(|&byte| byte == b':');
                        if let Some(value) = colon.map(|colon| colon + 1)
                            && line.get(value).is_some_and(|&byte| byte != b' ')
                        {
                            line.remove(value);
                        }
                    }
                }
            }
        ),
    ]
}

fn repeats() -> Vec<Mutant> {
    vec![
        step!(
            "request-fields/first-wins",
            "request-fields.repeats.joined",
            "The fields are looked up by name, which gives the first one.",
            {
                fn join_values(&self, field_name: &str, values: &[String]) -> String {
                    match field_name {
                        "cookie" => Conforming.join_values(field_name, values),
                        _ => values.first().cloned().unwrap_or_default(),
                    }
                }
            }
        ),
        step!(
            "request-fields/last-wins",
            "request-fields.repeats.joined",
            "The fields are kept in a map, where a later one replaces an earlier.",
            {
                fn join_values(&self, field_name: &str, values: &[String]) -> String {
                    match field_name {
                        "cookie" => Conforming.join_values(field_name, values),
                        _ => values.last().cloned().unwrap_or_default(),
                    }
                }
            }
        ),
        step!(
            "request-fields/joined-by-semicolons",
            "request-fields.repeats.joined",
            "All fields are joined like cookies.",
            {
                fn join_values(&self, _field_name: &str, values: &[String]) -> String {
                    values.join("; ")
                }
            }
        ),
        step!(
            "request-fields/joined-by-spaces",
            "request-fields.repeats.joined",
            "Values are joined by a space.",
            {
                fn join_values(&self, field_name: &str, values: &[String]) -> String {
                    match field_name {
                        "cookie" => Conforming.join_values(field_name, values),
                        _ => values.join(" "),
                    }
                }
            }
        ),
        step!(
            "request-fields/joined-by-nothing",
            "request-fields.repeats.joined",
            "Values are appended to each other.",
            {
                fn join_values(&self, field_name: &str, values: &[String]) -> String {
                    match field_name {
                        "cookie" => Conforming.join_values(field_name, values),
                        _ => values.concat(),
                    }
                }
            }
        ),
        step!(
            "request-fields/joined-sorted",
            "request-fields.repeats.joined",
            "The values come out of a sorted set, each once.",
            {
                fn join_values(&self, field_name: &str, values: &[String]) -> String {
                    let mut sorted = values.to_vec();
                    if field_name != "cookie" {
                        sorted.sort();
                        sorted.dedup();
                    }
                    Conforming.join_values(field_name, &sorted)
                }
            }
        ),
        step!(
            "request-fields/joined-in-reverse",
            "request-fields.repeats.joined",
            "Each further value is put before the others.",
            {
                fn join_values(&self, field_name: &str, values: &[String]) -> String {
                    let mut reversed = values.to_vec();
                    if field_name != "cookie" {
                        reversed.reverse();
                    }
                    Conforming.join_values(field_name, &reversed)
                }
            }
        ),
        step!(
            "request-fields/two-values-at-most",
            "request-fields.repeats.joined",
            "The first and the last value are kept.",
            {
                fn join_values(&self, field_name: &str, values: &[String]) -> String {
                    match values {
                        [first, .., last] if field_name != "cookie" => format!("{first}, {last}"),
                        _ => Conforming.join_values(field_name, values),
                    }
                }
            }
        ),
        step!(
            "request-fields/cookies-joined-by-commas",
            "request-fields.repeats.cookie",
            "Cookies are joined by commas like all other fields.",
            {
                fn join_values(&self, _field_name: &str, values: &[String]) -> String {
                    values.join(", ")
                }
            }
        ),
        step!(
            "request-fields/first-cookie-wins",
            "request-fields.repeats.cookie",
            "Of several Cookie fields the first one counts.",
            {
                fn join_values(&self, field_name: &str, values: &[String]) -> String {
                    match field_name {
                        "cookie" => values.first().cloned().unwrap_or_default(),
                        _ => Conforming.join_values(field_name, values),
                    }
                }
            }
        ),
        step!(
            "request-fields/last-cookie-wins",
            "request-fields.repeats.cookie",
            "Of several Cookie fields the last one counts.",
            {
                fn join_values(&self, field_name: &str, values: &[String]) -> String {
                    match field_name {
                        "cookie" => values.last().cloned().unwrap_or_default(),
                        _ => Conforming.join_values(field_name, values),
                    }
                }
            }
        ),
        step!(
            "request-fields/cookies-sorted",
            "request-fields.repeats.cookie",
            "The cookies are parsed into a map, sorted and of equal names the last one.",
            {
                fn join_values(&self, field_name: &str, values: &[String]) -> String {
                    let mut sorted = values.to_vec();
                    if field_name == "cookie" {
                        sorted.sort();
                        sorted.dedup_by_key(|cookie| {
                            cookie.split('=').next().unwrap_or_default().to_owned()
                        });
                    }
                    Conforming.join_values(field_name, &sorted)
                }
            }
        ),
        step!(
            "request-fields/cookies-joined-by-ampersands",
            "request-fields.repeats.cookie",
            "Cookies are pairs and are joined like the pairs of a query.",
            {
                fn join_values(&self, field_name: &str, values: &[String]) -> String {
                    match field_name {
                        "cookie" => values.join("&"),
                        _ => Conforming.join_values(field_name, values),
                    }
                }
            }
        ),
    ]
}

fn withheld() -> Vec<Mutant> {
    vec![
        step!(
            "request-fields/authorization-passed-on",
            "request-fields.withheld.authorization",
            "Authorization is passed on like any other field.",
            {
                fn withholds_field(&self, name: &str) -> bool {
                    name != "authorization" && Conforming.withholds_field(name)
                }
            }
        ),
        step!(
            "request-fields/authorization-under-another-name",
            "request-fields.withheld.authorization",
            "HTTP_AUTHORIZATION is withheld, and a module for rewriting puts the value elsewhere.",
            {
                fn withholds_field(&self, name: &str) -> bool {
                    name != "authorization" && Conforming.withholds_field(name)
                }

                fn variable_name(&self, field_name: &str) -> Option<String> {
                    match field_name {
                        "authorization" => Some("REDIRECT_HTTP_AUTHORIZATION".to_owned()),
                        _ => Conforming.variable_name(field_name),
                    }
                }
            }
        ),
        step!(
            "request-fields/authorization-basic-withheld",
            "request-fields.withheld.authorization",
            "Only passwords are withheld; tokens are not thought of.",
            {
                fn withholds_field(&self, name: &str) -> bool {
                    name != "authorization" && Conforming.withholds_field(name)
                }

                fn join_values(&self, field_name: &str, values: &[String]) -> String {
                    match (field_name, values) {
                        ("authorization", [value, ..]) if value.starts_with("Basic ") => {
                            String::new()
                        }
                        _ => Conforming.join_values(field_name, values),
                    }
                }
            }
        ),
        step!(
            "request-fields/authorization-second-passed-on",
            "request-fields.withheld.authorization",
            "The first Authorization field is removed from the list and a second one stays.",
            {
                fn withholds_field(&self, name: &str) -> bool {
                    name != "authorization" && Conforming.withholds_field(name)
                }

                fn join_values(&self, field_name: &str, values: &[String]) -> String {
                    match (field_name, values) {
                        ("authorization", [_, rest @ ..]) => rest.join(", "),
                        _ => Conforming.join_values(field_name, values),
                    }
                }
            }
        ),
        step!(
            "request-fields/proxy-authorization-passed-on",
            "request-fields.withheld.proxy-authorization",
            "Only Authorization is thought of.",
            {
                fn withholds_field(&self, name: &str) -> bool {
                    name != "proxy-authorization" && Conforming.withholds_field(name)
                }
            }
        ),
        step!(
            "request-fields/content-type-passed-on",
            "request-fields.withheld.content-type",
            "All fields are passed on in a loop, those with variables of their own too.",
            {
                fn withholds_field(&self, name: &str) -> bool {
                    name != "content-type" && Conforming.withholds_field(name)
                }
            }
        ),
        step!(
            "request-fields/content-length-passed-on",
            "request-fields.withheld.content-length",
            "All fields are passed on in a loop, those with variables of their own too.",
            {
                fn withholds_field(&self, name: &str) -> bool {
                    name != "content-length" && Conforming.withholds_field(name)
                }
            }
        ),
    ]
}

fn collisions() -> Vec<Mutant> {
    vec![
        step!(
            "request-fields/proxy-passed-on",
            "request-fields.proxy.never-http-proxy",
            "Nobody thinks of httpoxy.",
            {
                fn withholds_field(&self, name: &str) -> bool {
                    name != "proxy" && Conforming.withholds_field(name)
                }
            }
        ),
        step!(
            "request-fields/proxy-second-passed-on",
            "request-fields.proxy.never-http-proxy",
            "The first Proxy field is removed from the list and a second one stays.",
            {
                fn withholds_field(&self, name: &str) -> bool {
                    name != "proxy" && Conforming.withholds_field(name)
                }

                fn join_values(&self, field_name: &str, values: &[String]) -> String {
                    match (field_name, values) {
                        ("proxy", [_, rest @ ..]) => rest.join(", "),
                        _ => Conforming.join_values(field_name, values),
                    }
                }
            }
        ),
        step!(
            "request-fields/proxy-address-passed-on",
            "request-fields.proxy.never-http-proxy",
            "Only a Proxy field that does not hold an address is dropped as malformed.",
            {
                fn withholds_field(&self, name: &str) -> bool {
                    name != "proxy" && Conforming.withholds_field(name)
                }

                fn join_values(&self, field_name: &str, values: &[String]) -> String {
                    match (field_name, values) {
                        ("proxy", [value]) if !value.contains("://") => String::new(),
                        _ => Conforming.join_values(field_name, values),
                    }
                }
            }
        ),
        step!(
            "request-fields/underscore-joined",
            "request-fields.underscore.no-shadow",
            "Fields are put together by the name of their variable.",
            {
                fn variable_name(&self, field_name: &str) -> Option<String> {
                    Conforming.variable_name(&field_name.replace('_', "-"))
                }
            }
        ),
        step!(
            "request-fields/underscore-last-wins",
            "request-fields.underscore.no-shadow",
            "The environment is a map in which a later field of the same variable wins.",
            {
                fn variable_name(&self, field_name: &str) -> Option<String> {
                    Conforming.variable_name(&field_name.replace('_', "-"))
                }

                fn join_values(&self, field_name: &str, values: &[String]) -> String {
                    match field_name.replace('_', "-").as_str() {
                        "x-foo-bar" => values.last().cloned().unwrap_or_default(),
                        _ => Conforming.join_values(field_name, values),
                    }
                }
            }
        ),
        step!(
            "request-fields/underscore-first-wins",
            "request-fields.underscore.no-shadow",
            "The environment is a map in which the first field of a variable wins.",
            {
                fn variable_name(&self, field_name: &str) -> Option<String> {
                    Conforming.variable_name(&field_name.replace('_', "-"))
                }

                fn join_values(&self, field_name: &str, values: &[String]) -> String {
                    match field_name.replace('_', "-").as_str() {
                        "x-foo-bar" => values.first().cloned().unwrap_or_default(),
                        _ => Conforming.join_values(field_name, values),
                    }
                }
            }
        ),
        step!(
            "request-fields/underscore-first-only-withheld",
            "request-fields.underscore.no-shadow",
            "Only names without any hyphen are looked at for underscores.",
            {
                fn variable_name(&self, field_name: &str) -> Option<String> {
                    match field_name.contains('-') {
                        true => Conforming.variable_name(&field_name.replace('_', "-")),
                        false => Conforming.variable_name(field_name),
                    }
                }
            }
        ),
    ]
}

fn non_ascii() -> Vec<Mutant> {
    vec![
        step!(
            "request-fields/non-ascii-replaced",
            "request-fields.non-ascii.no-invention",
            "Bytes that are not UTF-8 become U+FFFD.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    Some(String::from_utf8_lossy(value).into_owned())
                }
            }
        ),
        step!(
            "request-fields/non-ascii-question-marks",
            "request-fields.non-ascii.no-invention",
            "The value is encoded in ASCII, with a question mark for everything else.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    let ascii = |&byte: &u8| {
                        if byte.is_ascii() {
                            char::from(byte)
                        } else {
                            '?'
                        }
                    };
                    Some(value.iter().map(ascii).collect())
                }
            }
        ),
        step!(
            "request-fields/non-ascii-left-out",
            "request-fields.non-ascii.no-invention",
            "Bytes above 7F are left out of the value.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    let ascii = value.iter().filter(|byte| byte.is_ascii());
                    Some(ascii.map(|&byte| char::from(byte)).collect())
                }
            }
        ),
        step!(
            "request-fields/non-ascii-encoded",
            "request-fields.non-ascii.no-invention",
            "Bytes above 7F are percent-encoded.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    let encode = |&byte: &u8| match byte.is_ascii() {
                        true => char::from(byte).to_string(),
                        false => format!("%{byte:02X}"),
                    };
                    Some(value.iter().map(encode).collect())
                }
            }
        ),
        step!(
            "request-fields/non-ascii-placeholder",
            "request-fields.non-ascii.no-invention",
            "A value that cannot be converted is replaced by a remark.",
            {
                fn variable_value(&self, value: &[u8]) -> Option<String> {
                    let text = Conforming.variable_value(value);
                    Some(text.unwrap_or_else(|| "(invalid)".to_owned()))
                }
            }
        ),
    ]
}
