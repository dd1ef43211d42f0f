//! The rules, read out of the specification's text. `spec/README.md` describes how they stand there.

use std::fmt;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::RuleId;
use crate::problem::Problem;
use crate::suite::files::{self, Files};

/// The areas of the specification in the order of its chapters: those of the core first, then the
/// optional profiles.
pub const AREAS: [&str; 17] = [
    "routing",
    "loading",
    "arguments",
    "meta-variables",
    "request-fields",
    "request-body",
    "response",
    "errors",
    "isolation",
    "http",
    "languages",
    "module-routes",
    "entrypoints",
    "argument-templates",
    "volumes",
    "configured-environment",
    "tls",
];

/// The specification: its rules in the order of the text.
#[derive(Clone, Debug, Default)]
pub struct Specification {
    /// The rules by identifier.
    pub rules: IndexMap<RuleId, Rule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The identifier.
    pub id: RuleId,
    /// How it binds.
    pub level: Level,
    /// The profile it belongs to.
    pub profile: Profile,
    /// Where it comes from: sections of RFCs, documents.
    pub source: String,
    /// The first sentence, which stands alone.
    pub statement: String,
    /// The whole text: paragraphs as they stand, without the head line.
    pub text: String,
    /// Why no case can test it, if it says so.
    pub waiver: Option<String>,
    /// Why no mutant breaks it, if it says so.
    pub mutant_waiver: Option<String>,
    /// For rules of level `observe`: the named behaviours and what each means.
    pub behaviours: IndexMap<String, String>,
    /// The file that holds it, as a path from the suite's root.
    pub file: String,
    /// The line of its head, counted from 1.
    pub line: usize,
}

/// How a rule binds, the strongest first.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A server that breaks it does not conform.
    Must,
    /// There may be reasons not to follow it, well understood.
    Should,
    /// A server is free to.
    May,
    /// Sources conflict: what a server does is recorded, never failed.
    Observe,
}

/// What a server must offer for a rule to apply.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Nothing beyond WAGI itself.
    Core,
    /// Modules in WebAssembly text.
    TextModules,
    /// Sub-routes that a module declares.
    ModuleRoutes,
    /// A configured entrypoint.
    Entrypoints,
    /// A configured template for the arguments.
    ArgumentTemplates,
    /// Folders of the host.
    Volumes,
    /// Variables set in the configuration.
    ConfiguredEnvironment,
    /// HTTP through TLS.
    Tls,
}

