//! Running guests (chapters `loading` and `isolation`).
//!
//! Each guest has a store of its own, which is gone when the guest ends: memory, globals,
//! environment, arguments, standard input and open directories never outlive a request, and no
//! guest gets anything of the host but what its [`Job`] names. Rules `isolation.memory.fresh`,
//! `isolation.globals.fresh`, `isolation.environment.fresh`, `isolation.stdin.fresh`,
//! `isolation.host-environment.hidden`, `isolation.filesystem.none`, `isolation.network.none`,
//! `isolation.parallel.no-mixing`, `volumes.readable`, `volumes.escape.parent`.
//!
//! Guests run on threads of their own, away from those that serve connections, and are
//! interrupted at every tick of a clock, so that a guest that computes without end keeps neither
//! connections nor other guests waiting. Rule `isolation.looping-guest.others-served`.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wasmtime::{
    Config, ExternType, InstanceAllocationStrategy, InstancePre, Linker, Module,
    PoolingAllocationConfig, Store, StoreLimits, StoreLimitsBuilder,
};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

use crate::cache::Keep;
use crate::capture::{Capture, Overflow};
use crate::config::{EngineLimits, Volume};
use crate::errors::{Outcome, Run};
use crate::pipeline::Invocation;

/// The time after which a running guest lets another one have its thread.
const TICK: Duration = Duration::from_millis(5);

/// How much of a guest's standard error is kept for the log, in bytes.
const STDERR_LIMIT: usize = 64 << 10;

/// The most elements that a table of a guest can have.
const TABLE_ELEMENTS: usize = 100_000;

/// Compiles modules and runs guests. Clones share everything, the compiled modules too, so that
/// several servers can use one engine.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    wasmtime: wasmtime::Engine,
    linker: Linker<State>,
    /// The modules compiled so far, by their code.
    programs: Mutex<HashMap<Arc<[u8]>, Program>>,
    /// One permit for each guest that can run at the same time.
    slots: Arc<Semaphore>,
    threads: GuestThreads,
    guest_memory: usize,
}

/// What the host keeps for a guest while it runs.
struct State {
    wasi: WasiP1Ctx,
    limits: StoreLimits,
}

/// A compiled module whose imports are all there.
#[derive(Clone)]
pub struct Program {
    module: Module,
    instance: InstancePre<State>,
}

/// All that one run of a guest depends on.
#[derive(Clone)]
pub struct Job {
    /// The module.
    pub program: Program,
    /// The exported function to call.
    pub entrypoint: String,
    /// Arguments, environment and standard input.
    pub invocation: Invocation,
    /// The directories that the guest can open.
    pub volumes: Vec<Volume>,
    /// How long the guest may run, and how long it may wait for a place to run in.
    pub time: Duration,
    /// How many bytes it may write to standard output.
    pub output: usize,
}

/// What runs guests. [`Engine`] does, as the specification wants it.
pub trait Host: Send + Sync + 'static {
    /// Runs a guest to its end, or until its time is over. If the returned future is dropped, the
    /// guest is stopped.
    fn run(&self, job: Job) -> Pin<Box<dyn Future<Output = Run> + Send + '_>>;
}

impl Host for Engine {
    fn run(&self, job: Job) -> Pin<Box<dyn Future<Output = Run> + Send + '_>> {
        Box::pin(Engine::run(self, job))
    }
}

/// Why an engine could not be made.
#[derive(Debug)]
pub struct EngineError(String);

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot set up the WebAssembly engine: {}", self.0)
    }
}

impl std::error::Error for EngineError {}

impl Engine {
    /// Sets memory aside for guests and starts the threads that run them.
    ///
    /// Only address space is taken, `guest_memory` times `max_guests`; memory is used when a
    /// guest uses it.
    pub fn new(limits: &EngineLimits) -> Result<Self, EngineError> {
        Self::keeping(limits, &Keep::Nowhere)
    }

