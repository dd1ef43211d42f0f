//! Runs the selected cases, each after its prerequisites, and tells what happens.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tokio::task::{self, JoinSet};

use super::event::{CaseRecord, Event, ExchangeRecord, Verdict};
use super::target::{Started, Target};
use crate::case::placeholder::Placeholders;
use crate::case::request::Request;
use crate::case::{Case, Start};
use crate::id::CaseId;
use crate::judge::{self, Finding, Judgement};
use crate::spec::Level;
use crate::suite::Suite;
use crate::suite::deployment::name_of;
use crate::suite::links::REFUSED;
use crate::wire::{Endpoint, Limits, Outcome, converse};

/// How cases are run.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many cases run at the same time, at least one.
    pub jobs: usize,
    /// What each request may take.
    pub limits: Limits,
    /// Whether the first failed must case ends the run.
    pub fail_fast: bool,
    /// Whether should counts as must; only told to the reports.
    pub strict: bool,
    /// The order of cases that do not wait for each other: that of the suite, or shuffled.
    pub shuffle: Option<u64>,
}

/// Runs the cases `selected` against `target` and sends every event to `events`.
///
/// Every case of the suite gets exactly one record. Prerequisites run even if they are not
/// selected; their records then say `skipped`. When `stop` becomes true, the cases that have no
/// verdict yet are skipped.
pub async fn execute(
    suite: Arc<Suite>,
    selected: HashSet<CaseId>,
    target: Arc<Target>,
    options: Options,
    events: UnboundedSender<Event>,
    stop: watch::Receiver<bool>,
) {
    let start = Instant::now();
    let mut run = Run {
        prerequisites: prerequisites(&suite),
        suite: suite.clone(),
        target: target.clone(),
        options,
        selected,
        events,
        verdicts: HashMap::new(),
        running: BTreeMap::new(),
        gone: HashMap::new(),
    };
    run.tell(Event::RunStarted {
        target: target.name.clone(),
        selected: run.selected.len(),
        strict: run.options.strict,
    });
    run.cases(stop).await;
    run.tell(Event::RunFinished {
        duration: start.elapsed(),
    });
}

/// The state of a run: it only grows, but for the cases that run right now.
struct Run {
    suite: Arc<Suite>,
    /// The cases that each case waits for, with the rows of tables told one by one.
    prerequisites: HashMap<CaseId, Vec<CaseId>>,
    target: Arc<Target>,
    options: Options,
    selected: HashSet<CaseId>,
    events: UnboundedSender<Event>,
    /// The verdicts so far, of prerequisites that were not selected too.
    verdicts: HashMap<CaseId, Verdict>,
    /// The cases that run right now, and in which deployment.
    running: BTreeMap<CaseId, String>,
    /// Deployments whose server does not answer (any more), and what is known about it.
    gone: HashMap<String, String>,
}

/// What a case that ran brings back.
struct Ran {
    record: CaseRecord,
    /// Some answer was missing or broken: the server may be gone.
    suspicious: bool,
}

/// Whether a case can run now.
enum Readiness {
    Ready(Option<Endpoint>),
    Waits,
    Settled(Verdict, String),
}

impl Run {
    async fn cases(&mut self, mut stop: watch::Receiver<bool>) {
        let suite = self.suite.clone();
        let needed = self.with_prerequisites();
        for case in suite.cases.iter().filter(|case| !needed.contains(&case.id)) {
            self.finish(bare_record(&suite, case, Verdict::Skipped, None));
        }
        let mut waiting: Vec<&Case> = suite
            .cases
            .iter()
            .filter(|case| needed.contains(&case.id))
            .collect();
        if let Some(seed) = self.options.shuffle {
            fastrand::Rng::with_seed(seed).shuffle(&mut waiting);
        }
        self.reach_deployments(&waiting).await;

        let mut tasks: JoinSet<Ran> = JoinSet::new();
        let mut cases_of_tasks: HashMap<task::Id, &Case> = HashMap::new();
        loop {
            let mut still_waiting = Vec::new();
            for case in waiting {
                if tasks.len() >= self.options.jobs.max(1) {
                    still_waiting.push(case);
                    continue;
                }
                match self.readiness(case) {
                    Readiness::Settled(verdict, reason) => {
                        self.finish(bare_record(&suite, case, verdict, Some(reason)));
                    }
                    Readiness::Ready(endpoint) => {
                        self.begin(case);
                        let task = tasks.spawn(run_case(
                            suite.clone(),
                            self.target.clone(),
                            case.clone(),
                            endpoint,
                            self.options.limits,
                        ));
                        cases_of_tasks.insert(task.id(), case);
                    }
                    Readiness::Waits => still_waiting.push(case),
                }
            }
            waiting = still_waiting;
            let joined = tokio::select! {
                joined = tasks.join_next() => joined,
                // A sender that is gone will never stop the run.
                true = async { stop.wait_for(|stop| *stop).await.is_ok() } => {
                    let unfinished = cases_of_tasks.values().filter(|case| !self.verdicts.contains_key(&case.id));
                    waiting.extend(unfinished.copied().collect::<Vec<_>>());
                    tasks.shutdown().await;
                    self.skip(waiting, "the run was interrupted");
                    return;
                }
            };
            match joined {
                Some(Ok(ran)) => waiting = self.take(ran, waiting).await,
                // A task that panics is a fault of this program; its case must not be lost.
                Some(Err(error)) => {
                    if let Some(case) = cases_of_tasks.get(&error.id()) {
                        let reason = format!("the runner failed: {error}");
                        self.finish(bare_record(&suite, case, Verdict::Error, Some(reason)));
                    }
                }
                None if waiting.is_empty() => return,
                // Nothing runs and something waits: it was settled by what has just finished.
                None => {}
            }
        }
    }