macro_rules! text_of_value_enum {
    ($($name:ident),*) => {$(
        impl $name {
            /// The name as the specification's text has it.
            pub fn as_str(self) -> String {
                use clap::ValueEnum as _;
                let value = self.to_possible_value();
                value.map_or_else(String::new, |value| value.get_name().to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.pad(&self.as_str())
            }
        }
    )*};
}

text_of_value_enum!(Level, Profile);

impl Specification {
    /// Reads every chapter of `files`.
    ///
    /// Returns the rules that could be read, and the problems of the others.
    pub fn read(files: &Files) -> (Self, Vec<Problem>) {
        let mut specification = Self::default();
        let mut problems = Vec::new();
        for area in AREAS {
            let path = format!("spec/{area}.md");
            let Some(content) = files.get(&path) else {
                problems.push(Problem::in_file(
                    &path,
                    "the chapter of this area is missing",
                ));
                continue;
            };
            let text = match files::text(&path, content) {
                Ok(text) => text,
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            for rule in rules(&path, area, text) {
                match rule {
                    Ok(rule) => match specification.rules.get(&rule.id) {
                        Some(first) => problems.push(Problem::at_line(
                            &path,
                            rule.line,
                            format!(
                                "rule `{}` stands already at {}:{}",
                                rule.id, first.file, first.line
                            ),
                        )),
                        None => {
                            specification.rules.insert(rule.id.clone(), rule);
                        }
                    },
                    Err(problem) => problems.push(problem),
                }
            }
        }
        (specification, problems)
    }

    /// The rules of one area, in the order of the text.
    pub fn area<'a>(&'a self, area: &'a str) -> impl Iterator<Item = &'a Rule> {
        self.rules
            .values()
            .filter(move |rule| rule.id.area() == area)
    }
}

/// The rules of one chapter.
fn rules(path: &str, area: &str, text: &str) -> Vec<Result<Rule, Problem>> {
    let lines: Vec<&str> = text.lines().collect();
    let begins_rule = |line: &str| line.starts_with("r[");
    let ends_rule = |line: &str| begins_rule(line) || line.starts_with('#');
    let heads = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| begins_rule(line));
    heads
        .map(|(index, head)| {
            let body = lines.get(index + 1..).unwrap_or_default();
            let end = body.iter().position(|line| ends_rule(line));
            let body = body.get(..end.unwrap_or(body.len())).unwrap_or_default();
            rule(path, area, index + 1, head, &body.join("\n"))
        })
        .collect()
}

fn rule(path: &str, area: &str, line: usize, head: &str, body: &str) -> Result<Rule, Problem> {
    let problem = |message: String| Problem::at_line(path, line, message);
    let malformed = || problem("a rule begins `r[IDENTIFIER] LEVEL · PROFILE · SOURCE`".to_owned());

    let (id, rest) = head
        .strip_prefix("r[")
        .and_then(|rest| rest.split_once("] "))
        .ok_or_else(malformed)?;
    let mut parts = rest.splitn(3, " · ");
    let (Some(level), Some(profile), Some(source)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(malformed());
    };
    let id = RuleId::try_from(id.to_owned()).map_err(problem)?;
    if id.area() != area {
        return Err(problem(format!(
            "rule `{id}` stands in the chapter of area `{area}`: its identifier must begin `{area}.`"
        )));
    }
    let level = choice::<Level>(level).map_err(|message| problem(format!("level {message}")))?;
    let profile =
        choice::<Profile>(profile).map_err(|message| problem(format!("profile {message}")))?;

    let paragraphs: Vec<&str> = body.split("\n\n").map(str::trim).collect();
    let paragraphs: Vec<&str> = paragraphs
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect();
    let statement = paragraphs
        .first()
        .map(|paragraph| first_sentence(&paragraph.replace('\n', " ")))
        .ok_or_else(|| problem(format!("rule `{id}` has no text")))?;
    let marked = |mark: &str| paragraphs.iter().find_map(|text| text.strip_prefix(mark));
    let reason = |mark: &str| marked(mark).map(|text| text.replace('\n', " ").trim().to_owned());
    let (waiver, mutant_waiver) = (reason("*No case:*"), reason("*No mutant:*"));
    let behaviours = behaviours(&paragraphs);
    if (level == Level::Observe) == behaviours.is_empty() {
        return Err(problem(format!(
            "rule `{id}`: a rule of level observe, and no other, has a paragraph `*Behaviours:*` \
             with a list of behaviours, each a line \"- `name`: meaning\""
        )));
    }
    keyword_agrees(level, &statement)
        .map_err(|message| problem(format!("rule `{id}`: {message}")))?;
    Ok(Rule {
        id,
        level,
        profile,
        source: source.trim().to_owned(),
        statement,
        text: paragraphs.join("\n\n"),
        waiver,
        mutant_waiver,
        behaviours,
        file: path.to_owned(),
        line,
    })
}

fn choice<T: clap::ValueEnum>(text: &str) -> Result<T, String> {
    T::from_str(text.trim(), false).map_err(|_| {
        let known: Vec<String> = T::value_variants()
            .iter()
            .filter_map(|value| value.to_possible_value())
            .map(|value| value.get_name().to_owned())
            .collect();
        format!("`{}`: it may be {}", text.trim(), known.join(", "))
    })
}

/// The first sentence of a paragraph: up to a full stop before white space and a capital letter,
/// so that "e.g. x" does not end it.
fn first_sentence(paragraph: &str) -> String {
    let ends = |(index, _): &(usize, &str)| {
        paragraph
            .get(index + 2..)
            .and_then(|rest| rest.trim_start().chars().next())
            .is_some_and(|next| next.is_uppercase() || next == '`')
    };
    match paragraph.match_indices(". ").find(ends) {
        Some((end, _)) => paragraph.get(..=end).unwrap_or(paragraph).to_owned(),
        None => paragraph.to_owned(),
    }
}

fn behaviours(paragraphs: &[&str]) -> IndexMap<String, String> {
    let start = paragraphs
        .iter()
        .position(|text| text.starts_with("*Behaviours:*"));
    let list = start
        .and_then(|start| paragraphs.get(start..))
        .unwrap_or_default();
    // Continuation lines of an item are indented: joined to it before the items are read.
    let text = list.join("\n").replace("\n  ", " ");
    text.lines()
        .filter_map(|line| line.strip_prefix("- `"))
        .filter_map(|item| item.split_once("`: "))
        .map(|(name, meaning)| (name.to_owned(), meaning.trim().to_owned()))
        .collect()
}

/// The key word of RFC 2119 that the statement must carry, so that the level cannot contradict it.
fn keyword_agrees(level: Level, statement: &str) -> Result<(), String> {
    let has = |word: &str| {
        statement
            .split(|c: char| !c.is_ascii_alphabetic())
            .any(|found| found == word)
    };
    let (words, text): (&[&str], _) = match level {
        Level::Must => (&["MUST", "REQUIRED", "SHALL"], "MUST"),
        Level::Should => (&["SHOULD", "RECOMMENDED"], "SHOULD"),
        Level::May => (&["MAY", "OPTIONAL"], "MAY"),
        Level::Observe => {
            return match ["MUST", "SHOULD", "MAY"].into_iter().find(|word| has(word)) {
                Some(word) => Err(format!(
                    "an observe rule binds nobody, but its first sentence says {word}"
                )),
                None => Ok(()),
            };
        }
    };
    if words.iter().any(|word| has(word)) {
        Ok(())
    } else {
        Err(format!(
            "its level is {level}, but its first sentence does not say {text}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAPTER: &str = "\
# Routing

r[routing.one] must · core · RFC 3875 section 3.3; elsewhere

A server MUST do one, e.g. this.
It lasts. `More` text.

*Why:* because.

*No case:* nobody
sees it.

*No mutant:* nobody
breaks it.

r[routing.two] observe · volumes · code

A server differs in whether it does.

*Behaviours:*

- `yes`: it does,
  at once
- `no`: it does not

## Next
";

    #[test]
    fn rules_are_read_from_the_text() {
        let rules: Vec<Rule> = rules("spec/routing.md", "routing", CHAPTER)
            .into_iter()
            .collect::<Result<_, _>>()
            .expect("valid rules");
        let [one, two] = rules.as_slice() else {
            panic!("not two rules: {rules:?}");
        };
        assert_eq!(one.statement, "A server MUST do one, e.g. this.");
        assert_eq!((one.level, one.profile), (Level::Must, Profile::Core));
        assert_eq!(one.source, "RFC 3875 section 3.3; elsewhere");
        assert_eq!(one.waiver.as_deref(), Some("nobody sees it."));
        assert_eq!(one.mutant_waiver.as_deref(), Some("nobody breaks it."));
        assert_eq!((one.line, two.line), (3, 16));
        let behaviours: Vec<_> = two.behaviours.iter().collect();
        assert_eq!(
            behaviours,
            [
                (&"yes".to_owned(), &"it does, at once".to_owned()),
                (&"no".to_owned(), &"it does not".to_owned())
            ]
        );
    }

    #[test]
    fn mistakes_are_located_and_named() {
        let error = |text: &str| {
            let first = rules("spec/routing.md", "routing", text).into_iter().next();
            first.expect("a rule").expect_err("a mistake").to_string()
        };
        assert_eq!(
            error("\nr[routing.x] must core"),
            "spec/routing.md:2: a rule begins `r[IDENTIFIER] LEVEL · PROFILE · SOURCE`"
        );
        assert!(
            error("r[routing.x] most · core · s\n\nMUST.").contains("must, should, may, observe")
        );
        assert!(error("r[http.x] must · core · s\n\nMUST.").contains("must begin `routing.`"));
        assert!(error("r[routing.x] must · core · s\n\nText.").contains("does not say MUST"));
        assert!(error("r[routing.x] observe · core · s\n\nText.").contains("`*Behaviours:*`"));
        assert!(error("r[routing.x] must · core · s\n").contains("has no text"));
    }
}
