//! What a run makes of a server that ends: a test with one that dies of a certain request.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use wagi_reference_server::config::LogTarget;

use super::bundled::{Bundled, BundledTarget};
use super::event::{CaseRecord, Event, Verdict};
use super::target::{Launcher, Restarted, Started};
use super::{Options, execute};
use crate::case::MAIN_DEPLOYMENT;
use crate::id::CaseId;
use crate::suite::Suite;
use crate::suite::deployment::Deployment;
use crate::suite::files::Folders;
use crate::wire::{Endpoint, Limits, Scheme};

/// What a request of one case holds, and of no other one.
const DEADLY: &[u8] = b"/run/exit-255?";

/// A server that can die.
#[derive(Debug)]
struct Mortal {
    upstream: Endpoint,
    /// Whether each start after the first is refused.
    only_once: bool,
    life: Mutex<Option<watch::Sender<()>>>,
}

impl Mortal {
    async fn live(&self) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (life, _) = watch::channel(());
        let upstream = self.upstream.clone();
        let dies = life.clone();
        let mut lives = life.subscribe();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    Ok((client, _)) = listener.accept() => {
                        tokio::spawn(relay(client, upstream.clone(), dies.clone()));
                    }
                    _ = lives.changed() => return,
                }
            }
        });
        *self.life.lock().unwrap_or_else(PoisonError::into_inner) = Some(life);
        Endpoint::at(Scheme::Http, address)
    }
}

/// Passes on what `client` sends; at the deadly request, all connections end.
async fn relay(mut client: TcpStream, upstream: Endpoint, dies: watch::Sender<()>) {
    let mut lives = dies.subscribe();
    let serve = async {
        let mut start = vec![0; 4096];
        let length = client.read(&mut start).await.unwrap_or_default();
        start.truncate(length);
        if start.windows(DEADLY.len()).any(|part| part == DEADLY) {
            dies.send_replace(());
            return;
        }
        let address = upstream.addresses.first().expect("an address");
        let Ok(mut server) = TcpStream::connect(address).await else {
            return;
        };
        if server.write_all(&start).await.is_ok() {
            let _ = copy_bidirectional(&mut client, &mut server).await;
        }
        // A client that only listens still gets the end of the answer.
        let _ = copy(&mut server, &mut client).await;
    };
    tokio::select! {
        () = serve => {}
        _ = lives.changed() => {}
    }
}

impl Launcher for Mortal {
    fn start<'a>(
        &'a self,
        _: &'a Suite,
        _: &'a Deployment,
    ) -> Pin<Box<dyn Future<Output = Started> + Send + 'a>> {
        Box::pin(async { Started::Failed("not in this test".to_owned()) })
    }

    fn restart<'a>(
        &'a self,
        _: &'a Suite,
        deployment: &'a Deployment,
    ) -> Pin<Box<dyn Future<Output = Option<Restarted>> + Send + 'a>> {
        Box::pin(async {
            assert_eq!(deployment.name, MAIN_DEPLOYMENT);
            let endpoint = match self.only_once {
                true => Err("it has died once".to_owned()),
                false => Ok(self.live().await),
            };
            Some(Restarted {
                how: "died".to_owned(),
                endpoint,
            })
        })
    }
}

/// Runs the cases of the area `errors` against a mortal server, eight at the same time.
async fn run(only_once: bool) -> (Vec<CaseRecord>, Vec<String>, HashSet<CaseId>) {
    let suite = Arc::new(Suite::load(&Folders::default()).expect("the suite"));
    let bundled = Bundled::new(LogTarget::Nowhere).expect("an engine");
    let BundledTarget {
        mut target,
        running: _running,
    } = bundled
        .target(&suite, &[MAIN_DEPLOYMENT.to_owned()].into())
        .await
        .expect("a server");
    let upstream = target.endpoints.get(MAIN_DEPLOYMENT).cloned();
    let mortal = Arc::new(Mortal {
        upstream: upstream.expect("an endpoint"),
        only_once,
        life: Mutex::default(),
    });
    target
        .endpoints
        .insert(MAIN_DEPLOYMENT.to_owned(), mortal.live().await);
    target.launcher = Some(mortal);
    let selected: HashSet<CaseId> = suite
        .cases
        .iter()
        .filter(|case| case.area() == "errors")
        .map(|case| case.id.clone())
        .collect();
    let options = Options {
        jobs: 8,
        limits: Limits {
            answer: Duration::from_secs(20),
            ..Limits::default()
        },
        fail_fast: false,
        strict: false,
        shuffle: None,
        expectations: Arc::default(),
    };
    let (sender, mut events) = mpsc::unbounded_channel();
    let (_stop, stopped) = watch::channel(false);
    let target = Arc::new(target);
    execute(suite, selected.clone(), target, options, sender, stopped).await;
    let (mut records, mut notices) = (Vec::new(), Vec::new());
    while let Some(event) = events.recv().await {
        match event {
            Event::CaseFinished(record) if selected.contains(&record.id) => records.push(*record),
            Event::Notice(notice) => notices.push(notice),
            _ => {}
        }
    }
    (records, notices, selected)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_case_that_ends_a_server_is_found_and_the_others_run() {
    let (records, notices, selected) = run(false).await;
    assert_eq!(records.len(), selected.len());
    let troubled: Vec<(&str, Verdict)> = records
        .iter()
        .filter(|record| record.verdict != Verdict::Passed)
        .map(|record| (record.id.as_str(), record.verdict))
        .collect();
    let killer = "errors/exit-nonzero/code-255";
    assert_eq!(troubled, [(killer, Verdict::Failed)], "{notices:?}");
    let named = format!("case `{killer}` ended the server of the deployment `main`, which died");
    assert!(notices.contains(&named), "{notices:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_start_again_leaves_no_case_without_a_verdict() {
    let (records, notices, selected) = run(true).await;
    assert_eq!(records.len(), selected.len());
    assert!(
        records
            .iter()
            .any(|record| record.verdict == Verdict::Error)
    );
    let last = "the server of the deployment `main` did not start again: it has died once";
    assert!(notices.iter().any(|notice| notice == last), "{notices:?}");
}
