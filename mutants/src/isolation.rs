//! Mutants for the chapter `isolation`.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::sleep;
use wagi_reference_server::Engine;
use wagi_reference_server::config::{ServerConfig, Volume};
use wagi_reference_server::engine::Job;
use wagi_reference_server::errors::{Outcome, Run};
use wagi_reference_server::pipeline::Invocation;
use wasmtime::Linker;
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::InputStream;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;

use crate::host::{self, Guest, not_started, variable};
use crate::{Fault, Mutant};

/// The mutants.
pub fn mutants() -> Vec<Mutant> {
    [left_over(), of_the_host(), wasi(), at_once()].concat()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the code of a job's module lies in memory, which is the same for all jobs of a module.
fn module(job: &Job) -> usize {
    job.program.module().image_range().start.addr()
}

/// The most instances that are kept: each takes one of the engine's places.
const KEPT: usize = 6;

/// Instances that have served, with their modules and their memory as it was at first.
type Instances = Mutex<VecDeque<(usize, Guest, Vec<u8>)>>;

/// The memory of a guest.
fn memory(guest: &mut Guest) -> Option<(wasmtime::Memory, Vec<u8>)> {
    let memory = guest.instance.get_memory(&mut guest.store, "memory")?;
    let content = memory.data(&guest.store).to_vec();
    Some((memory, content))
}

/// Runs a guest in an instance that is kept for the next request. If `restores` is set, its memory
/// is as it was at first.
async fn reuse(instances: &Instances, engine: &Engine, job: Job, restores: bool) -> Run {
    let wanted = module(&job);
    let kept = {
        let mut instances = lock(instances);
        let place = instances.iter().position(|(module, ..)| *module == wanted);
        place.and_then(|place| instances.remove(place))
    };
    let (mut guest, first) = match kept {
        Some((_, mut guest, first)) => {
            if let Err(cause) = guest.renew(&job) {
                return not_started(cause);
            }
            if restores && let Some((memory, _)) = memory(&mut guest) {
                let data = memory.data_mut(&mut guest.store);
                data.fill(0);
                if let Some(start) = data.get_mut(..first.len()) {
                    start.copy_from_slice(&first);
                }
            }
            (guest, first)
        }
        None => match Guest::new(engine, &job, |_| (), |_| Ok(())).await {
            Ok(mut guest) => {
                let first = memory(&mut guest).map(|(_, content)| content);
                (guest, first.unwrap_or_default())
            }
            Err(cause) => return not_started(cause),
        },
    };
    let run = guest.call(&job).await;
    if run.outcome == Outcome::Returned {
        let mut instances = lock(instances);
        instances.push_back((wanted, guest, first));
        if instances.len() > KEPT {
            instances.pop_front();
        }
    }
    run
}

/// Runs a guest in a new instance, in whose memory lies what the guest before left there, as far
/// as `part` says.
async fn remember(
    memories: &Mutex<HashMap<usize, Vec<u8>>>,
    engine: &Engine,
    job: Job,
    part: std::ops::Range<usize>,
) -> Run {
    let wanted = module(&job);
    let mut guest = match Guest::new(engine, &job, |_| (), |_| Ok(())).await {
        Ok(guest) => guest,
        Err(cause) => return not_started(cause),
    };
    let left = lock(memories).get(&wanted).cloned();
    if let (Some(left), Some((memory, _))) = (left, memory(&mut guest)) {
        let start = memory.data_mut(&mut guest.store).get_mut(part.clone());
        if let (Some(start), Some(left)) = (start, left.get(part)) {
            start.copy_from_slice(left);
        }
    }
    let run = guest.call(&job).await;
    if let Some((_, content)) = memory(&mut guest) {
        lock(memories).insert(wanted, content);
    }
    run
}

/// What a guest left unread of its input.
fn left_of(mut stdin: MemoryInputPipe) -> Bytes {
    let mut left = BytesMut::new();
    while let Ok(piece) = stdin.read(1 << 16) {
        left.extend_from_slice(&piece);
    }
    left.freeze()
}

/// Adds variables to a job's environment that are not there yet.
fn add_variables(job: &mut Job, variables: impl IntoIterator<Item = (String, String)>) {
    let environment = &mut job.invocation.environment;
    for (name, value) in variables {
        if !environment.iter().any(|(found, _)| *found == name) {
            environment.push((name, value));
        }
    }
}

/// The variables of a job that come from fields of its request.
fn field_variables(job: &Job) -> HashMap<String, String> {
    let environment = job.invocation.environment.iter();
    environment
        .filter(|(name, _)| name.starts_with("HTTP_"))
        .cloned()
        .collect()
}

fn left_over() -> Vec<Mutant> {
    vec![
        host!(
            "isolation/instance-kept",
            "isolation.memory.fresh",
            "The instance is kept for the next request, because making one takes time.",
            Instances,
            |instances, engine, job| reuse(instances, engine, job, false).await
        ),
        host!(
            "isolation/memory-not-cleared",
            "isolation.memory.fresh",
            "Memory is taken from a pool, and only what the module initialises is set again.",
            Mutex<HashMap<usize, Vec<u8>>>,
            // What lies before the data segments of most guests.
            |memories, engine, job| remember(memories, engine, job, 24..56).await
        ),
        host!(
            "isolation/data-not-initialised-again",
            "isolation.memory.fresh",
            "Data segments are copied into the memory of a pool only when it is used first.",
            Mutex<HashMap<usize, Vec<u8>>>,
            |memories, engine, job| remember(memories, engine, job, 224..225).await
        ),
        host!(
            "isolation/globals-kept",
            "isolation.globals.fresh",
            "An instance is used again after its memory has been reset, and only that.",
            Instances,
            |instances, engine, job| reuse(instances, engine, job, true).await
        ),
        host!(
            "isolation/environment-of-the-process",
            "isolation.environment.fresh",
            "Variables are set in the environment of the process, and never taken away.",
            Mutex<HashMap<String, HashMap<String, String>>>,
            |left, engine, job| {
                let route = variable(&job, "X_MATCHED_ROUTE").to_owned();
                let own = field_variables(&job);
                let before = {
                    let mut left = lock(left);
                    let before = left.entry(route).or_default();
                    let others = before.clone();
                    before.extend(own);
                    others
                };
                add_variables(&mut job, before);
                engine.run(job).await
            }
        ),
        host!(
            "isolation/environment-shared-by-guests",
            "isolation.environment.fresh",
            "The map of variables is filled again for each request, but not emptied before.",
            Mutex<HashMap<String, String>>,
            |left, engine, job| {
                let own = field_variables(&job);
                let before = {
                    let mut left = lock(left);
                    let before = left.clone();
                    left.extend(own);
                    before
                };
                add_variables(&mut job, before);
                engine.run(job).await
            }
        ),
        host!(
            "isolation/unread-input-kept",
            "isolation.stdin.fresh",
            "All guests read from one pipe, in which an unread body waits for the next.",
            Mutex<Bytes>,
            |left, engine, job| {
                let before = std::mem::take(&mut *lock(left));
                let own = job.invocation.stdin;
                job.invocation.stdin = [before, own].concat().into();
                let stdin = MemoryInputPipe::new(job.invocation.stdin.clone());
                let given = stdin.clone();
                let run = host::run(
                    engine,
                    &job,
                    |wasi| {
                        wasi.stdin(given);
                    },
                    |_| Ok(()),
                )
                .await;
                *lock(left) = left_of(stdin);
                run
            }
        ),
        host!(
            "isolation/input-of-trapped-guest-kept",
            "isolation.stdin.fresh",
            "A guest that traps does not close its input, and the next one reads on there.",
            Mutex<Bytes>,
            |left, engine, job| {
                let before = std::mem::take(&mut *lock(left));
                let own = job.invocation.stdin.clone();
                job.invocation.stdin = [before, own.clone()].concat().into();
                let run = engine.run(job).await;
                if matches!(run.outcome, Outcome::Trapped(_)) {
                    *lock(left) = own;
                }
                run
            }
        ),
    ]
}

/// The configuration in which every module has the volumes of all.
fn share_volumes(mut config: ServerConfig) -> ServerConfig {
    let modules = &mut config.deployment.modules;
    let all: Vec<Volume> = modules
        .iter()
        .flat_map(|module| module.volumes.clone())
        .filter(|volume| volume.host.is_dir())
        .collect();
    for module in modules
        .iter_mut()
        .filter(|module| module.volumes.is_empty())
    {
        module.volumes.clone_from(&all);
    }
    config
}

/// Opens a directory to guests that have none.
async fn open(engine: &Engine, mut job: Job, guest: &str, host: PathBuf) -> Run {
    if job.volumes.is_empty() {
        job.volumes.push(Volume {
            guest: guest.to_owned(),
            host,
        });
    }
    engine.run(job).await
}

fn of_the_host() -> Vec<Mutant> {
    vec![
        host!(
            "isolation/host-environment-inherited",
            "isolation.host-environment.hidden",
            "Guests inherit the environment of the server, as processes do.",
            |engine, job| {
                let variables = std::env::vars_os().filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                });
                add_variables(&mut job, variables);
                engine.run(job).await
            }
        ),
        host!(
            "isolation/path-inherited",
            "isolation.host-environment.hidden",
            "PATH is passed on, as servers for CGI do.",
            |engine, job| {
                let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/bin:/bin".to_owned());
                add_variables(&mut job, [("PATH".to_owned(), path)]);
                engine.run(job).await
            }
        ),
        host!(
            "isolation/root-open",
            "isolation.filesystem.none",
            "The root of the host is open to every guest, to make things easy.",
            |engine, job| open(engine, job, "/", PathBuf::from("/")).await
        ),
        host!(
            "isolation/configuration-open",
            "isolation.filesystem.none",
            "A directory of the host's configuration is open to every guest.",
            |engine, job| open(engine, job, "/etc", PathBuf::from("/etc")).await
        ),
        Mutant {
            name: "isolation/volumes-for-all",
            rule: "isolation.filesystem.none",
            imitates: "Volumes are configured for the server, and every module gets all of them.",
            fault: Fault::Start(Arc::new(share_volumes)),
        },
        host!(
            "isolation/socket-handed-on",
            "isolation.network.none",
            "The socket of the client's connection is left open for the guest as descriptor 4.",
            |engine, job| {
                host::run(
                    engine,
                    &job,
                    |_| (),
                    |linker| {
                        linker.func_wrap(
                            "wasi_snapshot_preview1",
                            "sock_shutdown",
                            |descriptor: i32, _: i32| match descriptor {
                                4 => 0_i32,
                                // Not a socket.
                                0..=3 => 57,
                                // No such descriptor.
                                _ => 8,
                            },
                        )?;
                        Ok(())
                    },
                )
                .await
            }
        ),
    ]
}