    /// The same, but compiled modules are kept for the next start.
    pub fn keeping(limits: &EngineLimits, keep: &Keep) -> Result<Self, EngineError> {
        let failed = |cause: wasmtime::Error| {
            EngineError(format!(
                "{cause:#}; if there is too little memory, lower --guest-memory or --max-guests"
            ))
        };
        let mut config = engine_config(limits);
        config.cache(keep.open());
        let wasmtime = wasmtime::Engine::new(&config).map_err(failed)?;
        let mut linker = Linker::new(&wasmtime);
        wasmtime_wasi::p1::add_to_linker_async(&mut linker, |state: &mut State| &mut state.wasi)
            .map_err(failed)?;
        let threads = GuestThreads::start().map_err(|cause| EngineError(cause.to_string()))?;
        start_clock(&wasmtime).map_err(|cause| EngineError(cause.to_string()))?;
        Ok(Self {
            shared: Arc::new(Shared {
                wasmtime,
                linker,
                programs: Mutex::default(),
                slots: Arc::new(Semaphore::new(limits.max_guests as usize)),
                threads,
                guest_memory: limits.guest_memory,
            }),
        })
    }

    /// Compiles a module in the binary format, or finds it if it has been compiled before.
    ///
    /// The error says what is wrong with it. This takes long: do not call it where others wait.
    /// Rules `loading.invalid-module`, `loading.unknown-import`.
    pub fn compile(&self, code: &[u8]) -> Result<Program, String> {
        let programs = || {
            let programs = self.shared.programs.lock();
            programs.unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(program) = programs().get(code) {
            return Ok(program.clone());
        }
        let module = Module::from_binary(&self.shared.wasmtime, code).map_err(|cause| {
            let cause = format!("{cause:#}");
            // Of all that the pool can refuse, only memory is more than a name in the code.
            let hint = match cause.contains("pooling allocator") {
                true => "; the option --guest-memory sets how much a guest can have",
                false => "",
            };
            format!("not a module that can be compiled: {cause}{hint}")
        })?;
        let instance = self
            .shared
            .linker
            .instantiate_pre(&module)
            .map_err(|cause| {
                format!(
                    "an import cannot be provided: {cause:#}; a guest can import functions of \
                 wasi_snapshot_preview1 only"
                )
            })?;
        let program = Program { module, instance };
        programs().insert(code.into(), program.clone());
        Ok(program)
    }

    /// What compiles and runs the modules, for a [`Host`] that runs them in another way. It calls
    /// guests asynchronously and interrupts them at every tick of its epoch.
    pub fn wasmtime(&self) -> &wasmtime::Engine {
        &self.shared.wasmtime
    }

    /// Runs a guest to its end, or until its time is over. If the returned future is dropped, the
    /// guest is stopped.
    pub async fn run(&self, job: Job) -> Run {
        let stdout = Capture::new(job.output, Overflow::Trap);
        let stderr = Capture::new(STDERR_LIMIT, Overflow::Discard);
        let outcome = self.outcome(job, &stdout, &stderr).await;
        Run {
            outcome,
            stdout: stdout.take(),
            stderr: stderr.take(),
        }
    }

    async fn outcome(&self, job: Job, stdout: &Capture, stderr: &Capture) -> Outcome {
        let slot = match timeout(job.time, self.shared.slots.clone().acquire_owned()).await {
            Ok(Ok(slot)) => slot,
            Ok(Err(_)) => return Outcome::NotStarted("the engine is closed".to_owned()),
            Err(_) => return Outcome::NotStarted("too many guests run already".to_owned()),
        };
        let time = job.time;
        let guest = run(self.clone(), job, stdout.clone(), stderr.clone());
        let mut task = AbortOnDrop(self.shared.threads.spawn(async move {
            let outcome = guest.await;
            // The guest's memory is free again only now.
            drop(slot);
            outcome
        }));
        match timeout(time, &mut task.0).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(cause)) => Outcome::Trapped(format!("the server failed: {cause}")),
            Err(_) => Outcome::TimedOut,
        }
    }
}

