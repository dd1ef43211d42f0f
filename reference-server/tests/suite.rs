//! The conformance suite as the test of this server: what generic mutation of its code runs.
//!
//! The suite's runner depends on this crate, so it is not built here: the variable
//! `WAGI_CONFORMANCE` names a runner that was built before the server was changed.

use std::path::Path;
use std::process::{Command, ExitStatus};

#[test]
#[ignore = "needs a runner: WAGI_CONFORMANCE=PROGRAM cargo test -p wagi-reference-server --test suite -- --ignored"]
fn the_server_conforms() {
    let runner = std::env::var_os("WAGI_CONFORMANCE");
    let runner = runner.expect("WAGI_CONFORMANCE names the program wagi-conformance");
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("target.json");
    std::fs::write(&target, target_file()).expect("a target file");
    let status = run(Path::new(&runner), &target);
    assert!(status.success(), "the runner ended with {status}");
}

/// The target of this name in the suite, but with the program that was built for this test, and
/// less patience.
fn target_file() -> String {
    let known = include_str!("../../targets/reference-server.json");
    let program = format!("\"command\": [{:?}", env!("CARGO_BIN_EXE_reference-server"));
    let expectations = concat!(
        "\"expectations\": \"",
        env!("CARGO_MANIFEST_DIR"),
        "/../targets/reference-server/"
    );
    let changes = [
        ("\"expectations\": \"reference-server/", expectations),
        ("\"command\": [\"reference-server\"", program.as_str()),
        ("\"seconds\": 120", "\"seconds\": 30"),
    ];
    changes.iter().fold(known.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the target file has no {from}");
        text.replace(from, to)
    })
}

/// Runs the suite, without the guests in real languages: they take long to compile, and show nothing
/// of the server's rules that others do not.
fn run(runner: &Path, target: &Path) -> ExitStatus {
    let mut command = Command::new(runner);
    command.args([
        "run",
        "--skip",
        "languages/",
        "--strict",
        "--fail-fast",
        "--format",
        "terse",
        "--target",
    ]);
    command.arg(target);
    command.status().expect("the runner runs")
}
