//! Mutants for the chapter `languages`: servers that were only ever tried with modules written by
//! hand, which import little, and read and write one buffer at a time.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf as _, Bytes, BytesMut};
use wagi_reference_server::Engine;
use wagi_reference_server::engine::Job;
use wagi_reference_server::errors::Run;
use wasmtime::{Caller, Extern, Memory};
use wasmtime_wasi::p1::WasiP1Ctx;

use crate::Mutant;
use crate::host::{self, not_started};

/// The mutants.
pub fn mutants() -> Vec<Mutant> {
    [start_up(), reading(), writing()].concat()
}

const WASI: &str = "wasi_snapshot_preview1";

// Errors of WASI.
const BADF: i32 = 8;
const FAULT: i32 = 21;
const NOSYS: i32 = 52;

fn start_up() -> Vec<Mutant> {
    vec![
        host!(
            "languages/functions-left-out",
            "languages.same-observations",
            "Functions that a guest with three pipes has no use for are left out, so that what imports them does not start.",
            |engine, job| {
                let left_out = ["fd_fdstat_get", "fd_seek", "poll_oneoff", "sched_yield"];
                let missing = {
                    let mut imports = job.program.module().imports();
                    let missing = imports.find(|import| left_out.contains(&import.name()));
                    missing.map(|import| import.name().to_owned())
                };
                match missing {
                    Some(name) => not_started(format!("there is no function {name}")),
                    None => engine.run(job).await,
                }
            }
        ),
        host!(
            "languages/preopened-directories-not-implemented",
            "languages.same-observations",
            "A server without volumes needs no preopened directories: no such function, where no such descriptor is meant.",
            |engine, job| {
                if !job.volumes.is_empty() {
                    return engine.run(job).await;
                }
                host::run(
                    engine,
                    &job,
                    |_| (),
                    |linker| {
                        linker.func_wrap(WASI, "fd_prestat_get", |_: i32, _: i32| NOSYS)?;
                        Ok(())
                    },
                )
                .await
            }
        ),
        host!(
            "languages/descriptors-trap",
            "languages.same-observations",
            "What was left for later stops the guest, for nobody was expected to ask what standard output is.",
            |engine, job| {
                host::run(
                    engine,
                    &job,
                    |_| (),
                    |linker| {
                        linker.func_wrap(WASI, "fd_fdstat_get", |_: i32, _: i32| {
                            Err::<i32, _>(wasmtime::format_err!("not yet implemented"))
                        })?;
                        Ok(())
                    },
                )
                .await
            }
        ),
    ]
}

fn reading() -> Vec<Mutant> {
    vec![host!(
        "languages/last-buffer-counted",
        "languages.same-observations",
        "Of a read into several buffers, the number of octets in the last one is told.",
        |engine, job| {
            read(engine, job, |counts| {
                counts.last().copied().unwrap_or_default()
            })
            .await
        }
    )]
}

fn writing() -> Vec<Mutant> {
    vec![
        host!(
            "languages/first-buffer-written",
            "languages.same-output",
            "Of a write of several buffers the first is written, and all count as written.",
            |engine, job| write(engine, job, |buffers| buffers
                .first()
                .cloned()
                .unwrap_or_default())
            .await
        ),
        host!(
            "languages/write-cut-at-64-kib",
            "languages.same-output",
            "A write goes through a pipe of 64 KiB; what does not fit is lost, though it counts as written.",
            |engine, job| {
                write(engine, job, |buffers| {
                    let mut whole = buffers.concat();
                    whole.truncate(65536);
                    whole.into()
                })
                .await
            }
        ),
    ]
}

/// The memory of a guest that calls a function.
fn memory(caller: &mut Caller<'_, WasiP1Ctx>) -> Option<Memory> {
    caller.get_export("memory").and_then(Extern::into_memory)
}

