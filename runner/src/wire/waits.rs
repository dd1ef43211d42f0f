//! What a request waits for before it has been sent completely: other requests, or its own answer.
//!
//! Nothing waits for ever: the others have limits of their own, and whatever goes wrong with them,
//! a wait has a last moment.

use std::collections::BTreeSet;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::response::Seen;

/// The other requests of a case, as the one that awaits them sees them.
pub struct Others {
    /// Its senders are gone once all of them have their outcome; nothing is ever sent.
    running: watch::Receiver<()>,
    /// The copies of the request that have come to the point where they wait, or have ended.
    waiting: watch::Sender<BTreeSet<usize>>,
    /// When all others must have come to an end.
    latest: Instant,
}

impl Others {
    /// Requests that run as long as there are senders for `running`, but not beyond `latest`.
    pub fn new(running: watch::Receiver<()>, latest: Instant) -> Self {
        let waiting = watch::Sender::default();
        Self {
            running,
            waiting,
            latest,
        }
    }

    /// Waits until all of them have their outcome.
    pub async fn ended(&self) {
        let mut running = self.running.clone();
        let _ = timeout_at(self.latest, running.changed()).await;
    }

    /// Notes that a copy of the request waits, or has ended.
    fn note_waiting(&self, copy: usize) {
        self.waiting.send_modify(|copies| {
            copies.insert(copy);
        });
    }

    /// Notes that a copy of the request has ended, however that comes, when this is dropped.
    pub fn note_end(&self, copy: usize) -> impl Drop {
        End { others: self, copy }
    }

    /// Waits until so many copies of the request wait, or have ended.
    pub async fn awaited_by(&self, copies: usize) {
        let mut waiting = self.waiting.subscribe();
        let all = waiting.wait_for(|waiting| waiting.len() >= copies);
        let _ = timeout_at(self.latest, all).await;
    }
}

struct End<'a> {
    others: &'a Others,
    copy: usize,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.others.note_waiting(self.copy);
    }
}

/// What one copy of a request may wait for.
pub struct Waits<'a> {
    /// The other requests of its case.
    pub others: &'a Others,
    /// Which copy it is.
    pub copy: usize,
    /// What is seen of its answer.
    pub seen: watch::Receiver<Seen>,
}

impl Waits<'_> {
    /// Waits until all other requests have their outcome.
    pub async fn others(&self) {
        self.others.note_waiting(self.copy);
        self.others.ended().await;
    }

    /// Waits for the head of an answer, and says whether it is that of an interim one.
    pub async fn may_continue(&self) -> bool {
        let mut seen = self.seen.clone();
        match seen.wait_for(|seen| *seen != Seen::Nothing).await {
            Ok(seen) => *seen == Seen::Interim,
            // Nobody reads any more.
            Err(_) => false,
        }
    }
}