    /// The selected cases, their prerequisites, and the prerequisites of these.
    fn with_prerequisites(&self) -> HashSet<CaseId> {
        closure(&self.selected, &self.prerequisites)
    }

    /// Makes sure that each deployment's server answers at all, before any case waits for it.
    async fn reach_deployments(&mut self, cases: &[&Case]) {
        let names: BTreeSet<String> = cases.iter().map(|case| name_of(case)).collect();
        let mut tasks = JoinSet::new();
        for name in names {
            if let Some(endpoint) = self.target.endpoints.get(&name).cloned() {
                let limits = self.options.limits;
                tasks.spawn(
                    async move { (name, endpoint.origin(), reach(&endpoint, &limits).await) },
                );
            }
        }
        while let Some(Ok((name, origin, reached))) = tasks.join_next().await {
            if let Err(why) = reached {
                let notice =
                    format!("nothing at {origin} (deployment `{name}`) answers HTTP: {why}");
                self.tell(Event::Notice(notice.clone()));
                self.gone.insert(name, notice);
            }
        }
    }

    fn readiness(&self, case: &Case) -> Readiness {
        let unsupported = |reason: String| Readiness::Settled(Verdict::Unsupported, reason);
        if let Some(why) = self.suite.absence(case) {
            return unsupported(why);
        }
        let profiles = self.suite.profiles(case);
        if let Some(profile) = profiles
            .iter()
            .find(|profile| self.target.unclaimed.contains(profile))
        {
            return unsupported(format!("the target does not claim the profile `{profile}`"));
        }
        let deployment = name_of(case);
        let endpoint = match case.start {
            Start::Served => match self.target.endpoints.get(&deployment) {
                Some(endpoint) => Some(endpoint.clone()),
                None => {
                    return unsupported(format!(
                        "no URL was given for the deployment `{deployment}`: add --url {deployment}=URL"
                    ));
                }
            },
            Start::Refused | Start::MayRefuse if self.target.launcher.is_none() => {
                return unsupported(
                    "it is about starting a server, and this server was started by someone else"
                        .to_owned(),
                );
            }
            Start::Refused | Start::MayRefuse => None,
        };
        if let Some(why) = self.gone.get(&deployment) {
            return Readiness::Settled(Verdict::Error, why.clone());
        }
        for id in self.prerequisites.get(&case.id).into_iter().flatten() {
            match self.verdicts.get(id) {
                None => return Readiness::Waits,
                Some(Verdict::Passed | Verdict::Observed) => {}
                Some(Verdict::Unsupported) => {
                    return unsupported(format!("its prerequisite `{id}` is unsupported"));
                }
                Some(Verdict::Skipped) => {
                    return Readiness::Settled(
                        Verdict::Skipped,
                        format!("its prerequisite `{id}` did not run"),
                    );
                }
                Some(verdict @ (Verdict::Failed | Verdict::Blocked | Verdict::Error)) => {
                    return Readiness::Settled(
                        Verdict::Blocked,
                        format!(
                            "its prerequisite `{id}` {}",
                            match verdict {
                                Verdict::Failed => "failed",
                                Verdict::Blocked => "is blocked itself",
                                _ => "could not be carried out",
                            }
                        ),
                    );
                }
            }
        }
        Readiness::Ready(endpoint)
    }

    fn begin(&mut self, case: &Case) {
        self.running.insert(case.id.clone(), name_of(case));
        if self.selected.contains(&case.id) {
            self.tell(Event::CaseStarted(case.id.clone()));
        }
    }

