//! How many cases pass against servers that are none: a suite that a server passes without running
//! a guest says nothing about those that do.

pub mod servers;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::case::Start;
use crate::run::event::{Summary, Verdict};
use crate::run::target::{Launcher, Started, Target};
use crate::run::{Options, execute};
use crate::spec::Level;
use crate::suite::Suite;
use crate::suite::deployment::Deployment;
use crate::wire::{Endpoint, Limits};
use servers::NonServer;

/// The must cases that truly hold of a non-server, each with the reason. One that does not pass
/// there, or no longer exists, is an error.
const EXCEPTIONS: &[Exception] = &[];

/// What a non-server may take: nothing that it sends is worth waiting for, or keeping.
const LIMITS: Limits = Limits {
    answer: Duration::from_secs(1),
    connect: Duration::from_secs(1),
    max_head: 64 << 10,
    max_body: 1 << 20,
};

/// Cases that run at the same time, for each non-server.
const JOBS: usize = 64;

/// A must case that holds of a server which runs no guest.
#[derive(Clone, Copy, Debug)]
struct Exception {
    /// The name of the non-server.
    server: &'static str,
    /// The case, or the table of cases.
    file: &'static str,
    /// Why it holds.
    reason: &'static str,
}

/// What all non-servers were found to pass.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct NullScore {
    /// Each non-server, in the order in which they are listed.
    pub servers: Vec<Score>,
    /// What is wrong: must cases that pass without being listed as exceptions, and exceptions that
    /// match nothing. In sentences.
    pub problems: Vec<String>,
}

/// What one non-server was found to pass.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Score {
    /// Its name.
    pub name: String,
    /// What it does, in a phrase that begins with a verb.
    pub does: String,
    /// How many cases that demand something passed, by level.
    pub passed: IndexMap<Level, usize>,
    /// Which.
    pub cases: Vec<Passed>,
    /// How many cases have each verdict.
    pub verdicts: IndexMap<Verdict, usize>,
    /// How long the run took, in seconds.
    pub seconds: f64,
}

/// A case, or rows of a table, that passed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Passed {
    /// The case, or the table.
    pub file: String,
    /// Its level.
    pub level: Level,
    /// How many of its cases passed.
    pub passed: usize,
    /// How many cases it has: more than one only if it is a table.
    pub cases: usize,
    /// Why it holds of this non-server, if it is listed as an exception.
    pub reason: Option<String>,
}

/// Runs the whole suite against every non-server, all at the same time.
///
/// # Errors
/// What keeps a non-server from being set up.
pub async fn measure(suite: &Arc<Suite>) -> Result<NullScore, String> {
    let tls = servers::tls()?;
    let all = servers::all();
    let mut running = JoinSet::new();
    for (place, server) in all.into_iter().enumerate() {
        let (suite, tls) = (suite.clone(), tls.clone());
        running.spawn(async move { (place, score(&suite, &server, &tls).await) });
    }
    let mut scores = Vec::new();
    while let Some(ended) = running.join_next().await {
        let (place, score) = ended.map_err(|error| format!("the runner failed: {error}"))?;
        scores.push((place, score?));
    }
    scores.sort_by_key(|(place, _)| *place);
    let servers: Vec<Score> = scores.into_iter().map(|(_, score)| score).collect();
    let problems = problems(&servers, EXCEPTIONS);
    Ok(NullScore { servers, problems })
}

/// Runs the whole suite against one non-server.
async fn score(suite: &Arc<Suite>, server: &NonServer, tls: &TlsAcceptor) -> Result<Score, String> {
    let running = server
        .start(tls)
        .map_err(|error| format!("failed to start the non-server `{}`: {error}", server.name))?;
    let endpoint = |deployment: &Deployment| match deployment.server.tls {
        true => running.https.clone(),
        false => running.http.clone(),
    };
    let served = suite
        .deployments
        .iter()
        .filter(|deployment| deployment.start == Start::Served);
    let target = Target {
        name: format!("the non-server {}", server.name),
        endpoints: served
            .map(|deployment| (deployment.name.clone(), endpoint(deployment)))
            .collect(),
        launcher: Some(Arc::new(Indifferent {
            serves: (!server.is_absent()).then(|| running.http.clone()),
        })),
        ..Target::default()
    };
    let options = Options {
        jobs: JOBS,
        limits: LIMITS,
        fail_fast: false,
        strict: false,
        shuffle: None,
        expectations: Arc::default(),
    };
    let everything = suite.cases.iter().map(|case| case.id.clone()).collect();
    let (sender, mut events) = mpsc::unbounded_channel();
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(execute(
        suite.clone(),
        everything,
        Arc::new(target),
        options,
        sender,
        stopped,
    ));
    let mut summary = Summary::default();
    while let Some(event) = events.recv().await {
        summary.add(&event);
    }
    Ok(Score {
        name: server.name.clone(),
        does: server.does.clone(),
        passed: [Level::Must, Level::Should, Level::May]
            .into_iter()
            .map(|level| {
                let records = summary.records.iter();
                let passed = records
                    .filter(|record| record.verdict == Verdict::Passed && record.level == level);
                (level, passed.count())
            })
            .collect(),
        cases: passed(suite, server, &summary),
        verdicts: Verdict::ALL
            .into_iter()
            .map(|verdict| {
                let records = summary.records.iter();
                let with = records.filter(|record| record.verdict == verdict);
                (verdict, with.count())
            })
            .collect(),
        seconds: (summary.duration.as_secs_f64() * 10.0).round() / 10.0,
    })
}

