//! The command line as a user meets it: whole outputs, exit codes, servers that misbehave.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use serde_json::{Value, json};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wagi-conformance"));
    command.args(arguments).stdin(Stdio::null());
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
    (
        text(stdout),
        text(stderr),
        status.code().expect("an exit code"),
    )
}

/// The JSON report of a run, and its exit code.
fn report(arguments: &[&str]) -> (Value, i32) {
    let (stdout, stderr, code) = run(&[&["run", "--format", "json"], arguments].concat());
    let json = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    (json, code)
}

fn records(report: &Value) -> &[Value] {
    report["cases"]
        .as_array()
        .map(Vec::as_slice)
        .expect("cases")
}

#[test]
fn the_suite_agrees_with_itself() {
    let (stdout, stderr, code) = run(&["check"]);
    assert_eq!((stderr.as_str(), code), ("", 0));
    assert!(stdout.ends_with("nothing is wrong\n"), "{stdout}");
}

#[test]
fn guests_are_listed_with_what_they_need() {
    let (text, _, code) = run(&["list", "--guests"]);
    assert_eq!(code, 0);
    let (same, ..) = run(&["list", "guests"]);
    assert_eq!(text, same);
    for line in ["languages/go ", "observe ", "languages/php "] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let (json, ..) = run(&["list", "--guests", "--format", "json"]);
    let guests: Vec<Value> = serde_json::from_str(&json).expect("an array");
    assert_eq!(guests.len(), text.lines().count());
}

#[test]
fn a_rule_is_explained_offline() {
    let (stdout, _, code) = run(&["explain", "response.status.wins-over-location"]);
    assert_eq!(code, 0);
    for part in ["must", "RFC 3875", "Location", "response/"] {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
}

#[test]
fn what_is_not_there_is_answered_with_the_near_miss() {
    let (stdout, stderr, code) = run(&["explain", "response.status.wins-over-locaton"]);
    assert_eq!((stdout.as_str(), code), ("", 2));
    assert!(
        stderr.contains("`response.status.wins-over-location`"),
        "{stderr}"
    );

    let (_, stderr, code) = run(&["run", "--area", "respnse"]);
    assert_eq!(code, 2);
    assert!(
        stderr.starts_with(
            "error: there is no area `respnse` (did you mean `response`?): the areas are routing,"
        ),
        "{stderr}"
    );

    let (_, stderr, code) = run(&["run", "--url", "man=http://127.0.0.1:1"]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("there is no deployment `man` (did you mean `main`?)"),
        "{stderr}"
    );
}

#[test]
fn a_case_is_run_by_its_name() {
    let (stdout, stderr, code) =
        run(&["run", "--exact", "request-body/copied", "--format", "terse"]);
    assert_eq!((stderr.as_str(), code), ("", 0));
    let lines: Vec<&str> = stdout.lines().collect();
    let [case, counts] = lines.as_slice() else {
        panic!("not two lines: {stdout}");
    };
    assert!(
        case.starts_with("passed       request-body/copied  "),
        "{case}"
    );
    assert!(
        counts.starts_with("1 passed, 0 failed, 0 blocked, 0 unsupported, 0 observed, "),
        "{counts}"
    );
}

#[test]
fn selecting_nothing_is_no_success() {
    let (stdout, _, code) = run(&["run", "no-such-case"]);
    assert_eq!(code, 4);
    assert!(
        stdout.ends_with("nothing was run: no case is selected\n"),
        "{stdout}"
    );
}

#[test]
fn wrong_words_are_a_usage_error() {
    for arguments in [
        &["run", "--jobs", "0"][..],
        &["run", "--report", "xml=x"],
        &["rn"],
    ] {
        let (_, stderr, code) = run(arguments);
        assert_eq!(code, 2, "{arguments:?}");
        assert!(stderr.starts_with("error: "), "{stderr}");
    }
}

#[test]
fn a_wrong_case_file_is_named_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let area = folder.path().join("routing");
    std::fs::create_dir(&area).expect("a folder");
    let text = "{\n  \"id\": \"routing/one\",\n  \"description\": \"A server does one thing.\",\n  \
                \"rules\": [\"routing.exact.own-pth\"],\n  \"requests\": [\n    { \"targt\": \"/\" }\n  ]\n}\n";
    std::fs::write(area.join("one.json"), text).expect("a file");
    let cases = folder.path().to_str().expect("text");
    let (_, stderr, code) = run(&["check", "--cases", cases]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("cases/routing/one.json:6: case `routing/one`: at `requests[0]"),
        "{stderr}"
    );
    assert!(stderr.contains("unknown field `targt`"), "{stderr}");
}

