//! Mutants for the chapter `volumes`.
//!
//! A guest cannot leave a volume of the reference server, so the mutants that let it out open
//! files in a way of their own: they find out which file of the host a path leads to, copy it into
//! a folder that the guest can open, and open the copy.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wagi_reference_server::Engine;
use wagi_reference_server::config::Volume;
use wagi_reference_server::engine::Job;
use wagi_reference_server::errors::Run;
use wasmtime::{Caller, Extern, Linker, Module};
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::p1::{WasiP1Ctx, add_to_linker_async};

use crate::host::{not_started, run};
use crate::{Fault, Mutant};

/// The mutants.
pub fn mutants() -> Vec<Mutant> {
    [readable(), escapes()].concat()
}

fn readable() -> Vec<Mutant> {
    vec![
        step!(
            "volumes/ignored",
            "volumes.readable",
            "The key is unknown and ignored: the guest sees no files.",
            {
                fn volumes(&self, _configured: &[Volume]) -> Vec<Volume> {
                    Vec::new()
                }
            }
        ),
        step!(
            "volumes/first-only",
            "volumes.readable",
            "A guest gets one volume, the first.",
            {
                fn volumes(&self, configured: &[Volume]) -> Vec<Volume> {
                    configured.iter().take(1).cloned().collect()
                }
            }
        ),
        step!(
            "volumes/last-only",
            "volumes.readable",
            "Each further volume replaces the one before.",
            {
                fn volumes(&self, configured: &[Volume]) -> Vec<Volume> {
                    configured.last().cloned().into_iter().collect()
                }
            }
        ),
        step!(
            "volumes/at-the-root",
            "volumes.readable",
            "The volume is put at the guest's root, whatever its path is.",
            {
                fn volumes(&self, configured: &[Volume]) -> Vec<Volume> {
                    let at_root = |volume: &Volume| Volume {
                        guest: "/".to_owned(),
                        ..volume.clone()
                    };
                    configured.iter().map(at_root).collect()
                }
            }
        ),
        step!(
            "volumes/host-paths",
            "volumes.readable",
            "The guest sees the volume under its path on the host.",
            {
                fn volumes(&self, configured: &[Volume]) -> Vec<Volume> {
                    let as_on_host = |volume: &Volume| Volume {
                        guest: volume.host.display().to_string(),
                        ..volume.clone()
                    };
                    configured.iter().map(as_on_host).collect()
                }
            }
        ),
        step!(
            "volumes/without-leading-slash",
            "volumes.readable",
            "The guest's path loses its leading slash.",
            {
                fn volumes(&self, configured: &[Volume]) -> Vec<Volume> {
                    let relative = |volume: &Volume| Volume {
                        guest: volume.guest.trim_start_matches('/').to_owned(),
                        ..volume.clone()
                    };
                    configured.iter().map(relative).collect()
                }
            }
        ),
        host!(
            "volumes/missing-file-is-the-index",
            "volumes.readable",
            "For a file that is not there the volume's main file is opened, as for pages of one file.",
            |engine, job| {
                leak(engine, &job, |folder, path| {
                    let is_plain = !path.contains("..") && !path.starts_with('/');
                    let index = folder.join("inside.txt");
                    (is_plain && !folder.join(path).exists()).then_some(index)
                })
                .await
            }
        ),
        Mutant {
            name: "volumes/of-all-modules",
            rule: "volumes.readable",
            imitates: "The volumes of all modules are in one list, and a module with volumes gets all.",
            fault: Fault::Start(Arc::new(|mut config| {
                let modules = &mut config.deployment.modules;
                let all: Vec<Volume> = modules
                    .iter()
                    .flat_map(|module| module.volumes.clone())
                    .collect();
                for module in modules.iter_mut().filter(|module| module.volumes.len() > 1) {
                    for volume in &all {
                        if !module.volumes.iter().any(|own| own.guest == volume.guest) {
                            module.volumes.push(volume.clone());
                        }
                    }
                }
                config
            })),
        },
    ]
}

fn escapes() -> Vec<Mutant> {
    vec![
        host!(
            "volumes/parent-followed",
            "volumes.escape.parent",
            "The guest's path is joined to the volume's folder without a look for `..`.",
            |engine, job| {
                leak(engine, &job, |folder, path| {
                    path.contains("..").then(|| resolve(&folder.join(path)))
                })
                .await
            }
        ),
        host!(
            "volumes/absolute-path-replaces-folder",
            "volumes.escape.absolute",
            "Joining an absolute path to the volume's folder gives the absolute path.",
            |engine, job| {
                leak(engine, &job, |folder, path| {
                    path.starts_with('/').then(|| folder.join(path))
                })
                .await
            }
        ),
        host!(
            "volumes/symlinks-followed",
            "volumes.escape.symlink",
            "Links are followed by the host, wherever they lead.",
            |engine, job| {
                leak(engine, &job, |folder, path| {
                    let plain = !path.contains("..") && !path.starts_with('/');
                    plain.then(|| folder.join(path))
                })
                .await
            }
        ),
        host!(
            "volumes/root-is-beside-the-volumes",
            "volumes.escape.absolute",
            "An absolute path begins at the folder in which the volumes lie.",
            |engine, job| {
                leak(engine, &job, |folder, path| {
                    let rest = path.strip_prefix('/')?;
                    Some(folder.parent()?.join(rest))
                })
                .await
            }
        ),
        host!(
            "volumes/path-begins-alike",
            "volumes.escape.absolute",
            "A path that begins like the volume's is taken to lead into it.",
            |engine, job| {
                leak(engine, &job, |folder, path| {
                    let (_, rest) = path.strip_prefix("/data")?.split_once('/')?;
                    Some(folder.join(rest))
                })
                .await
            }
        ),
    ]
}

