//! Mutants for the chapter `configured-environment`.

use wagi_reference_server::configured_environment::Variables;
use wagi_reference_server::{Conforming, Semantics};

use crate::Mutant;

/// The mutants.
pub fn mutants() -> Vec<Mutant> {
    [reaches_guest(), request_wins(), file()].concat()
}

/// The guest's environment with changed values of the configured variables.
fn changed(
    configured: &Variables,
    request: Variables,
    change: impl Fn(&str) -> String,
) -> Variables {
    let configured = configured
        .iter()
        .map(|(name, value)| (name.clone(), change(value)))
        .collect();
    Conforming.merge_environment(&configured, request)
}

/// The guest's environment with those configured variables that are kept.
fn kept(configured: &Variables, request: Variables, keep: impl Fn(&str) -> bool) -> Variables {
    let mut configured = configured.clone();
    configured.retain(|(name, _)| keep(name));
    Conforming.merge_environment(&configured, request)
}

/// A mutant that changes the values of configured variables.
macro_rules! value {
    ($name:literal, $imitates:literal, $change:expr) => {
        step!($name, "configured-environment.reaches-guest", $imitates, {
            fn merge_environment(&self, configured: &Variables, request: Variables) -> Variables {
                changed(configured, request, $change)
            }
        })
    };
}

fn reaches_guest() -> Vec<Mutant> {
    vec![
        step!(
            "configured-environment/ignored",
            "configured-environment.reaches-guest",
            "The variables are read and never given to a guest.",
            {
                fn merge_environment(
                    &self,
                    _configured: &Variables,
                    request: Variables,
                ) -> Variables {
                    request
                }
            }
        ),
        step!(
            "configured-environment/first-module-only",
            "configured-environment.reaches-guest",
            "The variables are moved into the first module of the table.",
            {
                fn merge_environment(
                    &self,
                    configured: &Variables,
                    request: Variables,
                ) -> Variables {
                    let first = request
                        .iter()
                        .any(|(name, value)| name == "SCRIPT_NAME" && value == "/observe");
                    kept(configured, request, |_| first)
                }
            }
        ),
        step!(
            "configured-environment/upper-case-names-only",
            "configured-environment.reaches-guest",
            "A name with lower-case letters is taken for no variable.",
            {
                fn merge_environment(
                    &self,
                    configured: &Variables,
                    request: Variables,
                ) -> Variables {
                    kept(configured, request, |name| {
                        !name.contains(char::is_lowercase)
                    })
                }
            }
        ),
        step!(
            "configured-environment/long-names-only",
            "configured-environment.reaches-guest",
            "A pattern for names asks for two characters at least.",
            {
                fn merge_environment(
                    &self,
                    configured: &Variables,
                    request: Variables,
                ) -> Variables {
                    kept(configured, request, |name| name.len() > 1)
                }
            }
        ),
        value!(
            "configured-environment/cut-at-space",
            "A value ends at the first space.",
            |value| value.split(' ').next().unwrap_or_default().to_owned()
        ),
        value!(
            "configured-environment/cut-at-equals-sign",
            "The text is split at every `=` and the second part is the value.",
            |value| value.split('=').next().unwrap_or_default().to_owned()
        ),
        value!(
            "configured-environment/variables-expanded",
            "`$NAME` stands for a variable of the host.",
            |value| value.replace("$HOME", "/root").replace("${ARGS}", "")
        ),
        value!(
            "configured-environment/quotes-removed",
            "Quotes inside the value are taken away.",
            |value| value.replace(['"', '\''], "")
        ),
        value!(
            "configured-environment/escapes-resolved",
            "A backslash begins an escape.",
            |value| value.replace("\\n", "\n").replace("\\b", "b")
        ),
        value!(
            "configured-environment/decoded",
            "Values are percent-decoded.",
            |value| value.replace("%20", " ")
        ),
        value!(
            "configured-environment/comment-cut",
            "What follows a number sign is a comment.",
            |value| value
                .split('#')
                .next()
                .unwrap_or_default()
                .trim_end()
                .to_owned()
        ),
        value!(
            "configured-environment/ascii-only",
            "What is not ASCII becomes a question mark.",
            |value| value.replace(|c: char| !c.is_ascii(), "?")
        ),
        value!(
            "configured-environment/cut",
            "The value is copied into a buffer of 128 bytes.",
            |value| value.chars().take(128).collect()
        ),
    ]
}

