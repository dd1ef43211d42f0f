//! Mutants for the chapter `argument-templates`.

use percent_encoding::percent_decode_str;
use wagi_reference_server::meta_variables::Call;
use wagi_reference_server::{Conforming, Semantics};

use crate::Mutant;

/// The variable for the script name.
const SCRIPT_NAME: &str = "${SCRIPT_NAME}";

/// The variable for the query.
const ARGS: &str = "${ARGS}";

/// The mutants.
pub fn mutants() -> Vec<Mutant> {
    [split(), script_name(), args(), expansion()].concat()
}

/// What `${ARGS}` should stand for.
fn spaced(query: Option<&str>) -> String {
    query.unwrap_or_default().replace('&', " ")
}

fn split() -> Vec<Mutant> {
    vec![
        step!(
            "argument-templates/split-at-each-space",
            "argument-templates.split",
            "The template is split with `split(' ')`, which gives empty words and keeps tabs.",
            {
                fn split_template(&self, expanded: &str) -> Vec<String> {
                    expanded.split(' ').map(str::to_owned).collect()
                }
            }
        ),
        step!(
            "argument-templates/tabs-kept",
            "argument-templates.split",
            "Only spaces divide words.",
            {
                fn split_template(&self, expanded: &str) -> Vec<String> {
                    let words = expanded.split(' ').filter(|word| !word.is_empty());
                    words.map(str::to_owned).collect()
                }
            }
        ),
        step!(
            "argument-templates/quotes-understood",
            "argument-templates.split",
            "The template is split as a shell would, with quotes.",
            {
                fn split_template(&self, expanded: &str) -> Vec<String> {
                    let mut words = Vec::new();
                    let mut word: Option<String> = None;
                    let mut quote = None;
                    for character in expanded.chars() {
                        match quote {
                            Some(open) if open == character => quote = None,
                            Some(_) => word.get_or_insert_default().push(character),
                            None if matches!(character, '"' | '\'') => {
                                word.get_or_insert_default();
                                quote = Some(character);
                            }
                            None if character.is_ascii_whitespace() => words.extend(word.take()),
                            None => word.get_or_insert_default().push(character),
                        }
                    }
                    words.extend(word);
                    words
                }
            }
        ),
        step!(
            "argument-templates/backslashes-understood",
            "argument-templates.split",
            "A backslash keeps the character after it, as in a shell.",
            {
                fn split_template(&self, expanded: &str) -> Vec<String> {
                    let words = Conforming.split_template(&expanded.replace("\\ ", "\u{1}"));
                    let resolve = |word: &String| word.replace('\u{1}', " ").replace('\\', "");
                    words.iter().map(resolve).collect()
                }
            }
        ),
        step!(
            "argument-templates/shell-signs-left-out",
            "argument-templates.split",
            "Words that a shell would understand are left out.",
            {
                fn split_template(&self, expanded: &str) -> Vec<String> {
                    let mut words = Conforming.split_template(expanded);
                    words.retain(|word| !matches!(word.as_str(), ";" | "|" | "&&" | ">" | "<"));
                    words
                }
            }
        ),
        step!(
            "argument-templates/words-decoded",
            "argument-templates.split",
            "The words are decoded like parts of a form.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    let decoded = template.replace("%41", "A").replace('+', "\u{a0}");
                    Conforming.expand_template(&decoded, script_name, query)
                }
            }
        ),
        step!(
            "argument-templates/ascii-only",
            "argument-templates.split",
            "The template is read as ASCII.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    let ascii = template.replace(|c: char| !c.is_ascii(), "?");
                    Conforming.expand_template(&ascii, script_name, query)
                }
            }
        ),
        step!(
            "argument-templates/braces-removed",
            "argument-templates.split",
            "Everything in braces is taken for a variable, and an unknown one stands for nothing.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    let removed = template.replace(" {ARGS}", "").replace("{}", "");
                    Conforming.expand_template(&removed, script_name, query)
                }
            }
        ),
        step!(
            "argument-templates/repetitions-left-out",
            "argument-templates.split",
            "The words are kept in an ordered set.",
            {
                fn split_template(&self, expanded: &str) -> Vec<String> {
                    let mut words = Conforming.split_template(expanded);
                    words.dedup();
                    words
                }
            }
        ),
        step!(
            "argument-templates/first-argument-added",
            "argument-templates.split",
            "The script name is put before the words of the template.",
            {
                fn split_template(&self, expanded: &str) -> Vec<String> {
                    let mut words = Conforming.split_template(expanded);
                    words.insert(0, "module.wasm".to_owned());
                    words
                }
            }
        ),
        step!(
            "argument-templates/query-added",
            "argument-templates.split",
            "The arguments of the query follow those of the template.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    let expanded = Conforming.expand_template(template, script_name, query);
                    match template.contains(ARGS) {
                        true => expanded,
                        false => format!("{expanded} {}", spaced(query)),
                    }
                }
            }
        ),
        step!(
            "argument-templates/one-word",
            "argument-templates.split",
            "The template is one argument.",
            {
                fn split_template(&self, expanded: &str) -> Vec<String> {
                    vec![expanded.to_owned()]
                }
            }
        ),
        step!(
            "argument-templates/ignored-without-query",
            "argument-templates.split",
            "The template is only used where there is a query to put into it.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    match query {
                        Some(_) => Conforming.expand_template(template, script_name, query),
                        None => script_name.to_owned(),
                    }
                }
            }
        ),
    ]
}

