//! One model of every outcome, against which each report is tested.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::case::Case;
use crate::expectations::{Entry, Outcome};
use crate::id::{CaseId, RuleId};
use crate::judge::{Finding, Mismatch, Side};
use crate::run::event::{CaseRecord, Event, ExchangeRecord, Verdict};
use crate::spec::{Level, Profile, Rule, Specification};
use crate::suite::files::Files;
use crate::suite::guest::Guests;
use crate::suite::{Suite, deployment};

fn rule(id: &str, level: Level, profile: Profile, statement: &str) -> Rule {
    let id = rule_id(id);
    Rule {
        file: format!("spec/{}.md", id.area()),
        line: 7,
        id,
        level,
        profile,
        source: "RFC 3875 section 6.3.3".to_owned(),
        statement: statement.to_owned(),
        text: format!("{statement}\n\nFor example `x`.\n\n*Why:* the sources\nagree."),
        waiver: None,
        mutant_waiver: None,
        behaviours: Default::default(),
    }
}

fn rule_id(id: &str) -> RuleId {
    RuleId::try_from(id.to_owned()).expect("an identifier")
}

fn case(id: &str, description: &str, rules: &[&str]) -> Case {
    let area = id.split('/').next();
    serde_json::from_value(json!({
        "id": id,
        "description": description,
        "rules": rules,
        "prerequisites": if area == Some("response") { json!(["routing/first"]) } else { json!([]) },
        "routes": [{ "route": "/copy/...", "guest": "copy" }],
        "requests": [
            { "target": "/copy/a?{{nonce}}", "expect": { "status": 200, "body": "{{nonce}}" } },
            { "target": "/copy/b", "copies": 5, "expect": [{ "status": 200, "body": "" }, "closed"] },
        ],
    }))
    .expect("a case")
}

/// A suite with a case for each outcome.
pub(crate) fn suite() -> Suite {
    use Level::{May, Must, Observe, Should};
    let mut waived = rule("http.waived", Must, Profile::Core, "A server MUST think.");
    waived.waiver = Some("thoughts are free.".to_owned());
    let mut observe = rule(
        "http.slashes",
        Observe,
        Profile::Core,
        "A server differs in whether it joins slashes.",
    );
    observe
        .behaviours
        .insert("joins".to_owned(), "it does".to_owned());
    let rules = [
        rule("routing.first", Must, Profile::Core, "A server MUST route."),
        rule(
            "response.status",
            Must,
            Profile::Core,
            "A server MUST use the status that the guest gives, whatever else the guest says in the \
             other fields of its output.",
        ),
        rule(
            "response.body",
            Should,
            Profile::Core,
            "A server SHOULD send the body.",
        ),
        rule("response.extra", May, Profile::Core, "A server MAY add."),
        observe,
        waived,
        rule("tls.served", Must, Profile::Tls, "A server MUST speak TLS."),
    ];
    let cases = vec![
        case(
            "routing/first",
            "A request reaches its guest.",
            &["routing.first"],
        ),
        case(
            "routing/unselected",
            "Nobody asked for this.",
            &["routing.first"],
        ),
        case(
            "response/status",
            "The guest's status is the response's.",
            &["response.status", "routing.first"],
        ),
        case(
            "response/body",
            "The body is sent as it is.",
            &["response.body"],
        ),
        case("response/extra", "A server may add.", &["response.extra"]),
        case("response/later/one", "One.", &["response.status"]),
        case("response/later/two", "Two.", &["response.status"]),
        case("response/known", "It is known.", &["response.status"]),
        case("response/known-later", "Later.", &["response.status"]),
        case("response/mended", "It is mended.", &["response.extra"]),
        case("response/odd", "Now and then.", &["response.status"]),
        case(
            "response/lost",
            "The target is there.",
            &["response.status"],
        ),
        case(
            "http/slashes",
            "Slashes are joined or not.",
            &["http.slashes"],
        ),
        case("tls/served", "TLS is spoken.", &["tls.served"]),
    ];
    let (deployments, _) = deployment::derive(&cases);
    Suite {
        specification: Specification {
            rules: rules
                .into_iter()
                .map(|rule| (rule.id.clone(), rule))
                .collect(),
        },
        cases,
        guests: Guests::default(),
        deployments,
        files: Files::default(),
    }
}

/// A record without exchanges.
pub(crate) fn record(id: &str, rules: &[&str], verdict: Verdict) -> CaseRecord {
    CaseRecord {
        id: CaseId::try_from(id.to_owned()).expect("an identifier"),
        level: Level::Must,
        rules: rules.iter().map(|id| rule_id(id)).collect(),
        verdict,
        expected: None,
        reason: None,
        behaviours: Vec::new(),
        exchanges: Vec::new(),
        duration: Duration::from_micros(12_345),
    }
}

/// What was expected of a case.
pub(crate) fn expected(
    cases: &str,
    outcome: Outcome,
    reason: &str,
    link: Option<&str>,
) -> Option<Arc<Entry>> {
    Some(Arc::new(Entry {
        cases: cases.to_owned().try_into().expect("a pattern"),
        outcome,
        reason: reason.to_owned(),
        link: link.map(str::to_owned),
    }))
}

