//! The log: what guests write to standard error, and what the server has to say (rule
//! `errors.stderr.logged`).
//!
//! A thread of its own writes it, so that a full disk or a pipe that nobody reads never keeps a
//! request waiting; what comes too fast for it is lost, and the loss is noted.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::oneshot;

use crate::config::LogTarget;
use crate::routing::Route;

/// How many messages may wait to be written.
const WAITING: usize = 1024;

/// Why a log could not be opened.
#[derive(Debug)]
pub struct LogError {
    path: PathBuf,
    cause: io::Error,
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot write the log {}: {}",
            self.path.display(),
            self.cause
        )
    }
}

impl std::error::Error for LogError {}

/// The name of the file that holds what the guests of a route write to standard error: the
/// route with every character but letters, digits, `-`, `_` and `.` percent-encoded, and `.log`.
///
/// `/p/...` gives `%2Fp%2F....log`.
pub fn file_name(route: &Route) -> String {
    const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
    format!("{}.log", utf8_percent_encode(route.text(), ENCODED))
}

/// The log of a server.
pub(crate) struct Log {
    /// None to log nothing.
    sender: Option<SyncSender<Message>>,
    lost: AtomicUsize,
}

enum Message {
    /// The server says something.
    Server(String),
    /// A guest of the route at this place wrote something.
    Guest(usize, Bytes),
    /// Tell when everything before is written.
    Flush(oneshot::Sender<()>),
}

impl Log {
    /// Opens the log for the modules at these routes. Files are made at once and added to.
    pub(crate) fn open(target: &LogTarget, routes: Vec<Route>) -> Result<Self, LogError> {
        let mut writer = Writer {
            routes,
            files: None,
        };
        match target {
            LogTarget::Nowhere => {
                return Ok(Self {
                    sender: None,
                    lost: AtomicUsize::new(0),
                });
            }
            LogTarget::Stderr => {}
            LogTarget::Directory(directory) => {
                let open = |route| {
                    let path = directory.join(file_name(route));
                    let file = OpenOptions::new().create(true).append(true).open(&path);
                    file.map_err(|cause| LogError { path, cause })
                };
                std::fs::create_dir_all(directory).map_err(|cause| LogError {
                    path: directory.clone(),
                    cause,
                })?;
                let files: Result<Vec<File>, LogError> = writer.routes.iter().map(open).collect();
                writer.files = Some(files?);
            }
        }
        let (sender, receiver) = sync_channel(WAITING);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer.run(&receiver))
            .map_err(|cause| LogError {
                path: PathBuf::from("(thread)"),
                cause,
            })?;
        Ok(Self {
            sender: Some(sender),
            lost: AtomicUsize::new(0),
        })
    }

    /// Notes something about the server.
    pub(crate) fn server(&self, message: String) {
        self.send(Message::Server(message));
    }

    /// Notes what a guest of the module at this place wrote to standard error.
    pub(crate) fn guest(&self, module: usize, stderr: Bytes) {
        if !stderr.is_empty() {
            self.send(Message::Guest(module, stderr));
        }
    }

    fn send(&self, message: Message) {
        let Some(sender) = &self.sender else { return };
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let note = Message::Server(format!("{lost} log messages were lost"));
            if sender.try_send(note).is_err() {
                self.lost.fetch_add(lost, Ordering::Relaxed);
            }
        }
        if sender.try_send(message).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything is written, but not for long.
    pub(crate) async fn flush(&self) {
        let (done, written) = oneshot::channel();
        self.send(Message::Flush(done));
        let _ = tokio::time::timeout(Duration::from_secs(1), written).await;
    }
}

/// The thread that writes.
struct Writer {
    routes: Vec<Route>,
    /// The file for each route; none to write everything to standard error.
    files: Option<Vec<File>>,
}

impl Writer {
    fn run(&mut self, messages: &Receiver<Message>) {
        for message in messages {
            // There is nobody to tell that the log cannot be written.
            let _ = match message {
                Message::Server(message) => writeln!(io::stderr(), "{message}"),
                Message::Guest(module, bytes) => self.guest(module, &bytes),
                Message::Flush(done) => {
                    let _ = done.send(());
                    Ok(())
                }
            };
        }
    }

    fn guest(&mut self, module: usize, bytes: &[u8]) -> io::Result<()> {
        if let Some(files) = &mut self.files {
            return match files.get_mut(module) {
                Some(file) => file.write_all(bytes),
                None => Ok(()),
            };
        }
        let route = self.routes.get(module).map_or("", Route::text);
        let mut text = Vec::new();
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            text.extend_from_slice(format!("[{route}] ").as_bytes());
            text.extend_from_slice(line);
        }
        if text.last() != Some(&b'\n') {
            text.push(b'\n');
        }
        io::stderr().write_all(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names() {
        let table = [
            ("/", "%2F.log"),
            ("/a-b", "%2Fa-b.log"),
            ("/p/...", "%2Fp%2F....log"),
            ("/a+b", "%2Fa%2Bb.log"),
        ];
        for (route, expected) in table {
            assert_eq!(file_name(&route.parse().expect("a route")), expected);
        }
    }

    #[tokio::test]
    async fn files_hold_what_guests_wrote() {
        let directory = tempfile::tempdir().expect("a directory");
        let routes = vec![
            "/a".parse().expect("a route"),
            "/b".parse().expect("a route"),
        ];
        let target = LogTarget::Directory(directory.path().join("logs"));
        let log = Log::open(&target, routes).expect("a log");
        log.guest(1, Bytes::from_static(b"one\n"));
        log.guest(1, Bytes::from_static(b"two"));
        log.flush().await;
        let read = |name| std::fs::read(directory.path().join("logs").join(name));
        assert_eq!(read("%2Fb.log").expect("a file"), b"one\ntwo");
        assert_eq!(read("%2Fa.log").expect("a file"), b"");
    }
}