fn script_name() -> Vec<Mutant> {
    vec![
        step!(
            "argument-templates/script-name-not-expanded",
            "argument-templates.script-name",
            "Only `${ARGS}` is known.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    _script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    Conforming.expand_template(template, SCRIPT_NAME, query)
                }
            }
        ),
        step!(
            "argument-templates/script-name-once",
            "argument-templates.script-name",
            "Only the first occurrence is replaced, as `replace` does in JavaScript.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    match template.split_once(SCRIPT_NAME) {
                        Some((before, after)) => format!(
                            "{}{script_name}{}",
                            Conforming.expand_template(before, script_name, query),
                            Conforming.expand_template(after, SCRIPT_NAME, query)
                        ),
                        None => Conforming.expand_template(template, script_name, query),
                    }
                }
            }
        ),
        step!(
            "argument-templates/script-name-whole-words",
            "argument-templates.script-name",
            "The words are compared with the variable, so that one within a word stays.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    let words: Vec<String> = template
                        .split_ascii_whitespace()
                        .map(|word| match word {
                            SCRIPT_NAME => script_name.to_owned(),
                            word => Conforming.expand_template(word, SCRIPT_NAME, query),
                        })
                        .collect();
                    words.join(" ")
                }
            }
        ),
        step!(
            "argument-templates/script-name-with-ending",
            "argument-templates.script-name",
            "The variable stands for the route as it is configured.",
            {
                fn script_name(&self, call: &Call<'_>) -> String {
                    match call.route.text() {
                        "/argv/wild/..." => call.route.text().to_owned(),
                        _ => Conforming.script_name(call),
                    }
                }
            }
        ),
        step!(
            "argument-templates/script-name-is-a-file",
            "argument-templates.script-name",
            "The variable stands for the module's file.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    _script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    Conforming.expand_template(template, "/srv/modules/guest.wasm", query)
                }
            }
        ),
    ]
}

