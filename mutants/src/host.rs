//! How the mutants of isolation run guests: around the reference server's engine where that is
//! enough, otherwise with instances of their own.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use tokio::time::timeout;
use wagi_reference_server::Engine;
use wagi_reference_server::engine::{Host, Job};
use wagi_reference_server::errors::{Outcome, Run};
use wasmtime::{Instance, Linker, Store};
use wasmtime_wasi::p1::{WasiP1Ctx, add_to_linker_async};
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

/// How much a guest can write.
const OUTPUT: usize = 64 << 20;

/// Runs guests with a mistake.
pub(crate) trait Around: Send + Sync + 'static {
    /// Runs a guest, with `engine` or without.
    fn run(&self, engine: &Engine, job: Job) -> impl Future<Output = Run> + Send;
}

/// The host that runs guests with a mistake.
pub(crate) struct Faulty<M> {
    /// The engine that compiled the modules.
    pub(crate) engine: Engine,
    /// The mistake.
    pub(crate) mistake: M,
}

impl<M: Around> Host for Faulty<M> {
    fn run(&self, job: Job) -> Pin<Box<dyn Future<Output = Run> + Send + '_>> {
        Box::pin(self.mistake.run(&self.engine, job))
    }
}

/// A [`Mutant`](crate::Mutant) that runs guests with a mistake: `host!(NAME, RULE, IMITATES, MEMORY,
/// |memory, engine, job| …)` gives the [`Run`] of a job; MEMORY is a type that implements
/// `Default`, of which each server has one.
macro_rules! host {
    ($name:literal, $rule:literal, $imitates:literal, |$engine:ident, $job:ident| $run:expr) => {
        host!($name, $rule, $imitates, (), |_memory, $engine, $job| $run)
    };
    ($name:literal, $rule:literal, $imitates:literal, $memory:ty,
     |$place:ident, $engine:ident, $job:ident| $run:expr) => {{
        #[derive(Default)]
        struct Mistake($memory);
        impl $crate::host::Around for Mistake {
            #[allow(unused_mut, reason = "not every mistake changes the job")]
            async fn run(
                &self,
                $engine: &wagi_reference_server::Engine,
                mut $job: wagi_reference_server::engine::Job,
            ) -> wagi_reference_server::errors::Run {
                let $place = &self.0;
                $run
            }
        }
        $crate::Mutant {
            name: $name,
            rule: $rule,
            imitates: $imitates,
            fault: $crate::Fault::Host(std::sync::Arc::new(|engine| {
                std::sync::Arc::new($crate::host::Faulty {
                    engine,
                    mistake: Mistake::default(),
                })
            })),
        }
    }};
}

/// The value of a variable in a job's environment; empty if it is not set.
pub(crate) fn variable<'a>(job: &'a Job, name: &str) -> &'a str {
    let environment = job.invocation.environment.iter();
    environment
        .filter(|(found, _)| found == name)
        .map(|(_, value)| value.as_str())
        .next()
        .unwrap_or_default()
}

/// A run that failed before it began.
pub(crate) fn not_started(cause: impl ToString) -> Run {
    Run {
        outcome: Outcome::NotStarted(cause.to_string()),
        stdout: Bytes::new(),
        stderr: Bytes::new(),
    }
}

/// An instance of a guest, and what it writes.
pub(crate) struct Guest {
    /// The store.
    pub(crate) store: Store<WasiP1Ctx>,
    /// The instance.
    pub(crate) instance: Instance,
    stdout: MemoryOutputPipe,
    stderr: MemoryOutputPipe,
}

/// The context of a guest: all that a job names, then what `adjust` changes.
fn context(
    job: &Job,
    adjust: impl FnOnce(&mut WasiCtxBuilder),
) -> wasmtime::Result<(WasiP1Ctx, MemoryOutputPipe, MemoryOutputPipe)> {
    let stdout = MemoryOutputPipe::new(OUTPUT);
    let stderr = MemoryOutputPipe::new(OUTPUT);
    let mut wasi = WasiCtxBuilder::new();
    wasi.args(&job.invocation.arguments)
        .envs(&job.invocation.environment)
        .stdin(MemoryInputPipe::new(job.invocation.stdin.clone()))
        .stdout(stdout.clone())
        .stderr(stderr.clone());
    for volume in &job.volumes {
        wasi.preopened_dir(&volume.host, &volume.guest, FsPerms::ReadOnly)?;
    }
    adjust(&mut wasi);
    Ok((wasi.build_p1(), stdout, stderr))
}

impl Guest {
    /// A new instance. `adjust` has the last word about what the guest is given, `link` about
    /// the functions that it imports.
    pub(crate) async fn new(
        engine: &Engine,
        job: &Job,
        adjust: impl FnOnce(&mut WasiCtxBuilder),
        link: impl FnOnce(&mut Linker<WasiP1Ctx>) -> wasmtime::Result<()>,
    ) -> wasmtime::Result<Self> {
        let (wasi, stdout, stderr) = context(job, adjust)?;
        let mut linker = Linker::new(engine.wasmtime());
        add_to_linker_async(&mut linker, |wasi| wasi)?;
        linker.allow_shadowing(true);
        link(&mut linker)?;
        let mut store = Store::new(engine.wasmtime(), wasi);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let module = job.program.module();
        let instance = linker.instantiate_async(&mut store, module).await?;
        Ok(Self {
            store,
            instance,
            stdout,
            stderr,
        })
    }

    /// Gives the instance to another request.
    pub(crate) fn renew(&mut self, job: &Job) -> wasmtime::Result<()> {
        let (wasi, stdout, stderr) = context(job, |_| ())?;
        *self.store.data_mut() = wasi;
        self.stdout = stdout;
        self.stderr = stderr;
        Ok(())
    }

    /// Calls the entrypoint.
    pub(crate) async fn call(&mut self, job: &Job) -> Run {
        let store = &mut self.store;
        let instance = self.instance;
        let call = async {
            let entrypoint = instance.get_typed_func::<(), ()>(&mut *store, &job.entrypoint)?;
            entrypoint.call_async(&mut *store, ()).await
        };
        let outcome = match timeout(job.time, call).await {
            Ok(Ok(())) => Outcome::Returned,
            Ok(Err(cause)) => match cause.downcast_ref::<I32Exit>() {
                Some(&I32Exit(code)) => Outcome::Exited(code),
                None => Outcome::Trapped(format!("{cause:?}")),
            },
            Err(_) => Outcome::TimedOut,
        };
        Run {
            outcome,
            stdout: self.stdout.contents(),
            stderr: self.stderr.contents(),
        }
    }
}

/// Runs a guest in a new instance; see [`Guest::new`].
pub(crate) async fn run(
    engine: &Engine,
    job: &Job,
    adjust: impl FnOnce(&mut WasiCtxBuilder),
    link: impl FnOnce(&mut Linker<WasiP1Ctx>) -> wasmtime::Result<()>,
) -> Run {
    match Guest::new(engine, job, adjust, link).await {
        Ok(mut guest) => guest.call(job).await,
        Err(cause) => not_started(cause),
    }
}
