//! Runs the suite against mutants: servers that break one rule each, to measure what it detects.
//!
//! `bench` starts the servers, `trial` runs the suite against one of them; here stands which
//! mutants run, and how many at once. What comes out is a [`Detection`].

mod bench;
mod trial;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;
use wagi_conformance_mutants::Mutant;

use crate::detection::{Detection, Extent, Fresh, Held, Tried};
use crate::id::{CaseId, RuleId};
use crate::problem::near_miss;
use crate::spec::Level;
use crate::suite::Suite;
use crate::wire::Endpoint;
use bench::{Bench, Faulty};
use trial::Trial;

/// A mutant may take so long for one pass over the cases; those that remain are left out then.
const PASS_TIME: Duration = Duration::from_secs(120);

/// After this, a trial has not even ended when it was told to: something in it hangs.
const TRIAL_TIME: Duration = Duration::from_secs(4 * 120 + 60);

/// What is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which cases each mutant meets.
    pub extent: Extent,
    /// How many mutants run at the same time, at least one.
    pub jobs: usize,
}

/// The mutants whose name or rule contains one of `filters`; all if there are none.
///
/// # Errors
/// No mutant is called so, or what is wrong with the mutants as a whole.
pub fn select(suite: &Suite, filters: &[String]) -> Result<Vec<Mutant>, String> {
    let all = wagi_conformance_mutants::all();
    check(suite, &all)?;
    if let Some(filter) = filters
        .iter()
        .find(|filter| !all.iter().any(|mutant| is_called(mutant, filter)))
    {
        return Err(format!(
            "no mutant's name or rule contains `{filter}`{}",
            near_miss(filter, all.iter().map(|mutant| mutant.name))
        ));
    }
    let chosen = all.into_iter().filter(|mutant| {
        filters.is_empty() || filters.iter().any(|filter| is_called(mutant, filter))
    });
    Ok(chosen.collect())
}

fn is_called(mutant: &Mutant, filter: &str) -> bool {
    mutant.name.contains(filter) || mutant.rule.contains(filter)
}

/// Name, rule and sentence of every mutant.
pub fn list() -> Vec<(&'static str, &'static str, &'static str)> {
    let all = wagi_conformance_mutants::all();
    all.iter()
        .map(|mutant| (mutant.name, mutant.rule, mutant.imitates))
        .collect()
}

/// Whether names are unique and rules exist.
fn check(suite: &Suite, mutants: &[Mutant]) -> Result<(), String> {
    let mut names = HashSet::new();
    for Mutant { name, rule, .. } in mutants {
        if !names.insert(name) {
            return Err(format!("two mutants are called `{name}`"));
        }
        let rules = &suite.specification.rules;
        let Some(found) = rules.values().find(|known| known.id.as_str() == *rule) else {
            return Err(format!(
                "mutant `{name}`: there is no rule `{rule}`{}",
                near_miss(rule, rules.keys().map(RuleId::as_str))
            ));
        };
        if !matches!(found.level, Level::Must | Level::Should) {
            return Err(format!(
                "mutant `{name}`: rule `{rule}` is of level {}, so it cannot be broken",
                found.level
            ));
        }
        if name.split_once('/').map(|(area, _)| area) != Some(found.id.area()) {
            return Err(format!(
                "mutant `{name}`: its name must begin `{}/`, as its rule is `{rule}`",
                found.id.area()
            ));
        }
    }
    Ok(())
}

/// A mutant that serves until this is dropped.
pub struct Served {
    /// Where it serves each deployment that it did not refuse.
    pub endpoints: BTreeMap<String, Endpoint>,
    _faulty: Faulty,
    bench: Arc<Bench>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.bench.clear();
    }
}

/// The mutant of this name.
///
/// # Errors
/// There is none, but perhaps one with a similar name.
pub fn named(name: &str) -> Result<Mutant, String> {
    let all = wagi_conformance_mutants::all();
    let near = near_miss(name, all.iter().map(|mutant| mutant.name));
    all.into_iter()
        .find(|mutant| mutant.name == name)
        .ok_or_else(|| format!("there is no mutant `{name}`{near}"))
}

/// Serves the deployments `wanted` with `mutant`, at free ports.
///
/// # Errors
/// The servers cannot be prepared.
pub async fn serve(
    suite: Arc<Suite>,
    mutant: Mutant,
    wanted: &BTreeSet<String>,
) -> Result<Served, String> {
    let bench = Arc::new(Bench::new(suite)?);
    let faulty = Faulty::start(&bench, Some(mutant.fault), wanted).await?;
    let endpoints = &faulty.target.endpoints;
    let served = endpoints
        .iter()
        .filter(|(deployment, _)| !faulty.refused.contains(*deployment));
    Ok(Served {
        endpoints: served
            .map(|(deployment, endpoint)| (deployment.clone(), endpoint.clone()))
            .collect(),
        _faulty: faulty,
        bench,
    })
}