fn args() -> Vec<Mutant> {
    /// Expands a template with other arguments than those that `${ARGS}` stands for.
    fn with(template: &str, script_name: &str, arguments: &str) -> String {
        Conforming.expand_template(template, script_name, Some(&arguments.replace('&', "%26")))
    }
    vec![
        step!(
            "argument-templates/args-is-the-query",
            "argument-templates.args",
            "The query is put in as it is, `&` included.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    let kept = query.map(|query| query.replace('&', "\u{1}"));
                    Conforming
                        .expand_template(template, script_name, kept.as_deref())
                        .replace('\u{1}', "&")
                }
            }
        ),
        step!(
            "argument-templates/args-decoded",
            "argument-templates.args",
            "The query is decoded before the template is split.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    let spaced = spaced(query);
                    with(
                        template,
                        script_name,
                        &percent_decode_str(&spaced).decode_utf8_lossy(),
                    )
                }
            }
        ),
        step!(
            "argument-templates/args-plus-is-a-space",
            "argument-templates.args",
            "Plus signs become spaces too, as in forms.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    with(template, script_name, &spaced(query).replace('+', " "))
                }
            }
        ),
        step!(
            "argument-templates/args-once",
            "argument-templates.args",
            "Only the first occurrence is replaced.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    match template.split_once(ARGS) {
                        Some((before, after)) => format!(
                            "{}{}{}",
                            Conforming.expand_template(before, script_name, query),
                            spaced(query),
                            Conforming.expand_template(after, script_name, Some(ARGS))
                        ),
                        None => Conforming.expand_template(template, script_name, query),
                    }
                }
            }
        ),
        step!(
            "argument-templates/args-whole-words",
            "argument-templates.args",
            "The words are compared with the variable, so that one within a word stays.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    let words: Vec<String> = template
                        .split_ascii_whitespace()
                        .map(|word| match word {
                            ARGS => spaced(query),
                            word => Conforming.expand_template(word, script_name, Some(ARGS)),
                        })
                        .collect();
                    words.join(" ")
                }
            }
        ),
        step!(
            "argument-templates/args-kept-without-query",
            "argument-templates.args",
            "The variable is left as it is where there is no query.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    let query = query.filter(|query| !query.trim_matches('&').is_empty());
                    Conforming.expand_template(template, script_name, query.or(Some(ARGS)))
                }
            }
        ),
        step!(
            "argument-templates/args-before-split",
            "argument-templates.args",
            "The template is split first, so that the whole query is one argument.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    let kept = query.map(|query| query.replace('&', "\u{1}"));
                    Conforming.expand_template(template, script_name, kept.as_deref())
                }

                fn split_template(&self, expanded: &str) -> Vec<String> {
                    let words = Conforming.split_template(expanded);
                    words
                        .iter()
                        .map(|word| word.replace('\u{1}', " "))
                        .collect()
                }
            }
        ),
        step!(
            "argument-templates/args-quoted",
            "argument-templates.args",
            "Each part of the query is quoted for a shell that there is not.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    let parts = spaced(query);
                    let quoted: Vec<String> = parts
                        .split_ascii_whitespace()
                        .map(|part| match part.contains(['$', '\'', '"', '%']) {
                            true => format!("'{part}'"),
                            false => part.to_owned(),
                        })
                        .collect();
                    with(template, script_name, &quoted.join(" "))
                }
            }
        ),
        step!(
            "argument-templates/args-first-part",
            "argument-templates.args",
            "Only the first `&` becomes a space.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    let kept = query.map(|query| match query.split_once('&') {
                        Some((first, rest)) => format!("{first}&{}", rest.replace('&', "\u{1}")),
                        None => query.to_owned(),
                    });
                    Conforming
                        .expand_template(template, script_name, kept.as_deref())
                        .replace('\u{1}', "&")
                }
            }
        ),
        step!(
            "argument-templates/args-without-options",
            "argument-templates.args",
            "Parts that look like options are dropped for the guest's safety.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    let parts = spaced(query);
                    let parts: Vec<&str> = parts
                        .split(' ')
                        .filter(|part| !part.starts_with('-'))
                        .collect();
                    with(template, script_name, &parts.join(" "))
                }
            }
        ),
        step!(
            "argument-templates/args-cut",
            "argument-templates.args",
            "The expanded template is copied into a buffer of 1024 bytes.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    let expanded = Conforming.expand_template(template, script_name, query);
                    expanded.chars().take(1024).collect()
                }
            }
        ),
    ]
}

fn expansion() -> Vec<Mutant> {
    vec![
        step!(
            "argument-templates/args-replaced-first",
            "argument-templates.no-second-expansion",
            "`${ARGS}` is replaced first and `${SCRIPT_NAME}` in the result.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    template
                        .replace(ARGS, &spaced(query))
                        .replace(SCRIPT_NAME, script_name)
                }
            }
        ),
        step!(
            "argument-templates/expanded-until-nothing-changes",
            "argument-templates.no-second-expansion",
            "Variables are replaced as long as there are any.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    let query = spaced(query);
                    let mut expanded = template.to_owned();
                    for _ in 0..3 {
                        expanded = expanded
                            .replace(ARGS, &query)
                            .replace(SCRIPT_NAME, script_name);
                    }
                    expanded
                }
            }
        ),
        step!(
            "argument-templates/expanded-after-decoding",
            "argument-templates.no-second-expansion",
            "The arguments are decoded and expanded once more.",
            {
                fn expand_template(
                    &self,
                    template: &str,
                    script_name: &str,
                    query: Option<&str>,
                ) -> String {
                    let decoded = |query: &str| query.replace("%7B", "{").replace("%7D", "}");
                    let query = decoded(&spaced(query));
                    let expanded = template.replace(ARGS, &query);
                    expanded
                        .replace(ARGS, &query)
                        .replace(SCRIPT_NAME, script_name)
                }
            }
        ),
        step!(
            "argument-templates/split-then-expanded-twice",
            "argument-templates.no-second-expansion",
            "The words are expanded again one by one, for variables within variables.",
            {
                fn split_template(&self, expanded: &str) -> Vec<String> {
                    let words = Conforming.split_template(expanded);
                    words
                        .iter()
                        .map(|word| word.replace(ARGS, "").replace(SCRIPT_NAME, ""))
                        .collect()
                }
            }
        ),
        step!(
            "argument-templates/path-expanded",
            "argument-templates.no-second-expansion",
            "`${SCRIPT_NAME}` stands for the decoded path of the request, which is expanded too.",
            {
                fn script_name(&self, call: &Call<'_>) -> String {
                    let path = percent_decode_str(&call.target.path).decode_utf8_lossy();
                    match path.contains("${") {
                        true => path.into_owned(),
                        false => Conforming.script_name(call),
                    }
                }
            }
        ),
    ]
}
