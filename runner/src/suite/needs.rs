//! What a module asks of an engine: functions to import, features of WebAssembly.

use serde::Serialize;
use wasmparser::{ExternalKind, Parser, Payload, Validator, WasmFeatures};

/// What a module asks of an engine, and what it offers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Needs {
    /// The features that it uses beyond WebAssembly 1.0, by the names of their proposals.
    pub features: Vec<String>,
    /// What it imports, in the module's order.
    pub imports: Vec<Import>,
    /// What it exports, in the module's order.
    pub exports: Vec<Export>,
}

/// Something that a module imports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Import {
    /// The module that has to have it.
    pub module: String,
    /// Its name there.
    pub name: String,
}

/// Something that a module exports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Export {
    /// `function`, `memory`, `table`, `global` or `tag`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
}

/// What `module`, in binary form, asks of an engine.
///
/// # Errors
/// It is no valid module: what and where.
pub fn needs(module: &[u8]) -> Result<Needs, String> {
    let mut needs = Needs {
        features: names(features(module)?),
        ..Needs::default()
    };
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(|error| error.to_string())? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.map_err(|error| error.to_string())?;
                    needs.imports.push(Import {
                        module: import.module.to_owned(),
                        name: import.name.to_owned(),
                    });
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.map_err(|error| error.to_string())?;
                    needs.exports.push(Export {
                        kind: kind(export.kind),
                        name: export.name.to_owned(),
                    });
                }
            }
            _ => {}
        }
    }
    Ok(needs)
}

/// The features without which `module` is not valid, those of WebAssembly 1.0 included.
///
/// Where validation fails, one more is allowed, until it succeeds.
fn features(module: &[u8]) -> Result<WasmFeatures, String> {
    let mut allowed = WasmFeatures::WASM1;
    loop {
        let Err(error) = Validator::new_with_features(allowed).validate_all(module) else {
            return Ok(allowed);
        };
        let missing = match error.missing_wasm_feature() {
            Some(feature) => Some(proposal(feature)),
            None => helpful(module, allowed, error.offset()),
        };
        match missing {
            Some(feature) if !allowed.contains(feature) => allowed |= feature,
            _ => return Err(error.to_string()),
        }
    }
}

/// A feature with which validation comes further than to `offset`.
fn helpful(module: &[u8], allowed: WasmFeatures, offset: u64) -> Option<WasmFeatures> {
    let others = WasmFeatures::all().difference(allowed).iter().map(proposal);
    others.into_iter().find(|feature| {
        match Validator::new_with_features(allowed | *feature).validate_all(module) {
            Ok(_) => true,
            Err(error) => error.offset() > offset,
        }
    })
}

/// The whole proposal, of which the validator may have named a part.
fn proposal(feature: WasmFeatures) -> WasmFeatures {
    let proposals = [WasmFeatures::BULK_MEMORY, WasmFeatures::REFERENCE_TYPES];
    let whole = proposals
        .into_iter()
        .find(|proposal| proposal.contains(feature));
    whole.unwrap_or(feature)
}

/// The names of features beyond WebAssembly 1.0.
fn names(features: WasmFeatures) -> Vec<String> {
    features
        .difference(WasmFeatures::WASM1)
        .iter_names()
        .map(|(name, _)| name.to_ascii_lowercase().replace('_', "-"))
        .collect()
}

fn kind(kind: ExternalKind) -> &'static str {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => "function",
        ExternalKind::Table => "table",
        ExternalKind::Memory => "memory",
        ExternalKind::Global => "global",
        ExternalKind::Tag => "tag",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::files::{Files, Folders};
    use crate::suite::guest::Guests;

    fn of(text: &str) -> Needs {
        needs(&wat::parse_str(text).expect("WebAssembly text")).expect("a module")
    }

    #[test]
    fn features_are_found_one_by_one() {
        for (body, expected) in [
            ("(drop (i32.const 0))", &[][..]),
            (
                "(drop (i32.extend8_s (i32.const 0)))",
                &["sign-extension"][..],
            ),
            (
                "(memory.fill (i32.const 0) (i32.const 0) (i32.const 0))
                 (drop (i32.trunc_sat_f32_s (f32.const 0)))
                 (drop (ref.null func))",
                &["saturating-float-to-int", "reference-types", "bulk-memory"],
            ),
            ("(drop (v128.const i64x2 0 0))", &["simd"]),
            (
                "(block (result i32 i32) (i32.const 0) (i32.const 0)) (drop) (drop)",
                &["multi-value"],
            ),
            ("(return_call 0)", &["tail-call"]),
        ] {
            let needs = of(&format!("(module (memory 1) (func {body}))"));
            assert_eq!(needs.features, expected, "{body}");
        }
        assert_eq!(of("(module (memory i64 1))").features, ["memory64"]);
        assert!(needs(b"\0asm").is_err());
    }

    #[test]
    fn imports_and_exports_are_told() {
        let needs = of(
            r#"(module (import "m" "f" (func)) (memory (export "memory") 1)
                          (func (export "_start")))"#,
        );
        let import = Import {
            module: "m".to_owned(),
            name: "f".to_owned(),
        };
        let export = |kind, name: &str| Export {
            kind,
            name: name.to_owned(),
        };
        assert_eq!(needs.imports, [import]);
        assert_eq!(
            needs.exports,
            [export("memory", "memory"), export("function", "_start")]
        );
    }

    /// Guests that are there for servers to refuse.
    const NO_MODULES: [&str; 4] = ["empty", "ill-typed", "not-wasm", "truncated"];
    const UNKNOWN_IMPORTS: [&str; 2] = ["unknown-import", "unknown-wasi-import"];

    #[test]
    fn core_guests_need_webassembly_1_and_wasi_only() {
        let files = Files::load(&Folders::default()).expect("embedded files");
        let (guests, _) = Guests::read(&files);
        let core = guests
            .iter()
            .filter(|(name, _)| guests.language(name).is_none());
        for (name, guest) in core {
            let module = guest.compile().expect("a guest");
            let needs = match needs(&module) {
                Ok(needs) => needs,
                Err(_) if NO_MODULES.contains(&name) => continue,
                Err(error) => panic!("{name}: {error}"),
            };
            assert!(!NO_MODULES.contains(&name), "{name}");
            assert_eq!(needs.features, [""; 0], "{name}");
            let known = |import: &Import| {
                import.module == "wasi_snapshot_preview1" && import.name != "no_such_call"
            };
            let only_known = needs.imports.iter().all(known);
            assert_eq!(only_known, !UNKNOWN_IMPORTS.contains(&name), "{name}");
        }
    }
}
