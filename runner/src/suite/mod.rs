//! The suite: its specification, its cases, its guests, and the deployments derived from them.

mod belongs;
pub mod deployment;
pub mod files;
pub mod guest;
pub mod links;
pub mod needs;

use std::collections::HashMap;

use crate::case::{Case, Route, load};
use crate::id::CaseId;
use crate::problem::Problem;
use crate::spec::{Level, Profile, Specification};
use deployment::Deployment;
use files::{Files, Folders};
use guest::Guests;

/// Everything that was read, and agrees with itself.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The rules.
    pub specification: Specification,
    /// The cases, in the order of the chapters, then of their identifiers.
    pub cases: Vec<Case>,
    /// The guests.
    pub guests: Guests,
    /// What a server is configured with, derived from the cases: `main` first.
    pub deployments: Vec<Deployment>,
    /// The files everything was read from.
    pub files: Files,
}

impl Suite {
    /// Reads and links the suite.
    ///
    /// # Errors
    /// Every problem found in the specification, the cases and the guests.
    pub fn load(folders: &Folders) -> Result<Self, Vec<Problem>> {
        let files = Files::load(folders).map_err(|problem| vec![problem])?;
        let (specification, mut problems) = Specification::read(&files);
        let (guests, of_guests) = Guests::read(&files);
        problems.extend(of_guests);
        let mut cases = Vec::new();
        for (path, content) in files.below("cases", "json") {
            match load::read(path, content) {
                Ok(found) => cases.extend(found),
                Err(found) => problems.extend(found),
            }
        }
        let chapter = |case: &Case| {
            crate::spec::AREAS
                .iter()
                .position(|area| *area == case.area())
        };
        cases.sort_by_key(|case| (chapter(case), case.id.file().to_owned()));
        problems.extend(links::problems(&specification, &cases, &guests));
        let (mut deployments, contradictions) = deployment::derive(&cases);
        problems.extend(contradictions);
        // No server can be configured with guests that are absent, nor needs to be for them alone.
        let is_there = |route: &Route| guests.get(&route.guest).is_some();
        deployments.retain_mut(|deployment| {
            let had_routes = !deployment.routes.is_empty();
            deployment.routes.retain(is_there);
            !(had_routes && deployment.routes.is_empty())
        });
        if problems.is_empty() {
            Ok(Self {
                specification,
                cases,
                guests,
                deployments,
                files,
            })
        } else {
            problems.sort();
            problems.dedup();
            Err(problems)
        }
    }

    /// The level of a case: that of the first rule it names.
    pub fn level(&self, case: &Case) -> Level {
        let rule = case
            .rules
            .first()
            .and_then(|id| self.specification.rules.get(id));
        rule.map_or(Level::Must, |rule| rule.level)
    }

    /// The optional profiles a case needs: those of its rules, without the core.
    pub fn profiles(&self, case: &Case) -> Vec<Profile> {
        let rules = case
            .rules
            .iter()
            .filter_map(|id| self.specification.rules.get(id));
        let mut profiles: Vec<Profile> = rules.map(|rule| rule.profile).collect();
        profiles.retain(|profile| *profile != Profile::Core);
        profiles.sort();
        profiles.dedup();
        profiles
    }

    /// Why a case cannot be tried at all: a guest of its routes is absent.
    pub fn absence(&self, case: &Case) -> Option<String> {
        let mut routes = case.routes.iter();
        routes.find_map(|route| self.guests.absence(&route.guest))
    }

    /// The cases by identifier.
    pub fn by_id(&self) -> HashMap<&CaseId, &Case> {
        self.cases.iter().map(|case| (&case.id, case)).collect()
    }
}

/// The path of the file that holds a case, from the suite's root.
pub fn file_of(case: &Case) -> String {
    format!("cases/{}.json", case.id.file())
}
