//! Mutants for the chapter `arguments`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use percent_encoding::percent_decode_str;
use wagi_reference_server::request::Target;
use wagi_reference_server::{Conforming, Semantics};

use crate::Mutant;

/// The mutants.
pub fn mutants() -> Vec<Mutant> {
    [split(), undecoded(), unescaped(), no_query()].concat()
}

/// Percent-decoding, with U+FFFD for what is not UTF-8.
fn decode(text: &str) -> String {
    percent_decode_str(text)
        .decode_utf8_lossy()
        .replace('\0', "")
}

/// Splits a query as it should be, and changes each argument.
fn each(query: Option<&str>, change: impl Fn(&str) -> String) -> Vec<String> {
    let arguments = Conforming.split_query(query);
    arguments.iter().map(|argument| change(argument)).collect()
}

/// Splits a query at another character.
fn split_at(query: Option<&str>, at: &[char]) -> Vec<String> {
    let arguments = Conforming.split_query(query);
    let parts = arguments.iter().flat_map(|argument| argument.split(at));
    parts.map(str::to_owned).collect()
}

fn split() -> Vec<Mutant> {
    vec![
        step!(
            "arguments/one-for-the-whole-query",
            "arguments.query-split",
            "The query is passed as a single argument, as `argv[1]`.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    query
                        .filter(|query| !query.is_empty())
                        .map(str::to_owned)
                        .into_iter()
                        .collect()
                }
            }
        ),
        step!(
            "arguments/none-from-the-query",
            "arguments.query-split",
            "The server's arguments are those of its configuration, as in mod_wasm.",
            {
                fn split_query(&self, _query: Option<&str>) -> Vec<String> {
                    Vec::new()
                }
            }
        ),
        step!(
            "arguments/split-at-plus",
            "arguments.query-split",
            "The query is split into words at `+`, as RFC 3875 section 4.4 has it.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    split_at(query, &['+'])
                }
            }
        ),
        step!(
            "arguments/split-at-semicolon",
            "arguments.query-split",
            "A parser of forms takes `;` for a separator too, an old advice of HTML.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    split_at(query, &[';'])
                }
            }
        ),
        step!(
            "arguments/split-at-comma",
            "arguments.query-split",
            "A value with commas is taken for a list.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    split_at(query, &[','])
                }
            }
        ),
        step!(
            "arguments/split-at-equals-sign",
            "arguments.query-split",
            "Names and values become arguments of their own.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    split_at(query, &['='])
                }
            }
        ),
        step!(
            "arguments/split-after-decoding",
            "arguments.query-split",
            "The query is decoded to find the separators, so that an encoded `&` counts as one.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    let arguments = Conforming.split_query(query);
                    let parts = arguments.iter().flat_map(|argument| argument.split("%26"));
                    parts.map(str::to_owned).collect()
                }
            }
        ),
        step!(
            "arguments/split-at-white-space",
            "arguments.query-split",
            "The arguments go through a command line, which is split at encoded white space.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    let spaced = query.map(|query| query.replace("%20", "&").replace("%0A", "&"));
                    Conforming.split_query(spaced.as_deref())
                }
            }
        ),
        step!(
            "arguments/html-entities",
            "arguments.query-split",
            "`&amp;` is taken for `&`, to be kind to careless pages.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    Conforming
                        .split_query(query.map(|query| query.replace("&amp;", "&")).as_deref())
                }
            }
        ),
        step!(
            "arguments/kept-in-a-map",
            "arguments.query-split",
            "The pairs are kept in a map: sorted by name, and of equal names the last one counts.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    let mut map = BTreeMap::new();
                    for argument in Conforming.split_query(query) {
                        let name = argument.split('=').next().unwrap_or_default().to_owned();
                        map.insert(name, argument);
                    }
                    map.into_values().collect()
                }
            }
        ),
        step!(
            "arguments/repetitions-left-out",
            "arguments.query-split",
            "The arguments are kept in an ordered set.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    let mut arguments: Vec<String> = Vec::new();
                    for argument in Conforming.split_query(query) {
                        if !arguments.contains(&argument) {
                            arguments.push(argument);
                        }
                    }
                    arguments
                }
            }
        ),
        step!(
            "arguments/in-reverse",
            "arguments.query-split",
            "The list is built by putting each part at the front.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    let mut arguments = Conforming.split_query(query);
                    arguments.reverse();
                    arguments
                }
            }
        ),
        step!(
            "arguments/words-left-out",
            "arguments.query-split",
            "Parts without `=` are no pairs and get lost in the parser.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    let mut arguments = Conforming.split_query(query);
                    arguments.retain(|argument| argument.contains('='));
                    arguments
                }
            }
        ),
        step!(
            "arguments/words-get-an-equals-sign",
            "arguments.query-split",
            "The query is parsed into pairs and written again, so that `b` becomes `b=`.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    each(query, |argument| match argument.contains('=') {
                        true => argument.to_owned(),
                        false => format!("{argument}="),
                    })
                }
            }
        ),
        step!(
            "arguments/second-equals-sign-cut",
            "arguments.query-split",
            "A pair is split at every `=` and only the first two parts are kept.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    each(query, |argument| {
                        let parts: Vec<&str> = argument.split('=').take(2).collect();
                        parts.join("=")
                    })
                }
            }
        ),
        step!(
            "arguments/pairs-without-name-or-value",
            "arguments.query-split",
            "Pairs with an empty name or an empty value are left out.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    let mut arguments = Conforming.split_query(query);
                    arguments.retain(|pair| !pair.starts_with('=') && !pair.ends_with('='));
                    arguments
                }
            }
        ),
        step!(
            "arguments/options-left-out",
            "arguments.query-split",
            "Arguments that look like options are dropped for the guest's safety.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    let mut arguments = Conforming.split_query(query);
                    arguments.retain(|argument| !argument.starts_with('-'));
                    arguments
                }
            }
        ),
        step!(
            "arguments/eight-at-most",
            "arguments.query-split",
            "The arguments stand in an array of fixed size, and the rest is dropped.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    let mut arguments = Conforming.split_query(query);
                    arguments.truncate(8);
                    arguments
                }
            }
        ),
        step!(
            "arguments/second-question-mark",
            "arguments.query-split",
            "The query is taken from the target by splitting it at every `?`.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    Conforming.split_query(query.map(|q| q.split('?').next().unwrap_or(q)))
                }
            }
        ),
        step!(
            "arguments/dot-segments-removed",
            "arguments.query-split",
            "The arguments are cleaned as if they were paths.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    each(query, |argument| {
                        argument.replace("..", "").replace("//", "/")
                    })
                }
            }
        ),
        step!(
            "arguments/long-ones-cut",
            "arguments.query-split",
            "An argument is copied into a buffer of 255 bytes.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    each(query, |argument| argument.chars().take(255).collect())
                }
            }
        ),
    ]
}