    /// Takes up the result of a case; returns the cases that still wait.
    async fn take<'a>(&mut self, ran: Ran, waiting: Vec<&'a Case>) -> Vec<&'a Case> {
        let Ran {
            mut record,
            suspicious,
        } = ran;
        let deployment = self.running.get(&record.id).cloned();
        let endpoint = deployment
            .as_ref()
            .and_then(|name| self.target.endpoints.get(name))
            .cloned();
        if suspicious
            && let (Some(deployment), Some(endpoint)) = (deployment, endpoint)
            && !self.gone.contains_key(&deployment)
            && let Err(why) = reach(&endpoint, &self.options.limits).await
        {
            let others: Vec<String> = self
                .running
                .iter()
                .filter(|(id, name)| **id != record.id && **name == deployment)
                .map(|(id, _)| format!("`{id}`"))
                .collect();
            let beside = match others.as_slice() {
                [] => String::new(),
                others => format!(" (beside it ran {})", others.join(", ")),
            };
            let notice = format!(
                "the server at {} (deployment `{deployment}`) no longer answers since case `{}`{beside}: {why}",
                endpoint.origin(),
                record.id,
            );
            record.reason = Some("the server no longer answers after this case".to_owned());
            self.tell(Event::Notice(notice.clone()));
            self.gone.insert(deployment, notice);
        }
        let ends_run = self.options.fail_fast
            && record.verdict == Verdict::Failed
            && record.level == Level::Must;
        self.finish(record);
        if !ends_run {
            return waiting;
        }
        self.skip(waiting, "the run ended at the first failure (--fail-fast)");
        Vec::new()
    }

    fn skip(&mut self, cases: Vec<&Case>, reason: &str) {
        let suite = self.suite.clone();
        for case in cases {
            self.finish(bare_record(
                &suite,
                case,
                Verdict::Skipped,
                Some(reason.to_owned()),
            ));
        }
    }

    fn finish(&mut self, record: CaseRecord) {
        self.running.remove(&record.id);
        self.verdicts.insert(record.id.clone(), record.verdict);
        let record = if self.selected.contains(&record.id) {
            record
        } else {
            CaseRecord {
                verdict: Verdict::Skipped,
                reason: None,
                behaviours: Vec::new(),
                exchanges: Vec::new(),
                duration: Duration::ZERO,
                ..record
            }
        };
        self.tell(Event::CaseFinished(Box::new(record)));
    }

    fn tell(&self, event: Event) {
        // Nobody listens any more when the reports have failed; the run is over soon.
        let _ = self.events.send(event);
    }
}

/// The names of the deployments in which the cases `selected` and their prerequisites run.
pub fn deployments(suite: &Suite, selected: &HashSet<CaseId>) -> BTreeSet<String> {
    let needed = closure(selected, &prerequisites(suite));
    let cases = suite.cases.iter().filter(|case| needed.contains(&case.id));
    cases.map(name_of).collect()
}

/// The cases `selected`, their prerequisites, and the prerequisites of these.
fn closure(
    selected: &HashSet<CaseId>,
    prerequisites: &HashMap<CaseId, Vec<CaseId>>,
) -> HashSet<CaseId> {
    let mut needed = HashSet::new();
    let mut open: Vec<&CaseId> = selected.iter().collect();
    while let Some(id) = open.pop() {
        if needed.insert(id.clone()) {
            open.extend(prerequisites.get(id).into_iter().flatten());
        }
    }
    needed
}

/// The prerequisites of every case, with the rows of tables told one by one.
fn prerequisites(suite: &Suite) -> HashMap<CaseId, Vec<CaseId>> {
    let mut named: HashMap<&str, Vec<&CaseId>> = HashMap::new();
    for case in &suite.cases {
        named.entry(case.id.as_str()).or_default().push(&case.id);
        if case.id.file() != case.id.as_str() {
            named.entry(case.id.file()).or_default().push(&case.id);
        }
    }
    let of = |case: &Case| -> Vec<CaseId> {
        let ids = case
            .prerequisites
            .iter()
            .filter_map(|id| named.get(id.as_str()));
        ids.flatten().map(|id| (*id).clone()).collect()
    };
    suite
        .cases
        .iter()
        .map(|case| (case.id.clone(), of(case)))
        .collect()
}

fn bare_record(suite: &Suite, case: &Case, verdict: Verdict, reason: Option<String>) -> CaseRecord {
    CaseRecord {
        id: case.id.clone(),
        level: suite.level(case),
        rules: case.rules.clone(),
        verdict,
        reason,
        behaviours: Vec::new(),
        exchanges: Vec::new(),
        duration: Duration::ZERO,
    }
}

/// Runs one case, at `endpoint`, or at a server of its own if there is none.
async fn run_case(
    suite: Arc<Suite>,
    target: Arc<Target>,
    case: Case,
    endpoint: Option<Endpoint>,
    limits: Limits,
) -> Ran {
    let start = Instant::now();
    let mut ran = match endpoint {
        Some(endpoint) => run_requests(&suite, &case, &endpoint, &limits).await,
        None => run_start(&suite, &case, &target, &limits).await,
    };
    ran.record.duration = start.elapsed();
    ran
}

