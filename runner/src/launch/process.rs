//! A server's process: started, watched until it is ready, stopped. It never outlives this.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::file::Signal;

/// So many of the last lines of a server's output are shown when it dies.
const SHOWN_LINES: usize = 8;

/// Of longer output, only the end is read.
const LONGEST_END: u64 = 16 * 1024;

/// How often a server that starts is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// What is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// Variables beside those of the runner.
    pub environment: Vec<(String, String)>,
    /// Where its output goes.
    pub log: PathBuf,
}

/// A process that is killed, with all that it has started, when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
    /// The process group, where there are such.
    #[cfg(unix)]
    group: Option<rustix::process::Pid>,
}

/// How a wait for a server that starts has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It answers.
    Ready,
    /// It has ended: how.
    Ended(String),
    /// It neither answers nor has ended.
    Silent,
}

impl Process {
    /// Starts a process.
    ///
    /// # Errors
    /// What keeps it from being started: there is no such program.
    pub fn start(start: &Start) -> Result<Self, String> {
        let (program, arguments) = start
            .words
            .split_first()
            .ok_or_else(|| "there is no command".to_owned())?;
        let failed =
            |error: io::Error| format!("failed to write the log {}: {error}", start.log.display());
        let output = File::create(&start.log).map_err(failed)?;
        let errors = output.try_clone().map_err(failed)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .envs(start.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .kill_on_drop(true);
        // A group of its own, so that Ctrl-C is the runner's to handle, and so that what the server
        // starts is stopped with it.
        #[cfg(unix)]
        command.process_group(0);
        let child = command
            .spawn()
            .map_err(|error| format!("failed to start `{program}`: {error}"))?;
        Ok(Self {
            #[cfg(unix)]
            group: child
                .id()
                .and_then(|id| i32::try_from(id).ok())
                .and_then(rustix::process::Pid::from_raw),
            child,
            log: start.log.clone(),
        })
    }

    /// Waits until `answers` says yes, the process ends, or `limit` is over.
    pub async fn ready<F>(&mut self, limit: Duration, answers: impl Fn() -> F) -> Readiness
    where
        F: Future<Output = bool>,
    {
        let end = Instant::now() + limit;
        loop {
            let answered = answers().await;
            // Another server may have taken the port: only the one that still runs can be ours.
            match self.ended() {
                Some(how) => return Readiness::Ended(how),
                None if answered => return Readiness::Ready,
                None if Instant::now() >= end => return Readiness::Silent,
                None => sleep(PAUSE).await,
            }
        }
    }

    /// How the process has ended, if it has.
    pub fn ended(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(described(status)),
            Err(error) => Some(format!("cannot be watched: {error}")),
        }
    }

    /// Asks the process to end with `signal`, and kills it if it has not in `limit`.
    pub async fn stop(mut self, signal: Signal, limit: Duration) {
        self.send(signal);
        // What is left, also of its children, is killed when this is dropped.
        let _ = timeout(limit, self.child.wait()).await;
    }

    /// The last lines of its output, as `; it printed last: …`.
    pub fn last_words(&self) -> String {
        last_lines(&self.log)
    }

    #[cfg(unix)]
    fn send(&mut self, signal: Signal) {
        use rustix::process::{Signal as Number, kill_process_group};
        let number = match signal {
            Signal::Terminate => Number::TERM,
            Signal::Interrupt => Number::INT,
            Signal::Quit => Number::QUIT,
            Signal::Kill => Number::KILL,
        };
        if let Some(group) = self.group {
            // There is nobody left to signal if this fails.
            let _ = kill_process_group(group, number);
        }
    }

    #[cfg(not(unix))]
    fn send(&mut self, _: Signal) {
        let _ = self.child.start_kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.send(Signal::Kill);
    }
}

