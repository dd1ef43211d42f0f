//! Runs the selected cases, each after its prerequisites, and tells what happens.

mod claims;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tokio::task::{self, JoinSet};

use super::event::{CaseRecord, Event, ExchangeRecord, Verdict};
use super::reach::reach;
use super::suspects::Suspects;
use super::target::{Restarted, Started, Target};
use crate::case::placeholder::Placeholders;
use crate::case::{Case, Start};
use crate::expectations::{Entry, Expectations};
use crate::id::CaseId;
use crate::judge::{self, Finding, Judgement};
use crate::spec::{Level, Profile};
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
    /// Which cases are expected to fail.
    pub expectations: Arc<Expectations>,
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
        endpoints: target.endpoints.clone(),
        verdicts: HashMap::new(),
        expected: HashMap::new(),
        running: BTreeMap::new(),
        gone: target.gone.clone(),
        suspects: Suspects::default(),
        is_troubled: false,
    };
    run.tell(Event::RunStarted {
        target: target.name.clone(),
        selected: run.selected.len(),
        strict: run.options.strict,
    });
    for notice in target.gone.values() {
        run.tell(Event::Notice(notice.clone()));
    }
    for shortfall in run.shortfalls() {
        run.tell(Event::Shortfall(shortfall));
    }
    let mut stopped = stop.clone();
    run.cases(stop).await;
    tokio::select! {
        notices = run.unclaimed_but_offered() => {
            notices.into_iter().for_each(|notice| run.tell(Event::Notice(notice)));
        }
        true = async { stopped.wait_for(|stop| *stop).await.is_ok() } => {}
    }
    if let Some(notice) = run.options.expectations.idle(&run.verdicts) {
        run.tell(Event::Notice(notice));
    }
    if let Some(logs) = target
        .launcher
        .as_ref()
        .and_then(|launcher| launcher.logs())
        && run.is_troubled
    {
        let notice = format!("what its servers printed stands in {}", logs.display());
        run.tell(Event::Notice(notice));
    }
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
    /// Where each deployment is served; a server that was started again has another place.
    endpoints: HashMap<String, Endpoint>,
    /// The verdicts so far, of prerequisites that were not selected too.
    verdicts: HashMap<CaseId, Verdict>,
    /// The expectations that account for cases that failed or are blocked.
    expected: HashMap<CaseId, Arc<Entry>>,
    /// The cases that run right now, and in which deployment.
    running: BTreeMap<CaseId, String>,
    /// Deployments whose server does not answer (any more), and what is known about it.
    gone: HashMap<String, String>,
    /// The cases that ran while a server ended.
    suspects: Suspects,
    /// Whether some case came out as nobody expected, so that somebody will want to know why.
    is_troubled: bool,
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
        let by_id = suite.by_id();
        loop {
            let mut still_waiting = Vec::new();
            if tasks.is_empty()
                && let Some(id) = self.suspects.next()
                && let Some(case) = by_id.get(&id)
            {
                waiting.push(*case);
            }
            for case in waiting {
                if tasks.len() >= self.options.jobs.max(1) || !self.suspects.admit(&case.id) {
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
                    let why = "the run was interrupted before all cases had run";
                    self.tell(Event::Shortfall(why.to_owned()));
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
                None if waiting.is_empty() && !self.suspects.are_open() => return,
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
            if let Some(endpoint) = self.endpoints.get(&name).cloned() {
                let limits = self.options.limits;
                tasks.spawn(async move {
                    (
                        name,
                        endpoint.origin(),
                        reach(&endpoint, "/", &limits).await,
                    )
                });
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

    /// Where `case` is to be run, if not at a server of its own; or why the target does not offer
    /// what it needs. `also` is a profile that is taken as claimed.
    fn offer(&self, case: &Case, also: Option<Profile>) -> Result<Option<Endpoint>, String> {
        if let Some(why) = self.suite.absence(case) {
            return Err(why);
        }
        let profiles = self.suite.profiles(case);
        if let Some(profile) = profiles
            .iter()
            .find(|profile| self.target.unclaimed.contains(profile) && also != Some(**profile))
        {
            return Err(format!("the target does not claim the profile `{profile}`"));
        }
        if let Some(why) = self.target.inexpressible.get(&case.id) {
            return Err(why.clone());
        }
        let deployment = name_of(case);
        match case.start {
            Start::Served => match self.endpoints.get(&deployment) {
                Some(endpoint) => Ok(Some(endpoint.clone())),
                // It should be served; that it is not is no lack of what the target offers.
                None if self.gone.contains_key(&deployment) => Ok(None),
                None => Err(format!(
                    "no URL was given for the deployment `{deployment}`: add --url {deployment}=URL"
                )),
            },
            Start::Refused | Start::MayRefuse if self.target.launcher.is_none() => Err(
                "it is about starting a server, and this server was started by someone else"
                    .to_owned(),
            ),
            Start::Refused | Start::MayRefuse => Ok(None),
        }
    }

    fn readiness(&self, case: &Case) -> Readiness {
        let unsupported = |reason: String| Readiness::Settled(Verdict::Unsupported, reason);
        let endpoint = match self.offer(case, None) {
            Ok(endpoint) => endpoint,
            Err(reason) => return unsupported(reason),
        };
        if let Some(why) = self.gone.get(&name_of(case)) {
            return Readiness::Settled(Verdict::Error, why.clone());
        }
        // A command that starts nothing refuses everything: that is no merit.
        if case.start != Start::Served && self.serves_nothing() {
            return Readiness::Settled(
                Verdict::Error,
                "no server of the target serves, so that refusing to start means nothing"
                    .to_owned(),
            );
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
                                Verdict::Failed if self.expected.contains_key(id) => {
                                    "failed, as expected"
                                }
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

    /// Whether servers were to be started, and none was.
    fn serves_nothing(&self) -> bool {
        let serves = |name: &String| !self.gone.contains_key(name);
        !self.gone.is_empty() && !self.endpoints.keys().any(serves)
    }

    fn begin(&mut self, case: &Case) {
        self.running.insert(case.id.clone(), name_of(case));
        if self.selected.contains(&case.id) && !self.suspects.is_alone(&case.id) {
            self.tell(Event::CaseStarted(case.id.clone()));
        }
    }

    /// Takes up the result of a case; returns the cases that still wait.
    async fn take<'a>(&mut self, ran: Ran, waiting: Vec<&'a Case>) -> Vec<&'a Case> {
        let Ran {
            mut record,
            suspicious,
        } = ran;
        let deployment = self.running.remove(&record.id);
        if self.suspects.is_void(&record.id) {
            return waiting;
        }
        let mut ended_server = false;
        if suspicious
            && let Some(deployment) = deployment
            && let Some(endpoint) = self.endpoints.get(&deployment).cloned()
            && !self.gone.contains_key(&deployment)
            && let Err(why) = reach(&endpoint, "/", &self.options.limits).await
        {
            let others: Vec<CaseId> = self
                .running
                .iter()
                .filter(|(_, name)| **name == deployment)
                .map(|(id, _)| id.clone())
                .collect();
            match self.restart(&deployment).await {
                None => {
                    let notice = format!(
                        "the server at {} (deployment `{deployment}`) no longer answers since case `{}`{}: {why}",
                        endpoint.origin(),
                        record.id,
                        beside(&others),
                    );
                    record.reason = Some("the server no longer answers after this case".to_owned());
                    self.tell(Event::Notice(notice.clone()));
                    self.gone.insert(deployment, notice);
                }
                Some(how) if others.is_empty() => {
                    let notice = format!(
                        "case `{}` ended the server of the deployment `{deployment}`, which {how}",
                        record.id
                    );
                    self.tell(Event::Notice(notice));
                    record.reason = Some(format!("the server {how}"));
                    // No answer is the server's fault here, not that of the way to it.
                    if record.verdict == Verdict::Error {
                        record.verdict = Verdict::Failed;
                    }
                    ended_server = true;
                }
                Some(how) => {
                    let notice = format!(
                        "the server of the deployment `{deployment}` {how}\nwhile case `{}` ran{}: they run again one by one",
                        record.id,
                        beside(&others),
                    );
                    self.tell(Event::Notice(notice));
                    self.suspects.add(record.id, others);
                    return waiting;
                }
            }
        }
        if self.suspects.is_acquitted(&record.id, ended_server) {
            let why = "a server ended, and none of the cases that ran then has ended it alone";
            self.tell(Event::Shortfall(why.to_owned()));
        }
        let ends_run = self.options.fail_fast
            && record.verdict == Verdict::Failed
            && record.level == Level::Must
            && self.options.expectations.of(&record.id).is_none();
        self.finish(record);
        if !ends_run {
            return waiting;
        }
        self.skip(waiting, "the run ended at the first failure (--fail-fast)");
        Vec::new()
    }

    /// Starts the server of `deployment` again, if it can be. Returns how the one before has ended.
    async fn restart(&mut self, deployment: &str) -> Option<String> {
        let launcher = self.target.launcher.clone()?;
        let suite = self.suite.clone();
        let deployments = suite.deployments.iter();
        let known = deployments
            .into_iter()
            .find(|known| known.name == deployment)?;
        let Restarted { how, endpoint } = launcher.restart(&suite, known).await?;
        match endpoint {
            Ok(endpoint) => {
                self.endpoints.insert(deployment.to_owned(), endpoint);
            }
            Err(why) => {
                let notice = format!(
                    "the server of the deployment `{deployment}` did not start again: {why}"
                );
                self.tell(Event::Notice(notice.clone()));
                self.gone.insert(deployment.to_owned(), notice);
            }
        }
        Some(how)
    }

    fn skip(&mut self, cases: Vec<&Case>, reason: &str) {
        let suite = self.suite.clone();
        for case in cases {
            // A suspect that runs for the second time is told of by both of its tasks.
            if self.verdicts.contains_key(&case.id) {
                continue;
            }
            self.finish(bare_record(
                &suite,
                case,
                Verdict::Skipped,
                Some(reason.to_owned()),
            ));
        }
    }

    /// The expectation that accounts for this record.
    fn expected(&self, record: &CaseRecord) -> Option<Arc<Entry>> {
        let own = self.options.expectations.of(&record.id);
        let blocker = || {
            let mut prerequisites = self.prerequisites.get(&record.id).into_iter().flatten();
            let passed = [Some(&Verdict::Passed), Some(&Verdict::Observed)];
            let blocker = prerequisites.find(|id| !passed.contains(&self.verdicts.get(*id)))?;
            self.expected.get(blocker)
        };
        match record.verdict {
            Verdict::Blocked => own.or_else(blocker),
            Verdict::Skipped => None,
            _ => own,
        }
        .cloned()
    }

    fn finish(&mut self, mut record: CaseRecord) {
        record.expected = self.expected(&record);
        self.is_troubled |= record.is_unexpected(true);
        if let (Verdict::Failed | Verdict::Blocked, Some(entry)) =
            (record.verdict, &record.expected)
        {
            self.expected.insert(record.id.clone(), entry.clone());
        }
        self.running.remove(&record.id);
        self.suspects.release(&record.id);
        self.verdicts.insert(record.id.clone(), record.verdict);
        let record = if self.selected.contains(&record.id) {
            record
        } else {
            CaseRecord {
                verdict: Verdict::Skipped,
                expected: None,
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

/// Which cases ran at the same time.
fn beside(others: &[CaseId]) -> String {
    let others: Vec<String> = others.iter().map(|id| format!("`{id}`")).collect();
    match others.as_slice() {
        [] => String::new(),
        others => format!(" (beside it ran {})", others.join(", ")),
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
        expected: None,
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
        (Started::Silent(message), _) => settled(Verdict::Failed, message),
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
pub(super) fn placeholders(endpoint: &Endpoint) -> Placeholders {
    Placeholders::new([
        endpoint.authority(),
        endpoint.host.clone(),
        endpoint.port.to_string(),
        endpoint.scheme.as_str().to_owned(),
        format!("{:016x}", fastrand::u64(..)),
        "0".to_owned(),
    ])
}
