//! Where compiled modules are kept between starts.
//!
//! Compiling takes time that nobody needs to spend twice. A cache saves it and does nothing else: one that
//! cannot be made, read or written is as good as none.

use std::path::PathBuf;

use wasmtime::{Cache, CacheConfig};

/// Where compiled modules are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Nowhere: every start compiles them.
    #[default]
    Nowhere,
    /// Among those of the program `wasmtime` in the user's folder for caches, as large as the user
    /// allows it there: 512 MiB unless configured.
    WithWasmtime,
    /// In this folder, at most 512 MiB of them.
    In(PathBuf),
}

impl Keep {
    /// The cache, if there can be one.
    pub(crate) fn open(&self) -> Option<Cache> {
        match self {
            Self::Nowhere => None,
            Self::WithWasmtime => Cache::from_file(None).ok(),
            Self::In(folder) => {
                let mut config = CacheConfig::new();
                config.with_directory(std::path::absolute(folder).ok()?);
                Cache::new(config).ok()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Engine;
    use crate::config::EngineLimits;

    fn compiles(keep: &Keep) {
        let limits = EngineLimits {
            max_guests: 1,
            ..EngineLimits::default()
        };
        let engine = Engine::keeping(&limits, keep).expect("an engine");
        let module = wat::parse_str(r#"(module (func (export "_start")))"#).expect("a module");
        engine.compile(&module).expect("a program");
    }

    #[test]
    fn modules_are_kept_in_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let keep = Keep::In(folder.path().join("compiled"));
        compiles(&keep);
        assert!(folder.path().join("compiled/modules").is_dir());
        compiles(&keep);
    }

    #[test]
    fn a_cache_that_cannot_be_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "").expect("a file");
        compiles(&Keep::In(file));
        compiles(&Keep::Nowhere);
    }
}