fn described(status: ExitStatus) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        if let Some(signal) = status.signal() {
            return format!("was killed by signal {signal}");
        }
    }
    match status.code() {
        Some(code) => format!("ended with exit code {code}"),
        None => "has ended".to_owned(),
    }
}

fn last_lines(path: &Path) -> String {
    let text = read_end(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let shown = lines.iter().skip(lines.len().saturating_sub(SHOWN_LINES));
    let shown: Vec<String> = shown.map(|line| printable(line)).collect();
    match shown.as_slice() {
        [] => "; it printed nothing".to_owned(),
        shown => format!("; it printed last: {}", shown.join(" / ")),
    }
}

/// A line of which nothing moves a terminal's cursor.
fn printable(line: &str) -> String {
    let visible = |c: char| match c.is_control() {
        true => char::REPLACEMENT_CHARACTER,
        false => c,
    };
    line.chars().map(visible).collect()
}

fn read_end(path: &Path) -> io::Result<Vec<u8>> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LONGEST_END)))?;
    let mut end = Vec::new();
    file.take(LONGEST_END).read_to_end(&mut end)?;
    Ok(end)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    fn shell(script: &str, folder: &Path) -> Process {
        Process::start(&Start {
            words: ["sh", "-c", script].map(str::to_owned).to_vec(),
            environment: vec![("GREETING".to_owned(), "hello".to_owned())],
            log: folder.join("log"),
        })
        .expect("a process")
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    #[tokio::test]
    async fn a_process_that_ends_is_no_server() {
        let folder = folder();
        let mut process = shell("echo $GREETING; echo oh no >&2; exit 3", folder.path());
        let readiness = process.ready(LIMIT, || std::future::ready(false)).await;
        assert_eq!(
            readiness,
            Readiness::Ended("ended with exit code 3".to_owned())
        );
        assert_eq!(process.last_words(), "; it printed last: hello / oh no");
    }

    #[tokio::test]
    async fn a_process_that_says_nothing_is_not_waited_for_without_end() {
        let folder = folder();
        let mut process = shell("sleep 60", folder.path());
        let readiness = process
            .ready(Duration::from_millis(50), || std::future::ready(false))
            .await;
        assert_eq!(readiness, Readiness::Silent);
        assert_eq!(
            process.ready(LIMIT, || std::future::ready(true)).await,
            Readiness::Ready
        );
    }

    #[tokio::test]
    async fn what_a_server_started_ends_with_it() {
        let folder = folder();
        let ends = folder.path().join("child");
        let script = format!(
            "sleep 60 & echo $! > {0}.new; mv {0}.new {0}; trap '' TERM; wait",
            ends.display()
        );
        let mut process = shell(&script, folder.path());
        let there = || std::future::ready(ends.exists());
        assert_eq!(process.ready(LIMIT, there).await, Readiness::Ready);
        process
            .stop(Signal::Terminate, Duration::from_millis(50))
            .await;
        let child: i32 = std::fs::read_to_string(&ends)
            .expect("a number")
            .trim()
            .parse()
            .expect("a number");
        let child = rustix::process::Pid::from_raw(child).expect("a process");
        let end = Instant::now() + LIMIT;
        // A killed child stays visible until its adopter has noticed.
        while rustix::process::test_kill_process(child).is_ok() && !is_zombie(child) {
            assert!(Instant::now() < end, "the child of the server still runs");
            sleep(PAUSE).await;
        }
    }

    fn is_zombie(process: rustix::process::Pid) -> bool {
        let path = format!("/proc/{}/stat", process.as_raw_nonzero());
        std::fs::read_to_string(path).is_ok_and(|stat| stat.contains(") Z "))
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let folder = folder();
        let error = Process::start(&Start {
            words: vec!["no-such-program".to_owned()],
            environment: Vec::new(),
            log: folder.path().join("log"),
        })
        .expect_err("no program");
        assert!(
            error.starts_with("failed to start `no-such-program`: "),
            "{error}"
        );
    }
}