/// Runs `mutants` and tells `tell` of each as soon as it is through. What earlier results already
/// say, those that `held` has, is not tried again.
///
/// First and last the reference server itself runs: were a case to fail there, no kill would mean
/// anything.
/// A mutant that hangs or panics only ends its own trial.
///
/// # Errors
/// The servers cannot be prepared, or a case fails against the reference server itself.
pub async fn run(
    suite: Arc<Suite>,
    mutants: Vec<Mutant>,
    options: Options,
    held: Held,
    mut tell: impl FnMut(&Tried),
) -> Result<Detection, String> {
    let bench = Arc::new(Bench::new(suite.clone())?);
    let met = |mutant: &Mutant| match options.extent {
        Extent::Full => held.cases(&suite, mutant.name),
        Extent::Fast => trial::citing(&suite, mutant.rule),
    };
    let control: HashSet<CaseId> = mutants.iter().flat_map(met).collect();
    trial::control(&bench, control.clone()).await?;

    let mut fresh: Vec<Option<Fresh>> = mutants.iter().map(|_| None).collect();
    let mut waiting = mutants.iter().enumerate();
    let mut tasks = JoinSet::new();
    let mut numbers = HashMap::new();
    loop {
        while tasks.len() < options.jobs.max(1)
            && let Some((number, mutant)) = waiting.next()
        {
            let cases = held.cases(&suite, mutant.name);
            let task = tasks.spawn(timeout(
                TRIAL_TIME,
                trial::run(bench.clone(), mutant.clone(), cases, options.extent),
            ));
            numbers.insert(task.id(), number);
        }
        let Some(joined) = tasks.join_next_with_id().await else {
            break;
        };
        let (id, trial) = match joined {
            Ok((id, Ok(trial))) => (id, trial?),
            Ok((id, Err(_))) => (id, Trial::spoilt("its trial did not end".to_owned())),
            Err(error) => (
                error.id(),
                Trial::spoilt(format!("its trial failed: {error}")),
            ),
        };
        let number = numbers.get(&id).copied();
        let Some((mutant, place)) =
            number.and_then(|number| Some((mutants.get(number)?, fresh.get_mut(number)?)))
        else {
            continue;
        };
        let result = held.completed(&suite, trial.result(&suite, mutant));
        tell(&result.tried);
        *place = Some(result);
    }
    // Whatever became of the machine meanwhile became of the mutants' results too.
    trial::control(&bench, control).await?;
    bench.clear();
    let fresh = fresh.into_iter().flatten().collect();
    Ok(held.with(&suite, fresh, options.extent))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::pin::Pin;

    use tokio::io::{AsyncWriteExt as _, copy, sink};
    use tokio::net::TcpStream;
    use wagi_conformance_mutants::{Fault, Relay};
    use wagi_reference_server::Semantics;
    use wagi_reference_server::routing::Route;

    use super::*;
    use crate::suite::files::Folders;

    /// Changes nothing.
    struct Transparent;

    impl Relay for Transparent {
        fn serve(
            &self,
            mut client: TcpStream,
            upstream: SocketAddr,
        ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
            Box::pin(async move {
                let Ok(mut upstream) = TcpStream::connect(upstream).await else {
                    return;
                };
                let (mut from_client, mut to_client) = client.split();
                let (mut from_server, mut to_server) = upstream.split();
                // Either end may leave at any time.
                let up = async {
                    if copy(&mut from_client, &mut to_server).await.is_err() {
                        // Left unread, the request would take the response with it.
                        let _ = copy(&mut from_client, &mut sink()).await;
                    }
                    let _ = to_server.shutdown().await;
                };
                let down = async {
                    let _ = copy(&mut from_server, &mut to_client).await;
                    let _ = to_client.shutdown().await;
                };
                tokio::join!(up, down);
            })
        }
    }

    /// Panics for every request.
    struct Panics;

    impl Semantics for Panics {
        fn route_matches(&self, _: &Route, _: &str) -> bool {
            panic!("a mutant that panics");
        }
    }

    /// Keeps the thread for ever.
    struct Hangs;

    impl Semantics for Hangs {
        fn route_matches(&self, _: &Route, _: &str) -> bool {
            loop {
                std::thread::park();
            }
        }
    }

    fn mutant(name: &'static str, fault: Fault) -> Mutant {
        Mutant {
            name,
            rule: "routing.exact.own-path",
            imitates: "A mistake.",
            fault,
        }
    }

    fn tried(mutants: Vec<Mutant>, extent: Extent) -> Vec<Tried> {
        let suite = Arc::new(Suite::load(&Folders::default()).expect("the suite"));
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let options = Options { extent, jobs: 2 };
        let detection = runtime.block_on(run(suite, mutants, options, Held::default(), |_| ()));
        runtime.shutdown_background();
        detection.expect("results").mutants
    }

    #[test]
    fn the_mutants_are_well_formed() {
        let suite = Suite::load(&Folders::default()).expect("the suite");
        select(&suite, &[]).expect("mutants");
        let error = select(&suite, &["no-such-mutant".to_owned()]).err();
        assert!(error.is_some_and(|error| error.starts_with("no mutant's name or rule")));
    }

    #[test]
    fn a_relay_that_changes_nothing_is_a_server_without_a_fault() {
        let transparent = mutant("routing/transparent", Fault::Relay(Arc::new(Transparent)));
        let tried = tried(vec![transparent], Extent::Full);
        assert!(
            tried
                .iter()
                .all(|mutant| mutant.kills.is_empty() && mutant.notes.is_empty()),
            "{tried:?}"
        );
    }

    #[test]
    fn mutants_that_hang_or_panic_end_and_stop_no_other() {
        let mutants = vec![
            mutant("routing/hangs", Fault::Step(Arc::new(Hangs))),
            mutant("routing/panics", Fault::Step(Arc::new(Panics))),
            mutant(
                "routing/panics-at-start",
                Fault::Start(Arc::new(|_| panic!("a mutant that panics"))),
            ),
            mutant(
                "routing/no-modules",
                Fault::Start(Arc::new(|mut config| {
                    config.deployment.modules.clear();
                    config
                })),
            ),
        ];
        let tried = tried(mutants, Extent::Fast);
        let killed: Vec<(&str, bool)> = tried
            .iter()
            .map(|mutant| (mutant.name.as_str(), mutant.is_killed()))
            .collect();
        assert_eq!(
            killed,
            [
                ("routing/hangs", true),
                ("routing/panics", true),
                ("routing/panics-at-start", true),
                ("routing/no-modules", true)
            ]
        );
    }
}