/// Puts a function of WASI without effect that always gives `errno` in the place of one with these
/// parameters.
fn answer_with(linker: &mut Linker<WasiP1Ctx>, name: &str, errno: i32) -> wasmtime::Result<()> {
    let module = "wasi_snapshot_preview1";
    match name {
        "clock_time_get" => {
            linker.func_wrap(module, name, move |_: i32, _: i64, _: i32| errno)?;
        }
        _ => {
            linker.func_wrap(module, name, move |_: i32, _: i32| errno)?;
        }
    }
    Ok(())
}

fn wasi() -> Vec<Mutant> {
    vec![
        host!(
            "isolation/clock-not-implemented",
            "isolation.wasi.clock",
            "The clock was thought to be of no use to guests: no such function.",
            |engine, job| {
                host::run(
                    engine,
                    &job,
                    |_| (),
                    |linker| answer_with(linker, "clock_time_get", 52),
                )
                .await
            }
        ),
        host!(
            "isolation/clock-stands-still",
            "isolation.wasi.clock",
            "The function succeeds without telling the time, which stays 0.",
            |engine, job| {
                host::run(
                    engine,
                    &job,
                    |_| (),
                    |linker| answer_with(linker, "clock_time_get", 0),
                )
                .await
            }
        ),
        host!(
            "isolation/random-not-implemented",
            "isolation.wasi.random",
            "There is no source of random octets in the sandbox: no such function.",
            |engine, job| {
                host::run(
                    engine,
                    &job,
                    |_| (),
                    |linker| answer_with(linker, "random_get", 52),
                )
                .await
            }
        ),
        host!(
            "isolation/random-repeats",
            "isolation.wasi.random",
            "Each guest gets a new generator with the same seed.",
            |engine, job| {
                host::run(
                    engine,
                    &job,
                    |_| (),
                    |linker| {
                        linker.func_wrap(
                            "wasi_snapshot_preview1",
                            "random_get",
                            |mut caller: wasmtime::Caller<'_, WasiP1Ctx>, at: i32, length: i32| {
                                let memory = caller.get_export("memory");
                                let memory = memory.and_then(wasmtime::Extern::into_memory);
                                let octets: Vec<u8> = (0..length)
                                    .map(|place| (place.wrapping_mul(97) ^ 0x5b) as u8)
                                    .collect();
                                let at = usize::try_from(at).unwrap_or_default();
                                let written =
                                    memory.map(|memory| memory.write(&mut caller, at, &octets));
                                match written {
                                    Some(Ok(())) => 0_i32,
                                    _ => 21,
                                }
                            },
                        )?;
                        Ok(())
                    },
                )
                .await
            }
        ),
    ]
}