#[test]
fn servers_that_are_none_pass_nothing_and_end_soon() {
    let (stdout, stderr, code) = run(&["null-score", "--format", "json"]);
    let score: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stderr}"));
    assert_eq!((code, &score["problems"]), (0, &json!([])));
    let published = include_str!("../../spec/null-score.json");
    let published: Value = serde_json::from_str(published).expect("JSON");
    for part in ["name", "does", "passed", "cases"] {
        let of = |score: &Value| -> Vec<Value> {
            let servers = score["servers"].as_array().expect("servers").iter();
            servers.map(|server| server[part].clone()).collect()
        };
        assert_eq!(
            of(&score),
            of(&published),
            "cargo run -- null-score --format json > spec/null-score.json"
        );
    }
    let servers = score["servers"].as_array().expect("servers");
    assert!(servers.len() > 12);
    for server in servers {
        let name = &server["name"];
        assert!(
            server["seconds"].as_f64().expect("seconds") < 60.0,
            "{name}"
        );
        let counts = server["verdicts"].as_object().expect("counts");
        let counted: u64 = counts.values().filter_map(Value::as_u64).sum();
        // Without a server there is nothing to try; whatever answers at all is tried.
        let tried = counts["failed"].as_u64().expect("a count") > 0;
        let given_up = counts["error"].as_u64().expect("a count") > 0;
        assert!(counted > 0 && tried != given_up, "{name}: {counts:?}");
    }
}

#[test]
fn a_target_that_is_not_there_is_no_failed_case() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let (report, code) = report(&["--url", &url]);
    assert_eq!(code, 3, "{}", report["summary"]);
}

#[test]
fn a_target_that_only_knows_errors_fails() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    // It runs as long as the tests do.
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            // What cannot be read or written is the client's affair.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let (report, code) = report(&["--url", &url, "--exact", "meta-variables/observed"]);
    assert_eq!(code, 1, "{}", report["summary"]);
}

/// A `serve` process, ended with the test.
struct Served {
    process: Child,
    urls: Vec<String>,
}

impl Drop for Served {
    fn drop(&mut self) {
        // Asked to end, it removes its folder; it may have ended already.
        let _ = Command::new("kill")
            .arg(self.process.id().to_string())
            .status();
        let _ = self.process.wait();
    }
}

fn serve(deployments: usize) -> Served {
    let mut process = command(&["serve", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the command runs");
    let stdout = BufReader::new(process.stdout.take().expect("standard output"));
    let lines = stdout
        .lines()
        .take(deployments)
        .map(|line| line.expect("a line"));
    let urls = lines.map(|line| line.replace(' ', "=")).collect();
    Served { process, urls }
}

#[test]
fn a_server_in_another_process_gets_the_same_verdicts() {
    let (bundled, code) = report(&[]);
    assert_eq!(code, 0);
    let exported = tempfile::tempdir().expect("a folder");
    let folder = exported.path().to_str().expect("text");
    assert_eq!(run(&["export", "--for", "bundle", folder]).2, 0);
    let deployments = std::fs::read(exported.path().join("deployments.json")).expect("a file");
    let deployments: Value = serde_json::from_slice(&deployments).expect("JSON");
    let started = deployments["deployments"]
        .as_array()
        .expect("deployments")
        .iter()
        .filter(|deployment| deployment["start"] == "served");

    let served = serve(started.count());
    let urls: Vec<&str> = served
        .urls
        .iter()
        .flat_map(|url| ["--url", url.as_str()])
        .collect();
    let (remote, code) = report(&urls);
    assert_eq!(code, 0);

    for (here, there) in records(&bundled).iter().zip(records(&remote)) {
        assert_eq!(here["id"], there["id"]);
        let only_there = here["verdict"] != "unsupported" && there["verdict"] == "unsupported";
        if only_there {
            let reason = there["reason"].as_str().unwrap_or_default();
            assert!(
                reason.contains("starting a server"),
                "{}: {reason}",
                there["id"]
            );
        } else {
            assert_eq!(here["verdict"], there["verdict"], "{}", here["id"]);
            assert_eq!(here["observed"], there["observed"], "{}", here["id"]);
        }
    }
}

#[test]
fn a_profile_that_is_not_claimed_is_unsupported() {
    let (report, code) = report(&["--no-profile", "entrypoints", "--area", "entrypoints"]);
    assert_eq!(code, 4);
    let selected = records(&report)
        .iter()
        .filter(|case| case["verdict"] != "skipped");
    for case in selected {
        assert_eq!(case["verdict"], "unsupported", "{}", case["id"]);
        assert_eq!(
            case["reason"],
            "the target does not claim the profile `entrypoints`"
        );
    }
}
