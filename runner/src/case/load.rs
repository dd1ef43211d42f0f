//! From a case file's text to its cases, or to what is wrong with it and where.

use serde_json::Value;

use super::bytes::{Bytes, BytesForm};
use super::expect::{Answer, Expectation, ExpectedResponse, FieldMatcher, StatusMatcher};
use super::locate;
use super::matcher::{Matcher, MatcherForm, compile_pattern};
use super::placeholder::{NAMES, Placeholders};
use super::request::{Await, Client, Connection, Demand, Framing, Message, Request, Step};
use super::{Case, Start, table};
use crate::problem::Problem;
use crate::suite::files;

/// Reads the cases of one file.
///
/// `path` is the file's path from the suite's root, `cases/AREA/NAME.json`.
///
/// # Errors
/// Every problem found; none of the file's cases is used then.
pub fn read(path: &str, content: &[u8]) -> Result<Vec<Case>, Vec<Problem>> {
    let text = files::text(path, content).map_err(|problem| vec![problem])?;
    let value: Value = serde_json::from_str(text)
        .map_err(|error| vec![Problem::at_line(path, error.line(), error.to_string())])?;
    let expanded = table::expand(value)
        .map_err(|message| vec![Problem::at_line(path, locate::line(text, "rows"), message)])?;

    let mut cases = Vec::new();
    let mut problems = Vec::new();
    for value in expanded {
        let id = match value.get("id") {
            Some(Value::String(id)) => id.clone(),
            _ => String::new(),
        };
        let case = serde_path_to_error::deserialize::<_, Case>(&value);
        let checked = case.map_err(|error| {
            let place = error.path().to_string();
            let message = format!("case `{id}`: at `{place}`: {}", error.inner());
            vec![Problem::at_line(path, locate::line(text, &place), message)]
        });
        match checked.and_then(|case| check(path, text, case)) {
            Ok(case) => cases.push(case),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        Ok(cases)
    } else {
        problems.dedup();
        Err(problems)
    }
}

/// What the types cannot say about one case.
fn check(path: &str, text: &str, case: Case) -> Result<Case, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut problem = |place: &str, message: String| {
        let message = format!("case `{}`: {message}", case.id);
        problems.push(Problem::at_line(path, locate::line(text, place), message));
    };

    let expected = path
        .strip_prefix("cases/")
        .and_then(|path| path.strip_suffix(".json"));
    if expected != Some(case.id.file()) {
        problem(
            "id",
            format!(
                "the file's path asks for the id `{}`",
                expected.unwrap_or(path)
            ),
        );
    }
    if !case.description.ends_with('.') || case.description.trim().len() < 10 {
        problem(
            "description",
            "the description must be a sentence with a full stop".to_owned(),
        );
    }
    if case.rules.is_empty() {
        problem("rules", "names no rule, so it tests nothing".to_owned());
    }
    match case.start {
        Start::Refused if !case.requests.is_empty() => problem(
            "requests",
            "a server that refuses to start answers no requests".to_owned(),
        ),
        Start::Served | Start::MayRefuse if case.requests.is_empty() => {
            problem(
                "requests",
                "has no requests, so it asserts nothing".to_owned(),
            );
        }
        _ => {}
    }
    if case.start != Start::Refused && case.prerequisites.is_empty() && !proves_a_guest_ran(&case) {
        problem(
            "prerequisites",
            "a server that runs no guest might pass it: name a prerequisite that shows the guest \
             at work, or expect `{{nonce}}` in the body of an answer"
                .to_owned(),
        );
    }
    if matches!(&case.requests.first(), Some(first) if first.connection != Connection::New) {
        problem(
            "requests",
            "the first request has no connection to share".to_owned(),
        );
    }
    for pair in case.requests.windows(2) {
        let [before, after] = pair else { continue };
        if after.connection == Connection::New {
            continue;
        }
        let ordinary = matches!(&before.message, Message::Composed(composed) if composed.client == Client::Ordinary);
        if ordinary || before.copies > 1 {
            problem(
                "requests",
                "copies and ordinary clients have connections of their own, which no other request can share"
                    .to_owned(),
            );
        }
        if before.message.awaits(&[Await::Others, Await::Continue]) {
            problem(
                "requests",
                "a request that awaits something has its own connection, which no other request can share".to_owned(),
            );
        }
        if !after.tls {
            problem(
                "requests",
                "only a request on a new connection chooses `tls`".to_owned(),
            );
        }
    }
    let mut waiting = (1..)
        .zip(&case.requests)
        .filter(|(_, request)| request.message.awaits(&[Await::Others]));
    match (waiting.next(), waiting.next()) {
        (Some((first, _)), Some((second, _))) => problem(
            "requests",
            format!(
                "requests {first} and {second} would await each other: only one of a case can `await` the others"
            ),
        ),
        (Some(_), None) if case.requests.len() == 1 => {
            problem(
                "requests",
                "there are no other requests to `await`".to_owned(),
            );
        }
        _ => {}
    }
    for (index, request) in case.requests.iter().enumerate() {
        if let Err(message) = check_request(request) {
            problem(
                &format!("requests[{index}]"),
                format!("request {}: {message}", index + 1),
            );
        }
    }
    if problems.is_empty() {
        Ok(case)
    } else {
        Err(problems)
    }
}

