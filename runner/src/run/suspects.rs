//! Which case ended the server: cases that ran when it ended run again one by one.

use std::collections::{BTreeSet, VecDeque};

use crate::id::CaseId;

/// The cases that ran while a server ended.
#[derive(Debug, Default)]
pub struct Suspects {
    /// Those that will run again, one by one.
    waiting: VecDeque<CaseId>,
    /// Those that still run although their server has ended: what they bring back means nothing.
    void: BTreeSet<CaseId>,
    /// The one that runs alone right now.
    alone: Option<CaseId>,
    /// Whether one that ran alone ended the server again.
    found: bool,
}

impl Suspects {
    /// Whether all others have to wait.
    pub fn are_open(&self) -> bool {
        self.alone.is_some() || !self.waiting.is_empty() || !self.void.is_empty()
    }

    /// A server ended while `ended` showed it and `others` ran: none of them has a result.
    pub fn add(&mut self, ended: CaseId, others: impl IntoIterator<Item = CaseId>) {
        if !self.are_open() {
            self.found = false;
        }
        self.waiting.push_back(ended);
        self.void.extend(others);
    }

    /// The next case that has to run alone, if none does.
    pub fn next(&mut self) -> Option<CaseId> {
        if self.alone.is_none() {
            self.alone = self.waiting.pop_front();
            return self.alone.clone();
        }
        None
    }

    /// A case has its verdict, whether it ran or not: the next one may run alone.
    pub fn release(&mut self, id: &CaseId) {
        if self.is_alone(id) {
            self.alone = None;
        }
        self.void.remove(id);
    }

    /// Whether a case may start now: while there are suspects, only the one that runs alone.
    pub fn admit(&self, id: &CaseId) -> bool {
        !self.are_open() || self.is_alone(id)
    }

    /// Whether a case is the suspect that runs alone.
    pub fn is_alone(&self, id: &CaseId) -> bool {
        self.alone.as_ref() == Some(id)
    }

    /// A case brings back its result. Whether the result means nothing, so that it runs again.
    pub fn is_void(&mut self, id: &CaseId) -> bool {
        let void = self.void.remove(id);
        if void {
            self.waiting.push_back(id.clone());
        }
        void
    }

    /// A case is over that may have run alone, and perhaps ended the server again. Whether it was
    /// the last suspect and none of them has ended the server when it ran alone.
    pub fn is_acquitted(&mut self, id: &CaseId, ended_server: bool) -> bool {
        if !self.is_alone(id) {
            return false;
        }
        self.alone = None;
        self.found |= ended_server;
        !self.are_open() && !self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> CaseId {
        CaseId::try_from(format!("area/{name}")).expect("an identifier")
    }

    #[test]
    fn suspects_run_one_by_one() {
        let mut suspects = Suspects::default();
        assert!(!suspects.are_open() && suspects.next().is_none());
        suspects.add(id("a"), [id("b")]);
        assert_eq!(suspects.next(), Some(id("a")));
        assert_eq!(suspects.next(), None);
        assert!(suspects.is_void(&id("b")) && !suspects.is_void(&id("b")));
        assert!(!suspects.is_acquitted(&id("a"), false));
        assert_eq!(suspects.next(), Some(id("b")));
        assert!(!suspects.is_acquitted(&id("b"), true));
        assert!(!suspects.are_open());
    }

    #[test]
    fn where_none_did_it_alone_that_is_said_once() {
        let mut suspects = Suspects::default();
        suspects.add(id("a"), []);
        assert_eq!(suspects.next(), Some(id("a")));
        assert!(!suspects.is_acquitted(&id("other"), false));
        assert!(suspects.is_acquitted(&id("a"), false));
        assert!(!suspects.is_acquitted(&id("a"), false));
    }

    #[test]
    fn a_suspect_that_cannot_run_holds_up_no_other() {
        let mut suspects = Suspects::default();
        suspects.add(id("a"), []);
        assert_eq!(suspects.next(), Some(id("a")));
        suspects.release(&id("a"));
        assert!(!suspects.are_open());
        // One that ran beside it, and whose task never came back.
        suspects.add(id("a"), [id("b")]);
        suspects.release(&id("b"));
        assert_eq!(suspects.next(), Some(id("a")));
        suspects.release(&id("a"));
        assert!(!suspects.are_open());
    }
}