/// A path without `.` and `..`, found by its text alone.
fn resolve(path: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                resolved.pop();
            }
            other => resolved.push(other),
        }
    }
    resolved
}

/// The module of the function that the mutants replace.
const WASI: &str = "wasi_snapshot_preview1";

/// Calls the replaced function as the guest would, which is how that finds the guest's memory.
const CALLER: &str = r#"
    (module
      (import "guest" "memory" (memory 0))
      (import "wasi_snapshot_preview1" "path_open"
        (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
      (export "memory" (memory 0))
      (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)
        (call $path_open (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4)
          (local.get 5) (local.get 6) (local.get 7) (local.get 8))))
"#;

/// The name of a copy: as short as can be, since it takes the place of the guest's path.
const COPY: &str = "c";

/// Runs a guest that opens the file of the host to which `find` leads, if there is one: it gets
/// the folder of a volume and the guest's path in it.
async fn leak(engine: &Engine, job: &Job, find: fn(&Path, &str) -> Option<PathBuf>) -> Run {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let copies = format!("wagi-mutant-{}-{number}", std::process::id());
    let copies = std::env::temp_dir().join(copies);
    if let Err(cause) = std::fs::create_dir(&copies) {
        return not_started(cause);
    }
    let folders: Vec<PathBuf> = job
        .volumes
        .iter()
        .map(|volume| volume.host.clone())
        .collect();
    let opens = Opens {
        folders,
        copies: copies.clone(),
        find,
    };
    let run = run(
        engine,
        job,
        |wasi| {
            // An error shows in that nothing leaks.
            let _ = wasi.preopened_dir(&copies, "/.copies", FsPerms::ReadOnly);
        },
        |linker| opens.link(linker),
    )
    .await;
    // What is left behind lies in the system's folder for such things.
    let _ = std::fs::remove_dir_all(&copies);
    run
}

/// How a guest opens files.
#[derive(Clone)]
struct Opens {
    /// The folders of the guest's volumes, from descriptor 3 on.
    folders: Vec<PathBuf>,
    /// The folder for copies, whose descriptor follows theirs.
    copies: PathBuf,
    /// Which file of the host a path in a folder leads to.
    find: fn(&Path, &str) -> Option<PathBuf>,
}

impl Opens {
    /// Replaces `path_open`.
    fn link(self, linker: &mut Linker<WasiP1Ctx>) -> wasmtime::Result<()> {
        let mut original = Linker::new(linker.engine());
        add_to_linker_async(&mut original, |wasi| wasi)?;
        original.allow_shadowing(true);
        let caller_of_original = Module::new(linker.engine(), wat::parse_str(CALLER)?)?;
        type Parameters = (i32, i32, i32, i32, i32, i64, i64, i32, i32);
        linker.func_wrap_async(
            WASI,
            "path_open",
            move |mut caller: Caller<'_, WasiP1Ctx>, parameters: Parameters| {
                let opens = self.clone();
                let mut original = original.clone();
                let module = caller_of_original.clone();
                Box::new(async move {
                    let (fd, lookup, path, size, open, rights, inherited, flags, opened) =
                        parameters;
                    let memory = caller.get_export("memory").and_then(Extern::into_memory);
                    let Some(memory) = memory else {
                        return Ok(52_i32);
                    };
                    original.define(&caller, "guest", "memory", memory)?;
                    let at = usize::try_from(path).unwrap_or_default();
                    let mut name = vec![0; usize::try_from(size).unwrap_or_default()];
                    memory.read(&caller, at, &mut name)?;
                    let copied = opens.copy(fd, &String::from_utf8_lossy(&name));
                    let (fd, size) = match copied {
                        Some(copies) => {
                            memory.write(&mut caller, at, COPY.as_bytes())?;
                            (copies, COPY.len() as i32)
                        }
                        None => (fd, size),
                    };
                    let instance = original.instantiate_async(&mut caller, &module).await?;
                    let path_open =
                        instance.get_typed_func::<Parameters, i32>(&mut caller, "path_open")?;
                    let values = (
                        fd, lookup, path, size, open, rights, inherited, flags, opened,
                    );
                    let errno = path_open.call_async(&mut caller, values).await?;
                    memory.write(&mut caller, at, &name)?;
                    Ok(errno)
                })
            },
        )?;
        Ok(())
    }

    /// Copies the file to which a path leads, if there is one, and gives the descriptor of the
    /// folder that holds the copy.
    fn copy(&self, fd: i32, path: &str) -> Option<i32> {
        let place = usize::try_from(fd).ok()?.checked_sub(3)?;
        let file = (self.find)(self.folders.get(place)?, path)?;
        let content = std::fs::read(file).ok()?;
        std::fs::write(self.copies.join(COPY), content).ok()?;
        i32::try_from(self.folders.len() + 3).ok()
    }
}