/// Whether some answer must carry this run's nonce, which nothing canned can.
fn proves_a_guest_ran(case: &Case) -> bool {
    let carries_nonce = |answer: &Answer| match answer {
        Answer::Response(response) => {
            serde_json::to_string(&response.body).is_ok_and(|body| body.contains("{{nonce}}"))
        }
        Answer::Closed | Answer::Incomplete => false,
    };
    case.requests.iter().any(|request| match &request.demand {
        Demand::Expect(Expectation(answers)) => answers.iter().all(carries_nonce),
        Demand::Observe(_) => false,
    })
}

fn check_request(request: &Request) -> Result<(), String> {
    let values = Placeholders::new(NAMES.map(|_| "x".to_owned()));
    let resolves = |bytes: &Bytes| bytes.resolve(&values).map_err(|error| error.to_string());
    match &request.message {
        Message::Raw(steps) => {
            for step in steps {
                match step {
                    Step::Text(text) => resolves(&text.as_str().into())?,
                    Step::Form(form) => match form.octets() {
                        Some(octets) => resolves(&Bytes::Form(octets))?,
                        None => Vec::new(),
                    },
                };
            }
        }
        Message::Composed(composed) => {
            values
                .expand(&composed.method)
                .map_err(|error| error.to_string())?;
            let target = resolves(&composed.target)?;
            if composed.client == Client::Ordinary && !target.starts_with(b"/") {
                return Err("an ordinary client asks for a path, which begins with `/`".to_owned());
            }
            let trailers = match &composed.framing {
                Framing::Chunked(chunked) => chunked.trailers.as_slice(),
                Framing::ContentLength | Framing::None => &[],
            };
            for (name, value) in composed.fields.iter().chain(trailers) {
                resolves(name)?;
                resolves(value)?;
            }
            if let Some(body) = &composed.body {
                resolves(body)?;
            }
        }
    }
    match &request.demand {
        Demand::Expect(expectation) => check_expectation(expectation, &values),
        Demand::Observe(behaviours) => behaviours
            .values()
            .try_for_each(|expectation| check_expectation(expectation, &values)),
    }
}

fn check_expectation(
    Expectation(answers): &Expectation,
    values: &Placeholders,
) -> Result<(), String> {
    for answer in answers {
        let Answer::Response(response) = answer else {
            continue;
        };
        let ExpectedResponse {
            status,
            fields,
            body,
        } = response.as_ref();
        if matches!(status, StatusMatcher::OneOf(choices) if choices.is_empty()) {
            return Err("an empty array of status codes can never match".to_owned());
        }
        check_matcher(body, values)?;
        for (name, field) in fields {
            if name != "*"
                && fields
                    .keys()
                    .filter(|other| other.eq_ignore_ascii_case(name))
                    .count()
                    > 1
            {
                return Err(format!("the field `{name}` is named twice"));
            }
            if name == "*" && !matches!(field, FieldMatcher::One(_)) {
                return Err(
                    "the field `*` stands for several: it takes one matcher for each value"
                        .to_owned(),
                );
            }
            match field {
                FieldMatcher::One(matcher) | FieldMatcher::Joined(matcher) => {
                    check_matcher(matcher, values)?;
                }
                FieldMatcher::Values(matchers) => {
                    matchers
                        .iter()
                        .try_for_each(|matcher| check_matcher(matcher, values))?;
                }
                FieldMatcher::Count(_) => {}
            }
        }
    }
    Ok(())
}

fn check_matcher(matcher: &Matcher, values: &Placeholders) -> Result<(), String> {
    let resolves = |bytes: BytesForm| bytes.resolve(values).map_err(|error| error.to_string());
    let each = |matchers: &[Matcher]| -> Result<(), String> {
        if matchers.is_empty() {
            return Err("a list of alternatives is empty".to_owned());
        }
        matchers
            .iter()
            .try_for_each(|matcher| check_matcher(matcher, values))
    };
    match matcher {
        Matcher::Text(text) => values
            .expand(text)
            .map(drop)
            .map_err(|error| error.to_string()),
        Matcher::Form(form) => match form {
            MatcherForm::Base64(_) | MatcherForm::Repeat(_) | MatcherForm::Concat(_) => form
                .exact()
                .map_or(Ok(()), |exact| resolves(exact).map(drop)),
            MatcherForm::OneOf(matchers) | MatcherForm::AllOf(matchers) => each(matchers),
            MatcherForm::Not(matcher) => check_matcher(matcher, values),
            MatcherForm::Contains(bytes) => match bytes.resolve(values) {
                Ok(octets) if octets.is_empty() => Err("everything contains \"\"".to_owned()),
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            },
            MatcherForm::Pattern(pattern) => compile_pattern(pattern, values).map(drop),
            MatcherForm::Url(text) => values
                .expand(text)
                .map(drop)
                .map_err(|error| error.to_string()),
            MatcherForm::Json(value) => check_json(value, values),
            MatcherForm::Report(report) => {
                if **report == super::matcher::Report::default() {
                    return Err("a `report` that names nothing asserts nothing".to_owned());
                }
                report
                    .env
                    .values()
                    .chain(&report.env_none)
                    .chain(report.args.iter().flatten())
                    .chain(&report.stdin)
                    .try_for_each(|matcher| check_matcher(matcher, values))
            }
            MatcherForm::Length(_)
            | MatcherForm::Any(_)
            | MatcherForm::Absent(_)
            | MatcherForm::AbsentOrEmpty(_) => Ok(()),
        },
    }
}