/// The addresses and lengths of `count` buffers, which stand at `at`.
fn buffers(memory: &[u8], at: i32, count: i32) -> Option<Vec<(usize, usize)>> {
    let start = usize::try_from(at).ok()?;
    let length = usize::try_from(count).ok()?.checked_mul(8)?;
    let mut octets = memory.get(start..start.checked_add(length)?)?;
    let mut buffers = Vec::new();
    while octets.has_remaining() {
        let (address, length) = (octets.get_u32_le(), octets.get_u32_le());
        buffers.push((address as usize, length as usize));
    }
    Some(buffers)
}

/// Puts `number` into memory at `at`.
fn put(memory: &mut [u8], at: i32, number: u32) -> Option<()> {
    let at = usize::try_from(at).ok()?;
    let place = memory.get_mut(at..at.checked_add(4)?)?;
    place.copy_from_slice(&number.to_le_bytes());
    Some(())
}

/// Runs a guest that is told `count` of the numbers of octets that were read into the buffers of one
/// read, as the number of octets that were read.
async fn read(
    engine: &Engine,
    job: Job,
    count: impl Fn(&[u32]) -> u32 + Send + Sync + 'static,
) -> Run {
    // Files are read with the same function, and are not meant.
    if !job.volumes.is_empty() {
        return engine.run(job).await;
    }
    let input = Mutex::new(job.invocation.stdin.clone());
    let read = move |memory: &mut [u8], at: i32, number: i32, told: i32| {
        let mut input = input.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts = Vec::new();
        for (address, length) in buffers(memory, at, number)? {
            let length = length.min(input.len());
            let piece = input.split_to(length);
            let place = memory.get_mut(address..address.checked_add(piece.len())?)?;
            place.copy_from_slice(&piece);
            counts.push(piece.len() as u32);
        }
        put(memory, told, count(&counts))
    };
    host::run(
        engine,
        &job,
        |_| (),
        |linker| {
            linker.func_wrap(
                WASI,
                "fd_read",
                move |mut caller: Caller<'_, WasiP1Ctx>,
                      fd: i32,
                      at: i32,
                      number: i32,
                      told: i32| {
                    let Some(memory) = memory(&mut caller).filter(|_| fd == 0) else {
                        return BADF;
                    };
                    match read(memory.data_mut(&mut caller), at, number, told) {
                        Some(()) => 0,
                        None => FAULT,
                    }
                },
            )?;
            Ok(())
        },
    )
    .await
}

/// Runs a guest of whose writes only what `kept` makes of the buffers is written, though all of it is
/// told to be.
async fn write(
    engine: &Engine,
    job: Job,
    kept: impl Fn(&[Bytes]) -> Bytes + Send + Sync + 'static,
) -> Run {
    let output = Arc::new(Mutex::new(BytesMut::new()));
    let stdout = output.clone();
    let write = move |memory: &mut [u8], fd: i32, at: i32, number: i32, told: i32| {
        let mut pieces = Vec::new();
        for (address, length) in buffers(memory, at, number)? {
            let piece = memory.get(address..address.checked_add(length)?)?;
            pieces.push(Bytes::copy_from_slice(piece));
        }
        if fd == 1 {
            let mut stdout = stdout.lock().unwrap_or_else(PoisonError::into_inner);
            stdout.extend_from_slice(&kept(&pieces));
        }
        let length: usize = pieces.iter().map(Bytes::len).sum();
        put(memory, told, length as u32)
    };
    let mut run = host::run(
        engine,
        &job,
        |_| (),
        |linker| {
            linker.func_wrap(
                WASI,
                "fd_write",
                move |mut caller: Caller<'_, WasiP1Ctx>,
                      fd: i32,
                      at: i32,
                      number: i32,
                      told: i32| {
                    let Some(memory) = memory(&mut caller).filter(|_| matches!(fd, 1 | 2)) else {
                        return BADF;
                    };
                    match write(memory.data_mut(&mut caller), fd, at, number, told) {
                        Some(()) => 0,
                        None => FAULT,
                    }
                },
            )?;
            Ok(())
        },
    )
    .await;
    let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
    run.stdout = output.split().freeze();
    run
}
