//! Targets that a command starts, as a user meets them: servers that serve, end, or never answer.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wagi-conformance"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .env_remove("GITHUB_ACTIONS");
    command
}

/// Standard output, standard error and exit code.
fn run(arguments: &[&str]) -> (String, String, i32) {
    let Output {
        stdout,
        stderr,
        status,
    } = command(arguments).output().expect("the command runs");
    let text = |octets: Vec<u8>| String::from_utf8(octets).expect("text");
    let code = status.code().expect("an exit code");
    (text(stdout), text(stderr), code)
}

/// The reference server as a program: cargo puts it beside ours.
fn reference_server() -> PathBuf {
    let ours = Path::new(env!("CARGO_BIN_EXE_wagi-conformance"));
    let program = ours.with_file_name("reference-server");
    assert!(
        program.exists(),
        "{} is missing: cargo build --workspace",
        program.display()
    );
    program
}

#[test]
fn a_command_is_started_for_each_deployment_and_stopped() {
    let server = format!(
        "'{}' --config {{config}} --listen {{address}}",
        reference_server().display()
    );
    let logs = tempfile::tempdir().expect("a folder");
    let folder = logs.path().display().to_string();
    let cases = [
        "routing/hello",
        "tls/served",
        "configured-environment/",
        "loading/",
    ];
    let options = [
        "run",
        "--command",
        &server,
        "--logs",
        &folder,
        "--format",
        "json",
    ];
    let (stdout, stderr, code) = run(&[&options[..], &cases[..]].concat());
    assert_eq!((stderr.as_str(), code), ("", 0), "{stdout}");
    let report: Value = serde_json::from_str(&stdout).expect("JSON");
    let summary = &report["summary"];
    assert!(
        summary["passed"].as_u64().is_some_and(|passed| passed > 30),
        "{summary}"
    );
    for standing in ["failed", "blocked", "unsupported", "error"] {
        assert_eq!(summary[standing], 0, "{standing}: {stdout}");
    }
    for log in ["main.log", "tls.log", "environment-file.log"] {
        assert!(logs.path().join(log).exists(), "{log}");
    }
    let left = Command::new("pgrep").args(["-f", &folder]).output();
    if let Ok(left) = left {
        assert_eq!(
            String::from_utf8_lossy(&left.stdout),
            "",
            "servers that still run"
        );
    }
}

#[test]
fn a_server_that_ends_at_once_is_told_with_its_last_words() {
    let server = "sh -c 'echo no such option: {address} >&2; exit 7'";
    let (stdout, _, code) = run(&["run", "--exact", "routing/hello", "--command", server]);
    assert_eq!(code, 3, "{stdout}");
    let told = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let message = "ended with exit code 7; it printed last: no such option: 127.0.0.1:";
    assert!(told.contains(message), "{stdout}");
}

#[test]
fn a_command_that_refuses_everything_passes_nothing() {
    let (stdout, _, code) = run(&["run", "loading/", "--command", "false", "--format", "json"]);
    let report: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(
        (code, &report["summary"]["passed"]),
        (3, &json!(0)),
        "{stdout}"
    );
}

#[test]
fn a_server_that_never_answers_is_not_waited_for_without_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("silent.json");
    let target = json!({
        "description": "Sleeps.",
        "deployments": "json",
        "command": ["sleep", "60"],
        "ready": { "seconds": 0.2 },
    });
    fs::write(&file, target.to_string()).expect("a target file");
    let file = file.display().to_string();
    let (stdout, _, code) = run(&["run", "--exact", "routing/hello", "--target", &file]);
    assert_eq!(code, 3, "{stdout}");
    assert!(
        stdout.contains("did not answer a request for / in 0.2 s"),
        "{stdout}"
    );
}

#[test]
fn an_interrupt_leaves_no_process_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("process");
    let server = format!("sh -c 'echo $$ > {}; exec sleep 60'", file.display());
    let mut runner = command(&["run", "--exact", "routing/hello", "--command", &server])
        .stdout(Stdio::null())
        .spawn()
        .expect("the command runs");
    let end = Instant::now() + PATIENCE;
    let process = loop {
        match fs::read_to_string(&file) {
            Ok(text) if text.ends_with('\n') => break text.trim().to_owned(),
            _ => assert!(Instant::now() < end, "the server was not started"),
        }
        sleep(Duration::from_millis(10));
    };
    let signal = |arguments: &[&str]| {
        let status = Command::new("kill")
            .args(arguments)
            .stderr(Stdio::null())
            .status();
        status.expect("kill runs").success()
    };
    assert!(signal(&["-INT", &runner.id().to_string()]));
    let status = runner.wait().expect("the runner ends");
    assert_eq!(status.code(), Some(130));
    // A process that was killed is there until its adopter has noticed.
    while signal(&["-0", &process]) && !is_zombie(&process) {
        assert!(Instant::now() < end, "the server still runs");
        sleep(Duration::from_millis(10));
    }
}

fn is_zombie(process: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"));
    stat.is_ok_and(|stat| stat.contains(") Z "))
}

#[test]
fn mistakes_are_told_before_anything_runs() {
    for (arguments, message) in [
        (
            ["--target", "node-wag"],
            "error: there is no target `node-wag` (did you mean `node-wagi`?)",
        ),
        (
            ["--command", "server {confg}"],
            "error: --command: `{confg}` names `confg` (did you mean `config`?)",
        ),
        (
            ["--command", "server 'x"],
            "error: the command `server 'x` has a quote without its partner",
        ),
    ] {
        let (stdout, stderr, code) = run(&[&["run"], &arguments[..]].concat());
        assert_eq!((stdout.as_str(), code), ("", 2), "{stderr}");
        assert!(stderr.starts_with(message), "{stderr}");
    }
}