/// How long a request is between taking down what it has and using it.
const GAP: Duration = Duration::from_millis(3);

/// A moment in which other requests come between.
async fn gap() {
    sleep(GAP).await;
}

/// What requests put down while others come between. Things of different lengths do not meet, so
/// that a request alone is served well.
type Shared<T> = Mutex<HashMap<usize, T>>;

/// Puts `own` down, waits, and gives what was put down last.
async fn latest<T: Clone>(shared: &Shared<T>, length: usize, own: T) -> T {
    lock(shared).insert(length, own.clone());
    gap().await;
    lock(shared).get(&length).cloned().unwrap_or(own)
}

/// The same for a job's invocation; bodies of the same length meet.
async fn latest_invocation(shared: &Shared<Invocation>, job: &Job) -> Invocation {
    let own = job.invocation.clone();
    match own.stdin.len() {
        0 => own,
        length => latest(shared, length, own).await,
    }
}

/// How many guests of a module run at the same time where a pool is thought to run dry.
const CROWD: usize = 5;

/// How many guests of each module run now.
type Running = Mutex<HashMap<usize, usize>>;

/// Waits for a moment; whether a crowd of guests of this module came together in it.
async fn is_crowded(running: &Running, module: usize) -> bool {
    *lock(running).entry(module).or_default() += 1;
    gap().await;
    lock(running)
        .get(&module)
        .is_some_and(|&many| many >= CROWD)
}