fn check_json(value: &Value, values: &Placeholders) -> Result<(), String> {
    match value {
        Value::String(text) => values
            .expand(text)
            .map(drop)
            .map_err(|error| error.to_string()),
        Value::Array(items) => items.iter().try_for_each(|item| check_json(item, values)),
        Value::Object(members) => members
            .values()
            .try_for_each(|item| check_json(item, values)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> String {
        let problems = read(path, text.as_bytes()).expect_err("a mistake");
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        lines.join("\n")
    }

    const GOOD: &str = r#"{
  "id": "routing/one",
  "description": "A server does one thing.",
  "rules": ["routing.one"],
  "routes": [{"route": "/a", "guest": "copy"}],
  "requests": [
    {
      "target": "/a?{{nonce}}",
      "expect": {"status": 200, "body": "{{nonce}}"}
    }
  ]
}"#;

    #[test]
    fn a_good_case_is_read() {
        let cases = read("cases/routing/one.json", GOOD.as_bytes()).expect("a case");
        assert_eq!(cases.len(), 1);
    }

    #[test]
    fn requests_that_would_wait_for_ever_are_refused() {
        let waiting = |thing: &str, more: &str| {
            format!(r#"{{"raw": ["x", {{"await": "{thing}"}}], {more} "expect": "closed"}}"#)
        };
        let later = waiting("others", r#""answer": "later","#);
        let plain = r#"{"target": "/a?{{nonce}}", "expect": {"status": 200, "body": "{{nonce}}"}}"#;
        let sharing = r#"{"target": "/a?{{nonce}}", "connection": "same", "expect": {"status": 200, "body": "{{nonce}}"}}"#;
        for (requests, expected) in [
            (
                vec![later.as_str(), plain, &later],
                "requests 1 and 3 would await each other",
            ),
            (vec![&later], "there are no other requests"),
            (
                vec![plain, &later, sharing],
                "which no other request can share",
            ),
            (
                vec![&waiting("continue", ""), sharing],
                "which no other request can share",
            ),
        ] {
            let start = GOOD.split("\n    {").next().expect("a start");
            let case = format!("{start}{}]}}", requests.join(","));
            let found = problems("cases/routing/one.json", &case);
            assert!(found.contains(expected), "{found}");
        }
        let start = GOOD.split("\n    {").next().expect("a start");
        let good = format!("{start}{later},{plain}]}}");
        assert!(read("cases/routing/one.json", good.as_bytes()).is_ok());
    }

    #[test]
    fn mistakes_name_file_line_case_and_cure() {
        let cases = [
            (
                r#""id": "routing/one""#,
                r#""id": "routing/two""#,
                "cases/routing/one.json:2: case `routing/two`: the file's path asks for the id `routing/one`",
            ),
            (
                r#""rules""#,
                r#""ruls""#,
                "cases/routing/one.json:4: case `routing/one`: at `ruls`: unknown field `ruls`",
            ),
            (
                r#""status": 200"#,
                r#""status": 2000"#,
                "cases/routing/one.json:9: case `routing/one`: at `requests[0].expect`: invalid value: integer `2000`, expected a status code",
            ),
            (
                "?{{nonce}}",
                "?{{nonec}}",
                "cases/routing/one.json:7: case `routing/one`: request 1: unknown placeholder `{{nonec}}`",
            ),
            (
                r#""body": "{{nonce}}""#,
                r#""body": "x""#,
                "a server that runs no guest might pass it",
            ),
            (
                r#""body": "{{nonce}}""#,
                r#""body": {"pattern": "({{nonce}}"}"#,
                "unclosed group",
            ),
            (
                r#""requests": ["#,
                r#""requests": [,"#,
                "cases/routing/one.json:6: expected value at line 6",
            ),
        ];
        for (from, to, expected) in cases {
            let found = problems("cases/routing/one.json", &GOOD.replacen(from, to, 1));
            assert!(found.contains(expected), "{to}: {found}");
        }
    }
}