fn request_wins() -> Vec<Mutant> {
    vec![
        step!(
            "configured-environment/configuration-wins",
            "configured-environment.request-wins",
            "The configured variables are put into the map last.",
            {
                fn merge_environment(
                    &self,
                    configured: &Variables,
                    request: Variables,
                ) -> Variables {
                    Conforming.merge_environment(&request, configured.clone())
                }
            }
        ),
        step!(
            "configured-environment/both-given",
            "configured-environment.request-wins",
            "The environment is a list with the configured variables at its front.",
            {
                fn merge_environment(
                    &self,
                    configured: &Variables,
                    request: Variables,
                ) -> Variables {
                    let mut environment = configured.clone();
                    environment.extend(request);
                    environment
                }
            }
        ),
        step!(
            "configured-environment/fields-lose",
            "configured-environment.request-wins",
            "The variables of fields are only set where nothing is configured.",
            {
                fn merge_environment(
                    &self,
                    configured: &Variables,
                    mut request: Variables,
                ) -> Variables {
                    request.retain(|(name, _)| {
                        !(name.starts_with("HTTP_")
                            && configured.iter().any(|(configured, _)| configured == name))
                    });
                    Conforming.merge_environment(configured, request)
                }
            }
        ),
        step!(
            "configured-environment/server-variables-lose",
            "configured-environment.request-wins",
            "What describes the server can be configured, though the request says otherwise.",
            {
                fn merge_environment(
                    &self,
                    configured: &Variables,
                    mut request: Variables,
                ) -> Variables {
                    request.retain(|(name, _)| {
                        !(name.starts_with("SERVER_")
                            && configured.iter().any(|(configured, _)| configured == name))
                    });
                    Conforming.merge_environment(configured, request)
                }
            }
        ),
    ]
}

/// A mutant that changes the values in environment files.
macro_rules! line {
    ($name:literal, $imitates:literal, |$line:ident| $change:expr) => {
        step!(
            $name,
            "configured-environment.file.reaches-guest",
            $imitates,
            {
                fn parse_environment_line(
                    &self,
                    $line: &str,
                ) -> Result<Option<(String, String)>, String> {
                    $change
                }
            }
        )
    };
}

fn file() -> Vec<Mutant> {
    vec![
        line!(
            "configured-environment/file-ignored",
            "The option for a file is read and forgotten.",
            |_line| Ok(None)
        ),
        line!(
            "configured-environment/file-quotes-kept",
            "Quotes around a value stay.",
            |line| Ok(line
                .split_once('=')
                .map(|(name, value)| (name.to_owned(), value.to_owned())))
        ),
        line!(
            "configured-environment/file-split-at-last-equals-sign",
            "A line is split at its last `=`.",
            |line| Ok(line
                .rsplit_once('=')
                .map(|(name, value)| { (name.to_owned(), value.trim_matches('"').to_owned()) }))
        ),
        line!(
            "configured-environment/file-value-trimmed",
            "White space inside the quotes is trimmed.",
            |line| Ok(Conforming
                .parse_environment_line(line)?
                .map(|(name, value)| (name, value.trim().to_owned())))
        ),
        line!(
            "configured-environment/file-comment-cut",
            "What follows two slashes is a comment.",
            |line| Ok(Conforming
                .parse_environment_line(line)?
                .map(|(name, value)| {
                    let value = value.split("//").next().unwrap_or_default().to_owned();
                    (name, value)
                }))
        ),
        line!(
            "configured-environment/file-second-equals-sign-cut",
            "The parts between `=` are a name, a value, and a rest that nobody needs.",
            |line| Ok(Conforming
                .parse_environment_line(line)?
                .map(|(name, value)| {
                    let value = value.split('=').next().unwrap_or_default().to_owned();
                    (name, value)
                }))
        ),
        step!(
            "configured-environment/file-wins",
            "configured-environment.file.lower-precedence",
            "The file is read after the command line and replaces what that has set.",
            {
                fn configured_environment(&self, file: Variables, direct: Variables) -> Variables {
                    Conforming.configured_environment(direct, file)
                }
            }
        ),
    ]
}