fn leave(running: &Running, module: usize) {
    if let Some(many) = lock(running).get_mut(&module) {
        *many -= 1;
    }
}

fn at_once() -> Vec<Mutant> {
    vec![
        host!(
            "isolation/globals-kept-in-a-crowd",
            "isolation.globals.fresh",
            "Instances are renewed between requests, but not if the next request waits already.",
            (Running, Instances),
            |shared, engine, job| {
                let (running, instances) = shared;
                let module = module(&job);
                let run = match is_crowded(running, module).await {
                    true => reuse(instances, engine, job, true).await,
                    false => engine.run(job).await,
                };
                leave(running, module);
                run
            }
        ),
        host!(
            "isolation/memory-kept-in-a-crowd",
            "isolation.memory.fresh",
            "Memory of a pool is cleared in the background, which falls behind if many guests run.",
            (Running, Mutex<HashMap<usize, Vec<u8>>>),
            |shared, engine, job| {
                let (running, memories) = shared;
                let module = module(&job);
                let run = match is_crowded(running, module).await {
                    true => remember(memories, engine, job, 24..56).await,
                    false => engine.run(job).await,
                };
                leave(running, module);
                run
            }
        ),
        host!(
            "isolation/environment-in-a-global",
            "isolation.parallel.no-mixing",
            "The environment is built in a global variable, from which another request may take it.",
            Shared<Invocation>,
            |shared, engine, job| {
                job.invocation.environment = latest_invocation(shared, &job).await.environment;
                engine.run(job).await
            }
        ),
        host!(
            "isolation/input-in-a-global",
            "isolation.parallel.no-mixing",
            "The body is kept in a global variable until the guest reads it.",
            Shared<Invocation>,
            |shared, engine, job| {
                job.invocation.stdin = latest_invocation(shared, &job).await.stdin;
                engine.run(job).await
            }
        ),
        host!(
            "isolation/output-in-a-global",
            "isolation.parallel.no-mixing",
            "The output is gathered in a global variable, which another guest may overwrite.",
            Shared<Bytes>,
            |shared, engine, job| {
                let mut run = engine.run(job).await;
                run.stdout = latest(shared, run.stdout.len(), run.stdout.clone()).await;
                run
            }
        ),
        host!(
            "isolation/one-guest-at-a-time",
            "isolation.looping-guest.others-served",
            "A lock is held while a guest runs, and nothing ends a guest that loops.",
            tokio::sync::Mutex<()>,
            |turn, engine, job| {
                let _turn = turn.lock().await;
                job.time = Duration::from_secs(12);
                engine.run(job).await
            }
        ),
    ]
}