fn undecoded() -> Vec<Mutant> {
    vec![
        step!(
            "arguments/decoded",
            "arguments.undecoded",
            "The arguments come from a parser of queries, which decodes them.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    each(query, decode)
                }
            }
        ),
        step!(
            "arguments/plus-is-a-space",
            "arguments.undecoded",
            "`+` is turned into a space, as in forms.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    each(query, |argument| argument.replace('+', " "))
                }
            }
        ),
        step!(
            "arguments/values-decoded",
            "arguments.undecoded",
            "Names stay as they are and values are decoded.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    each(query, |argument| match argument.split_once('=') {
                        Some((name, value)) => format!("{name}={}", decode(value)),
                        None => argument.to_owned(),
                    })
                }
            }
        ),
        step!(
            "arguments/names-decoded",
            "arguments.undecoded",
            "Names are decoded to look them up and stay so.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    each(query, |argument| match argument.split_once('=') {
                        Some((name, value)) => format!("{}={value}", decode(name)),
                        None => argument.to_owned(),
                    })
                }
            }
        ),
        step!(
            "arguments/codes-in-upper-case",
            "arguments.undecoded",
            "A URL library normalizes percent-codes to upper case.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    each(query, |argument| argument.replace("%c3%a9", "%C3%A9"))
                }
            }
        ),
        step!(
            "arguments/encoded-again",
            "arguments.undecoded",
            "The percent sign itself is encoded, since the query was encoded already.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    each(query, |argument| argument.replace('%', "%25"))
                }
            }
        ),
        step!(
            "arguments/unreserved-decoded",
            "arguments.undecoded",
            "A URL library decodes what need not be encoded.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    each(query, |argument| {
                        argument.replace("%41", "A").replace("%61", "a")
                    })
                }
            }
        ),
    ]
}