impl Program {
    /// The names of the exported functions without parameters and results, in the module's order.
    pub fn entrypoints(&self) -> Vec<String> {
        let is_entrypoint = |kind: ExternType| match kind {
            ExternType::Func(kind) => kind.params().len() == 0 && kind.results().len() == 0,
            _ => false,
        };
        self.module
            .exports()
            .filter(|export| is_entrypoint(export.ty()))
            .map(|export| export.name().to_owned())
            .collect()
    }

    /// The compiled module.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Whether the module exports something of this name.
    pub fn exports(&self, name: &str) -> bool {
        self.module.get_export(name).is_some()
    }
}

/// Runs a guest on the thread that polls this.
async fn run(engine: Engine, job: Job, stdout: Capture, stderr: Capture) -> Outcome {
    let mut wasi = WasiCtxBuilder::new();
    wasi.args(&job.invocation.arguments)
        .envs(&job.invocation.environment)
        .stdin(MemoryInputPipe::new(job.invocation.stdin))
        .stdout(stdout)
        .stderr(stderr);
    for volume in &job.volumes {
        if let Err(cause) = wasi.preopened_dir(&volume.host, &volume.guest, FsPerms::ReadOnly) {
            let directory = volume.host.display();
            return Outcome::NotStarted(format!("cannot open the volume {directory}: {cause:#}"));
        }
    }
    let state = State {
        wasi: wasi.build_p1(),
        limits: StoreLimitsBuilder::new()
            .memory_size(engine.shared.guest_memory)
            .table_elements(TABLE_ELEMENTS)
            .build(),
    };
    let mut store = Store::new(&engine.shared.wasmtime, state);
    store.limiter(|state| &mut state.limits);
    store.set_epoch_deadline(1);
    store.epoch_deadline_async_yield_and_update(1);

    let call = async {
        let instance = job.program.instance.instantiate_async(&mut store).await?;
        let entrypoint = instance.get_typed_func::<(), ()>(&mut store, &job.entrypoint)?;
        entrypoint.call_async(&mut store, ()).await
    };
    match call.await {
        Ok(()) => Outcome::Returned,
        Err(cause) => match cause.downcast_ref::<I32Exit>() {
            Some(&I32Exit(code)) => Outcome::Exited(code),
            None => Outcome::Trapped(format!("{cause:?}").trim_end().to_owned()),
        },
    }
}

/// How wasmtime is to compile and to set memory aside.
fn engine_config(limits: &EngineLimits) -> Config {
    let page = 64 << 10;
    let memory = limits.guest_memory.next_multiple_of(page);
    let mut pool = PoolingAllocationConfig::default();
    pool.total_core_instances(limits.max_guests)
        .total_memories(limits.max_guests)
        .total_tables(limits.max_guests)
        .total_stacks(limits.max_guests)
        .max_memory_size(memory)
        .table_elements(TABLE_ELEMENTS);
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        // As much address space as a guest can use, not 4 GiB each: this starts on any machine,
        // for the price of checks in the guest's code.
        .memory_reservation(memory as u64)
        .memory_guard_size(page as u64)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Starts the clock that interrupts guests. It stops when the engine is gone.
fn start_clock(engine: &wasmtime::Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    thread::Builder::new()
        .name("guest-clock".to_owned())
        .spawn(move || {
            loop {
                thread::sleep(TICK);
                match engine.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => break,
                }
            }
        })?;
    Ok(())
}

/// The threads on which guests run.
struct GuestThreads(Option<Runtime>);

impl GuestThreads {
    fn start() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("guest")
            // A guest that computes is ready at every poll: look for new guests and for input
            // and output after each, or they wait for many ticks.
            .global_queue_interval(1)
            .event_interval(1)
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    fn spawn<F>(&self, guest: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        match &self.0 {
            Some(runtime) => runtime.spawn(guest),
            // Only while this is dropped, and then nobody can call.
            None => tokio::spawn(guest),
        }
    }
}

impl Drop for GuestThreads {
    fn drop(&mut self) {
        // Waiting for the threads is not allowed where the last server may be dropped.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A task that ends when nobody waits for it any more.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