/// A case that is about starting a server.
async fn run_start(suite: &Suite, case: &Case, target: &Target, limits: &Limits) -> Ran {
    let settled = |verdict, reason: String| Ran {
        record: bare_record(suite, case, verdict, Some(reason)),
        suspicious: false,
    };
    let name = name_of(case);
    let deployment = suite
        .deployments
        .iter()
        .find(|deployment| deployment.name == name);
    let (Some(launcher), Some(deployment)) = (&target.launcher, deployment) else {
        return settled(Verdict::Error, "no server can be started for it".to_owned());
    };
    match (launcher.start(suite, deployment).await, case.start) {
        (Started::Failed(why), _) => settled(Verdict::Error, why),
        (Started::Refused(message), Start::Served) => settled(Verdict::Failed, message),
        (Started::Refused(message), Start::Refused | Start::MayRefuse) => {
            let reason = format!("the server refused to start: {message}");
            let observes = suite.level(case) == Level::Observe;
            let verdict = if observes {
                Verdict::Observed
            } else {
                Verdict::Passed
            };
            let mut ran = settled(verdict, reason);
            if observes {
                ran.record.behaviours.push(REFUSED.to_owned());
            }
            ran
        }
        (Started::Serving(..), Start::Refused) => settled(
            Verdict::Failed,
            "the server started with a configuration that it must refuse".to_owned(),
        ),
        (Started::Serving(endpoint, _running), _) => {
            run_requests(suite, case, &endpoint, limits).await
        }
    }
}

async fn run_requests(suite: &Suite, case: &Case, endpoint: &Endpoint, limits: &Limits) -> Ran {
    let values = placeholders(endpoint);
    let exchanges = converse(&case.requests, endpoint, &values, limits).await;
    let (judgement, findings) = judge::case(case, &exchanges, &values);
    let unreachable = exchanges
        .iter()
        .find_map(|exchange| match &exchange.outcome {
            Outcome::Unreachable(why) => Some(why.clone()),
            _ => None,
        });
    let suspicious = exchanges.iter().zip(&findings).any(|(exchange, finding)| {
        !matches!(exchange.outcome, Outcome::Response(_))
            && matches!(finding, Finding::NotAllowed { .. } | Finding::ShowsOther(_))
    });
    let (verdict, behaviours) = match judgement {
        Judgement::Passed => (Verdict::Passed, Vec::new()),
        Judgement::Failed if unreachable.is_some() => (Verdict::Error, Vec::new()),
        Judgement::Failed => (Verdict::Failed, Vec::new()),
        Judgement::Observed(behaviours) => (Verdict::Observed, behaviours),
    };
    let reason = match verdict {
        Verdict::Error => unreachable.map(|why| format!("no connection: {why}")),
        _ => None,
    };
    let exchanges = exchanges
        .into_iter()
        .zip(findings)
        .map(|(exchange, finding)| ExchangeRecord {
            request: exchange.request,
            copy: exchange.copy,
            received: judge::describe(&exchange.outcome),
            command: exchange.command,
            finding,
            duration: exchange.duration,
        })
        .collect();
    Ran {
        record: CaseRecord {
            behaviours,
            exchanges,
            ..bare_record(suite, case, verdict, reason)
        },
        suspicious,
    }
}

/// The values of one run of one case.
fn placeholders(endpoint: &Endpoint) -> Placeholders {
    Placeholders::new([
        endpoint.authority(),
        endpoint.host.clone(),
        endpoint.port.to_string(),
        endpoint.scheme.as_str().to_owned(),
        format!("{:016x}", fastrand::u64(..)),
        "0".to_owned(),
    ])
}

/// A request that any HTTP server answers somehow.
const PROBE: &str = r#"{
    "target": "/",
    "fields": [["Connection", "close"]],
    "expect": { "status": "any", "fields": { "*": { "any": true } }, "body": { "any": true } }
}"#;

/// Whether the server at `endpoint` answers an HTTP request at all, whatever it says.
async fn reach(endpoint: &Endpoint, limits: &Limits) -> Result<(), String> {
    let probe: Request = serde_json::from_str(PROBE).map_err(|error| error.to_string())?;
    let exchanges = converse(&[probe], endpoint, &placeholders(endpoint), limits).await;
    match exchanges.first().map(|exchange| &exchange.outcome) {
        Some(Outcome::Response(_)) => Ok(()),
        Some(outcome) => Err(judge::describe(outcome)),
        None => Err("no answer".to_owned()),
    }
}