/// The cases that passed, tables in one piece, in the order of the suite.
fn passed(suite: &Suite, server: &NonServer, summary: &Summary) -> Vec<Passed> {
    let verdicts: HashMap<_, _> = summary
        .records
        .iter()
        .map(|record| (&record.id, record.verdict))
        .collect();
    let mut files: IndexMap<&str, Passed> = IndexMap::new();
    for case in &suite.cases {
        let file = case.id.file();
        let entry = files.entry(file).or_insert_with(|| Passed {
            file: file.to_owned(),
            level: suite.level(case),
            passed: 0,
            cases: 0,
            reason: reason(EXCEPTIONS, &server.name, file).map(str::to_owned),
        });
        entry.cases += 1;
        entry.passed += usize::from(verdicts.get(&case.id) == Some(&Verdict::Passed));
    }
    let files = files.into_values();
    files.filter(|entry| entry.passed > 0).collect()
}

fn reason(exceptions: &[Exception], server: &str, file: &str) -> Option<&'static str> {
    let mut listed = exceptions.iter();
    let found = listed.find(|exception| exception.server == server && exception.file == file);
    found.map(|exception| exception.reason)
}

/// Must cases that pass without being listed, and exceptions that match nothing.
fn problems(scores: &[Score], exceptions: &[Exception]) -> Vec<String> {
    let musts = |score: &Score| {
        let cases = score.cases.iter();
        let musts = cases.filter(|case| case.level == Level::Must);
        musts.map(|case| case.file.clone()).collect::<Vec<_>>()
    };
    let unlisted = scores.iter().flat_map(|score| {
        let unlisted = musts(score)
            .into_iter()
            .filter(|file| reason(exceptions, &score.name, file).is_none());
        unlisted.map(|file| {
            format!(
                "the must case `{file}` passes against `{}`, which runs no guest: give it a \
                 prerequisite, or demand the nonce",
                score.name
            )
        })
    });
    let unused = exceptions.iter().filter(|exception| {
        !scores.iter().any(|score| {
            score.name == exception.server && musts(score).iter().any(|file| file == exception.file)
        })
    });
    let unused = unused.map(|exception| {
        format!(
            "the exception for `{}` and `{}` matches nothing: remove it",
            exception.server, exception.file
        )
    });
    unlisted.chain(unused).collect()
}

/// Starts nothing: whatever is asked for, it is the non-server.
#[derive(Debug)]
struct Indifferent {
    /// Where the non-server is; one that is nowhere refuses to start.
    serves: Option<Endpoint>,
}

impl Launcher for Indifferent {
    fn start<'a>(
        &'a self,
        _: &'a Suite,
        _: &'a Deployment,
    ) -> Pin<Box<dyn Future<Output = Started> + Send + 'a>> {
        let started = match &self.serves {
            Some(endpoint) => Started::Serving(endpoint.clone(), Box::new(())),
            None => Started::Refused("it refuses everything".to_owned()),
        };
        Box::pin(std::future::ready(started))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(name: &str, files: &[(&str, Level)]) -> Score {
        let passed = |(file, level): &(&str, Level)| Passed {
            file: (*file).to_owned(),
            level: *level,
            passed: 1,
            cases: 1,
            reason: None,
        };
        Score {
            name: name.to_owned(),
            does: "answers nothing".to_owned(),
            passed: IndexMap::new(),
            cases: files.iter().map(passed).collect(),
            verdicts: IndexMap::new(),
            seconds: 0.0,
        }
    }

    #[test]
    fn only_must_cases_that_are_listed_may_pass() {
        let scores = [
            score(
                "silent",
                &[("http/a", Level::Must), ("http/b", Level::Should)],
            ),
            score("closes", &[("http/a", Level::Must)]),
        ];
        let listed = |server, file| Exception {
            server,
            file,
            reason: "it holds",
        };
        let both = [listed("silent", "http/a"), listed("closes", "http/a")];
        assert_eq!(problems(&scores, &both), [""; 0]);

        let found = problems(
            &scores,
            &[listed("silent", "http/a"), listed("silent", "http/b")],
        );
        let [unlisted, unused] = found.as_slice() else {
            panic!("not two problems: {found:?}");
        };
        assert!(unlisted.starts_with("the must case `http/a` passes against `closes`"));
        assert!(unused.starts_with("the exception for `silent` and `http/b` matches nothing"));
    }
}