/// The characters that RFC 3875 section 7.2 puts a backslash before.
const SHELL: &str = ";&|'\"`$!~*?<>()[]{}\\#";

fn unescaped() -> Vec<Mutant> {
    vec![
        step!(
            "arguments/backslashes-before-shell-signs",
            "arguments.unescaped",
            "Characters that a shell understands get a backslash, as RFC 3875 section 7.2 has it.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    each(query, |argument| {
                        let mut escaped = String::new();
                        for character in argument.chars() {
                            if SHELL.contains(character) {
                                escaped.push('\\');
                            }
                            escaped.push(character);
                        }
                        escaped
                    })
                }
            }
        ),
        step!(
            "arguments/quoted-for-a-shell",
            "arguments.unescaped",
            "An argument with unusual characters is put into single quotes.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    let plain = |c: char| c.is_ascii_alphanumeric() || "=%+-_./".contains(c);
                    each(query, |argument| match argument.chars().all(plain) {
                        true => argument.to_owned(),
                        false => format!("'{}'", argument.replace('\'', "'\\''")),
                    })
                }
            }
        ),
        step!(
            "arguments/shell-signs-removed",
            "arguments.unescaped",
            "Characters that a shell understands are removed to be safe.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    each(query, |argument| {
                        argument.replace(|c| SHELL.contains(c), "")
                    })
                }
            }
        ),
        step!(
            "arguments/variables-expanded",
            "arguments.unescaped",
            "`$NAME` stands for a variable of the environment.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    each(query, |argument| {
                        argument.replace("$HOME", "/root").replace("$$", "1")
                    })
                }
            }
        ),
        step!(
            "arguments/quotes-removed",
            "arguments.unescaped",
            "A splitter of command lines takes the quotes away.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    each(query, |argument| argument.replace('\'', ""))
                }
            }
        ),
        step!(
            "arguments/home-expanded",
            "arguments.unescaped",
            "A tilde stands for somebody's home.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    each(query, |argument| argument.replace('~', "/root"))
                }
            }
        ),
        step!(
            "arguments/response-files",
            "arguments.unescaped",
            "`@FILE` and option-like values are read as a command line library would.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    each(query, |argument| {
                        argument.replace("=@", "=").replace("=--", "=")
                    })
                }
            }
        ),
        step!(
            "arguments/colons-and-commas-encoded",
            "arguments.unescaped",
            "An encoder for query values encodes more than it must.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    each(query, |argument| {
                        argument
                            .replace(':', "%3A")
                            .replace(',', "%2C")
                            .replace('@', "%40")
                    })
                }
            }
        ),
    ]
}

fn no_query() -> Vec<Mutant> {
    vec![
        step!(
            "arguments/empty-one-without-query",
            "arguments.no-query",
            "The missing query is an empty text, and splitting that gives one empty part.",
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    match query {
                        None => vec![String::new()],
                        query => Conforming.split_query(query),
                    }
                }
            }
        ),
        step!(
            "arguments/last-query-kept",
            "arguments.no-query",
            "The list of arguments is reused and only replaced when there is a query.",
            Mutex<Vec<String>>,
            {
                fn split_query(&self, query: Option<&str>) -> Vec<String> {
                    let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                    if query.is_some() {
                        *last = Conforming.split_query(query);
                    }
                    last.clone()
                }
            }
        ),
        step!(
            "arguments/query-from-encoded-question-mark",
            "arguments.no-query",
            "The target is decoded before the query is split off.",
            {
                fn split_target(&self, target: &str) -> Target {
                    let mut parts = Conforming.split_target(target);
                    if let Some((path, query)) = parts.path.clone().split_once("%3F")
                        && parts.query.is_none()
                        && query.contains('=')
                    {
                        parts.path = path.to_owned();
                        parts.query = Some(query.to_owned());
                    }
                    parts
                }
            }
        ),
        step!(
            "arguments/query-from-path",
            "arguments.no-query",
            "Pairs are looked for in the path as well, since some pages write them there.",
            {
                fn split_target(&self, target: &str) -> Target {
                    let mut parts = Conforming.split_target(target);
                    if parts.query.is_none() && parts.path.contains("=1&") {
                        parts.query = parts.path.rsplit('/').next().map(str::to_owned);
                    }
                    parts
                }
            }
        ),
    ]
}