fn exchange(request: usize, copy: usize, received: &str, finding: Finding) -> ExchangeRecord {
    ExchangeRecord {
        request,
        copy,
        command: "curl -i 'http://127.0.0.1:3000/copy/a'".to_owned(),
        received: received.to_owned(),
        finding,
        duration: Duration::from_micros(1_500),
    }
}

fn octets(place: &str, expected: &str, got: &str) -> Mismatch {
    Mismatch {
        place: place.to_owned(),
        expected: Side::Octets(expected.as_bytes().to_vec()),
        got: Side::Octets(got.as_bytes().to_vec()),
    }
}

fn words(place: &str, expected: &str, got: &str) -> Mismatch {
    Mismatch {
        place: place.to_owned(),
        expected: Side::Words(expected.to_owned()),
        got: Side::Words(got.to_owned()),
    }
}

/// A run with every verdict and every standing.
pub(crate) fn events() -> Vec<Event> {
    let refused = |choices, mismatches| Finding::NotAllowed {
        choices,
        mismatches,
    };
    let because = |reason: &str| Some(reason.to_owned());
    let received = r"status 404, a body of 5 octets: gone\n";
    let silence = "no answer within the time limit";
    let link = Some("https://example.org/7");
    let no_answer = || {
        words(
            "answer",
            "a complete HTTP response with status 200",
            silence,
        )
    };
    let records = vec![
        CaseRecord {
            exchanges: vec![
                exchange(0, 0, "status 200, a body of 0 octets: ", Finding::Allowed),
                exchange(1, 0, "status 200, a body of 0 octets: ", Finding::Allowed),
            ],
            ..record("routing/first", &["routing.first"], Verdict::Passed)
        },
        CaseRecord {
            duration: Duration::ZERO,
            ..record("routing/unselected", &["routing.first"], Verdict::Skipped)
        },
        CaseRecord {
            exchanges: vec![
                exchange(
                    0,
                    0,
                    received,
                    refused(
                        1,
                        vec![
                            words("status", "200", "404 Not Found"),
                            octets("field x-name", "a b", "a\tb"),
                            octets("body", "one\ntwo\nthree\n", "one\ntwo\r\nthree\n"),
                        ],
                    ),
                ),
                exchange(1, 0, "status 200, a body of 0 octets: ", Finding::Allowed),
            ],
            ..record(
                "response/status",
                &["response.status", "routing.first"],
                Verdict::Failed,
            )
        },
        CaseRecord {
            level: Level::Should,
            exchanges: (0..5)
                .map(|copy| exchange(1, copy, silence, refused(2, vec![no_answer()])))
                .collect(),
            ..record("response/body", &["response.body"], Verdict::Failed)
        },
        CaseRecord {
            level: Level::May,
            ..record("response/extra", &["response.extra"], Verdict::Passed)
        },
        CaseRecord {
            reason: because("`response/status` failed"),
            ..record("response/later/one", &["response.status"], Verdict::Blocked)
        },
        CaseRecord {
            reason: because("`response/status` failed"),
            ..record("response/later/two", &["response.status"], Verdict::Blocked)
        },
        CaseRecord {
            expected: expected("response/known", Outcome::Fails, "no time yet", link),
            exchanges: vec![exchange(0, 0, silence, refused(2, vec![no_answer()]))],
            ..record("response/known", &["response.status"], Verdict::Failed)
        },
        CaseRecord {
            expected: expected("response/known", Outcome::Fails, "no time yet", link),
            reason: because("its prerequisite `response/known` failed, as expected"),
            ..record(
                "response/known-later",
                &["response.status"],
                Verdict::Blocked,
            )
        },
        CaseRecord {
            level: Level::May,
            expected: expected("*/mended", Outcome::Fails, "it adds | <nothing>", None),
            ..record("response/mended", &["response.extra"], Verdict::Passed)
        },
        CaseRecord {
            expected: expected("response/odd", Outcome::Flickers, "a race", None),
            ..record("response/odd", &["response.status"], Verdict::Passed)
        },
        CaseRecord {
            reason: because("no connection to 127.0.0.1:3000: connection refused"),
            ..record("response/lost", &["response.status"], Verdict::Error)
        },
        CaseRecord {
            level: Level::Observe,
            behaviours: vec!["joins".to_owned(), "other".to_owned()],
            exchanges: vec![
                exchange(0, 0, received, Finding::Shows("joins".to_owned())),
                exchange(1, 0, received, Finding::ShowsOther(received.to_owned())),
            ],
            ..record("http/slashes", &["http.slashes"], Verdict::Observed)
        },
        CaseRecord {
            reason: because("the target does not claim the profile `tls`"),
            duration: Duration::ZERO,
            ..record("tls/served", &["tls.served"], Verdict::Unsupported)
        },
    ];
    let target = "http://127.0.0.1:3000".to_owned();
    let mut events = vec![Event::RunStarted {
        target,
        selected: 13,
        strict: false,
    }];
    for record in records {
        if record.verdict != Verdict::Skipped {
            events.push(Event::CaseStarted(record.id.clone()));
        }
        events.push(Event::CaseFinished(Box::new(record)));
    }
    events.push(Event::Notice(
        "the target no longer answers; `response/lost` ran last".to_owned(),
    ));
    events.push(Event::Shortfall(
        "the target claims the profile `tls`, but can run none of its cases".to_owned(),
    ));
    events.push(Event::RunFinished {
        duration: Duration::from_millis(1_260),
    });
    events
}
