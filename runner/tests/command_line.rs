//! The command line as a user meets it: whole outputs, exit codes, servers that misbehave.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use serde_json::{Value, json};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wagi-conformance"));
    command.args(arguments).stdin(Stdio::null());
    // These tests may themselves run on GitHub Actions.
    command
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITHUB_STEP_SUMMARY");
    command
}

/// Standard output, standard error and exit code.
fn run(arguments: &[&str]) -> (String, String, i32) {
    outcome(&mut command(arguments))
}

fn outcome(command: &mut Command) -> (String, String, i32) {
    let Output {
        stdout,
        stderr,
        status,
    } = command.output().expect("the command runs");
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
    for part in [
        "must",
        "RFC 3875",
        "Location",
        "response/",
        "\nmistakes that break it\n  ",
    ] {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
}

#[test]
fn a_case_is_explained_with_a_mistake_that_it_catches() {
    let (stdout, _, code) = run(&["explain", "volumes/missing-file"]);
    assert_eq!(code, 0);
    let mistake = "a mistake that it catches\n  For a file that is not there";
    assert!(stdout.contains(mistake), "{stdout}");
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
        case.starts_with("passed            request-body/copied  "),
        "{case}"
    );
    assert!(
        counts.starts_with(
            "1 passed, 0 failed, 0 expected failures, 0 unexpected passes, 0 blocked, "
        ),
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
        &["run", "--report", "junit="],
        &["run", "--partition", "3/2"],
        &["run", "--accept"],
        &["run", "--profile", "tls", "--no-profile", "volumes"],
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

/// A folder of cases: one that any server can be deployed for, one that needs a template for the
/// arguments, and one that builds on it.
fn three_cases() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let area = folder.path().join("routing");
    std::fs::create_dir(&area).expect("a folder");
    let case = |name: &str, more: Value| {
        let mut case = json!({
            "id": format!("routing/{name}"),
            "description": "A server does one thing.",
            "rules": ["routing.exact.own-path"],
            "routes": [{ "route": format!("/{name}"), "guest": "say-query" }],
            "requests": [{
                "target": format!("/{name}?{{{{nonce}}}}"),
                "expect": { "status": 200, "body": "{{nonce}}" },
            }],
        });
        let members = more.as_object().expect("members").clone();
        case.as_object_mut().expect("a case").extend(members);
        let path = area.join(format!("{name}.json"));
        std::fs::write(path, case.to_string()).expect("a file");
    };
    let template = json!([{ "route": "/template", "guest": "say-query", "argv": "a b" }]);
    case("plain", json!({}));
    case("template", json!({ "routes": template }));
    case("upon", json!({ "prerequisites": ["routing/template"] }));
    folder
}

#[test]
fn deployments_are_exported_with_what_the_form_lacks() {
    let cases = three_cases();
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().canonicalize().expect("a folder");
    let home = home.to_str().expect("text");
    let cases = cases.path().to_str().expect("text");
    let lacks = "2 of 3 cases are unsupported:\n\n\
                 - 1: it needs a template for the arguments: arguments are the same for every request\n\
                 - 1: a prerequisite is unsupported\n";

    let (stdout, stderr, code) = run(&["export", "--cases", cases, "--for", "mod-wasm", home]);
    assert_eq!((stderr.as_str(), code), ("", 0));
    assert_eq!(stdout, format!("written to {home}\n{lacks}"));

    let readme = std::fs::read_to_string(format!("{home}/README.md")).expect("a README");
    let expected = format!(
        "# The deployments of the WAGI conformance suite\n\n\
         Each folder is the configuration of one server. Most cases need `main` only.\n\
         `httpd` is Apache httpd (`apache2` on Debian) with `modules/mod_wasm.so` in the folder of its \
         modules; add `-d FOLDER` if `modules/` is not in the server's root (`-d /usr/lib/apache2` on \
         Debian). The address to listen at stands in the configuration.\n\n\
         ## `main`\n\n\
         ```sh\nhttpd -D FOREGROUND -f {home}/main/httpd.conf\n```\n\n\
         ## Run the suite\n\n\
         ```sh\nwagi-conformance run --url main=http://127.0.0.1:3000\n```\n\n\
         Cases of a deployment whose URL is left out count as unsupported.\n\n\
         ## What this form cannot express\n\n{lacks}"
    );
    assert_eq!(readme, expected);
    let config = std::fs::read_to_string(format!("{home}/main/httpd.conf")).expect("a file");
    let sections: Vec<&str> = config
        .lines()
        .filter(|line| line.starts_with("<Location"))
        .collect();
    assert_eq!(
        sections,
        [
            "<LocationMatch \"^/upon$\">",
            "<LocationMatch \"^/plain$\">"
        ]
    );
}

#[test]
fn an_export_that_fails_says_at_what() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let file = file.to_str().expect("text");
    let (stdout, stderr, code) = run(&["export", "--for", "json", file]);
    assert_eq!((stdout.as_str(), code), ("", 2));
    let expected = "failed to make the folder";
    assert_eq!(
        stderr,
        format!("error: {expected} {file}/main: Not a directory (os error 20)\n")
    );

    let (_, stderr, code) = run(&["export", "--for", "spn", file]);
    assert_eq!(code, 2);
    assert!(
        stderr.starts_with("error: invalid value 'spn' for '--for <FORMAT>'\n")
            && stderr.contains("tip: a similar value exists: 'spin'"),
        "{stderr}"
    );
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

/// The URL of a server that answers every request with an error. It runs as long as the tests do.
fn broken_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            // What cannot be read or written is the client's affair.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

#[test]
fn a_target_that_only_knows_errors_fails() {
    let url = broken_server();
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

/// Serves the deployments with these `names`, all if there are none; `deployments` is how many these are.
fn serve(names: &[&str], deployments: usize) -> Served {
    let mut process = command(&[&["serve", "--listen", "127.0.0.1:0"], names].concat())
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

    let served = serve(&[], started.count());
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

/// A file of expectations in a folder of its own.
struct ExpectationsFile {
    folder: tempfile::TempDir,
}

impl ExpectationsFile {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    fn path(&self) -> String {
        let path = self.folder.path().join("expectations.json");
        path.to_str().expect("text").to_owned()
    }

    fn write(&self, entries: &Value) {
        let text = json!({ "expectations": entries }).to_string();
        std::fs::write(self.path(), text).expect("a file");
    }

    fn entries(&self) -> Value {
        let text = std::fs::read(self.path()).expect("a file");
        let document: Value = serde_json::from_slice(&text).expect("JSON");
        document["expectations"].clone()
    }
}

fn fails(cases: &str, reason: &str) -> Value {
    json!({ "cases": cases, "outcome": "fails", "reason": reason })
}

#[test]
fn known_failures_are_accepted_then_gated() {
    let url = broken_server();
    let file = ExpectationsFile::new();
    let path = file.path();
    let gate = [
        "run",
        "--format",
        "terse",
        "--exact",
        "meta-variables/observed",
        "--url",
    ];
    let gate = [&gate[..], &[&url, "--expectations", &path]].concat();

    let (_, stderr, code) = run(&gate);
    assert_eq!(code, 2);
    assert!(
        stderr.ends_with("; with --accept, a run writes it\n"),
        "{stderr}"
    );

    let (stdout, stderr, code) = run(&[&gate[..], &["--accept"]].concat());
    assert_eq!(code, 0, "{stdout}");
    let news = format!(
        "written to {path}: 1 expectation; new are 1 case that failed, gone are 0 cases that passed; 1 \
         reason to be written, where it says TODO\n"
    );
    assert_eq!(stderr, news);
    let seen = "TODO: status: expected 200, got 500 Internal Server Error";
    assert_eq!(
        file.entries(),
        json!([fails("meta-variables/observed", seen)])
    );

    let (stdout, stderr, code) = run(&gate);
    assert_eq!((stdout.as_str(), code), ("", 2));
    let problem = format!(
        "error: 1 problem in the expectations\n  {path}:6: `meta-variables/observed` has no reason yet: say in \
         place of \"{seen}\" why the target fails here\n"
    );
    assert_eq!(stderr, problem);

    file.write(&json!([fails(
        "meta-variables/observed",
        "it knows only errors"
    )]));
    let (stdout, stderr, code) = run(&gate);
    assert_eq!((stderr.as_str(), code), ("", 0));
    assert!(
        stdout.starts_with("expected failure  meta-variables/observed  "),
        "{stdout}"
    );
    assert!(stdout.contains("  it knows only errors\n"), "{stdout}");
    assert!(
        stdout.contains("\n0 passed, 0 failed, 1 expected failure, "),
        "{stdout}"
    );
}

#[test]
fn a_case_blocked_by_an_expected_failure_is_accounted_for() {
    let url = broken_server();
    let file = ExpectationsFile::new();
    file.write(&json!([fails(
        "meta-variables/observed",
        "it knows only errors"
    )]));
    let path = file.path();
    let arguments = ["--url", &url, "--exact", "meta-variables/path-info-decoded"];
    let (unexpected, code) = report(&arguments);
    assert_eq!(code, 1, "{}", unexpected["summary"]);
    let (expected, code) = report(&[&arguments[..], &["--expectations", &path]].concat());
    assert_eq!(code, 0, "{}", expected["summary"]);
    let blocked = records(&expected)
        .iter()
        .find(|case| case["verdict"] == "blocked")
        .expect("a blocked case");
    assert_eq!(blocked["standing"], "blocked");
    assert_eq!(
        blocked["expected"],
        fails("meta-variables/observed", "it knows only errors")
    );
    assert_eq!(
        blocked["reason"],
        "its prerequisite `meta-variables/observed` failed, as expected"
    );
}

#[test]
fn an_expectation_that_is_not_true_fails_the_run() {
    let file = ExpectationsFile::new();
    file.write(&json!([fails("request-body/copied", "once, it did")]));
    let path = file.path();
    let gate = [
        "run",
        "--exact",
        "request-body/copied",
        "--expectations",
        &path,
    ];
    let (stdout, _, code) = run(&gate);
    assert_eq!(code, 1);
    assert!(
        stdout.contains("\n  once, it did: request-body/copied\n"),
        "{stdout}"
    );
    assert!(
        stdout.ends_with("\nnot as expected; 1 case passed unexpectedly\n"),
        "{stdout}"
    );

    let (_, stderr, code) = run(&[&gate[..], &["--accept"]].concat());
    assert_eq!((file.entries(), code), (json!([]), 0), "{stderr}");

    file.write(&json!([fails("request-body/copeid", "x")]));
    let (stdout, stderr, code) = run(&gate);
    assert_eq!((stdout.as_str(), code), ("", 2));
    assert!(
        stderr.contains("no case that can fail is named `request-body/copeid` (did you mean `request-body/copied`?)"),
        "{stderr}"
    );
}

#[test]
fn a_run_that_could_not_be_carried_out_writes_no_expectations() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let file = ExpectationsFile::new();
    let path = file.path();
    let (_, stderr, code) = run(&["run", "--url", &url, "--expectations", &path, "--accept"]);
    let news = format!("{path} is not written: not every case could be carried out\n");
    assert_eq!((stderr, code), (news, 3));
    assert!(!std::path::Path::new(&path).exists());
}

#[test]
fn a_claim_is_held_against_what_is_served() {
    let served = serve(&["main"], 1);
    let url = served.urls.first().expect("a URL").as_str();
    let (report_of_tls, code) = report(&["--url", url, "--profile", "tls", "--area", "tls"]);
    assert_eq!(code, 1, "{}", report_of_tls["summary"]);
    let shortfall = report_of_tls["shortfalls"][0]
        .as_str()
        .expect("a shortfall");
    assert!(
        shortfall.starts_with("the target claims the profile `tls`, but can run none of its ")
            && shortfall.ends_with("no URL was given for the deployment `tls`: add --url tls=URL"),
        "{shortfall}"
    );
    // What is not claimed by name may be missing.
    let (_, code) = report(&["--url", url, "--area", "tls"]);
    assert_eq!(code, 4);

    let (unclaimed, code) = report(&[
        "--url",
        url,
        "--profile",
        "tls",
        "--area",
        "argument-templates",
    ]);
    assert_eq!(code, 4, "{}", unclaimed["summary"]);
    let notice = unclaimed["notices"][0].as_str().expect("a notice");
    assert!(
        notice
            .starts_with("the target does not claim the profile `argument-templates`, but passes "),
        "{notice}"
    );
}

#[test]
fn parts_of_a_run_make_up_the_whole() {
    let selected = |arguments: &[&str]| -> Vec<String> {
        let (report, code) = report(&[&["--area", "routing"], arguments].concat());
        assert_eq!(code, 0);
        let records = records(&report).iter();
        let run = records.filter(|case| case["verdict"] != "skipped");
        run.map(|case| case["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    let parts = ["1/3", "2/3", "3/3"].map(|part| selected(&["--partition", part]));
    assert!(parts.iter().all(|part| !part.is_empty()));
    assert_eq!(parts.concat(), selected(&[]));
}

#[test]
fn github_actions_gets_annotations_and_a_summary() {
    let url = broken_server();
    let folder = tempfile::tempdir().expect("a folder");
    let summary = folder.path().join("summary.md");
    std::fs::write(&summary, "before\n").expect("a file");
    let arguments = [
        "run",
        "--format",
        "json",
        "--exact",
        "meta-variables/observed",
        "--url",
        &url,
    ];
    let on_actions = |arguments: &[&str], value: &str| {
        let mut command = command(arguments);
        command
            .env("GITHUB_ACTIONS", value)
            .env("GITHUB_STEP_SUMMARY", &summary);
        outcome(&mut command)
    };
    let (stdout, stderr, code) = on_actions(&arguments, "true");
    assert_eq!(code, 1);
    serde_json::from_str::<Value>(&stdout).expect("nothing but JSON");
    let lines: Vec<&str> = stderr.lines().collect();
    let [annotation] = lines.as_slice() else {
        panic!("not one line: {stderr}");
    };
    assert!(
        annotation.starts_with("::error title=failed%3A meta-variables/observed (must)::")
            && annotation.ends_with("%0Astatus: expected 200, got 500 Internal Server Error"),
        "{annotation}"
    );
    let written = std::fs::read_to_string(&summary).expect("a file");
    assert!(
        written.starts_with("before\n## WAGI conformance: http://127.0.0.1:"),
        "{written}"
    );

    // Elsewhere, or where it is not wanted, nothing is added.
    let unwanted = [&arguments[..], &["--no-github"]].concat();
    for (arguments, value) in [(&unwanted[..], "true"), (&arguments, "false")] {
        let (_, stderr, code) = on_actions(arguments, value);
        assert_eq!((stderr.as_str(), code), ("", 1));
    }
    assert_eq!(std::fs::read_to_string(&summary).expect("a file"), written);
}

#[test]
fn reports_for_others_are_written_beside() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let reports = ["json", "junit", "markdown"].map(|name| format!("{name}={}", path(name)));
    let mut arguments = vec!["run", "--exact", "request-body/copied"];
    for report in &reports {
        arguments.extend(["--report", report]);
    }
    let (_, stderr, code) = run(&arguments);
    assert_eq!((stderr.as_str(), code), ("", 0));
    let text = |name: &str| std::fs::read_to_string(path(name)).expect("a file");
    assert!(text("json").contains("\"standing\": \"passed\""));
    let junit = text("junit");
    let junit = roxmltree::Document::parse(&junit).expect("XML");
    let suites = junit.root_element();
    assert_eq!(
        (suites.attribute("tests"), suites.attribute("failures")),
        (Some("1"), Some("0"))
    );
    assert!(
        text("markdown").contains("\n**conforms as far as it was tested: 1 must case passed**\n")
    );
}
