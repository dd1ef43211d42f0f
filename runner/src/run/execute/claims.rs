//! What the target claims to offer, held against what it can show.

use std::collections::BTreeSet;

use tokio::task::JoinSet;

use super::{Run, run_case};
use crate::case::Case;
use crate::report::text::count;
use crate::run::event::Verdict;
use crate::spec::{Level, Profile};
use crate::suite::deployment::name_of;

impl Run {
    /// The profiles that the target claims though it can run none of their cases, a sentence for
    /// each. Those count of which some case is selected.
    pub(super) fn shortfalls(&self) -> Vec<String> {
        let claimed = self.target.claimed.iter();
        let shortfall = |profile: &Profile| {
            let cases = self.of_profile(*profile);
            let reasons: Option<BTreeSet<String>> = cases
                .iter()
                .map(|case| self.offer(case, None).err())
                .collect();
            let reason = reasons?.into_iter().next()?;
            let selected = cases.iter().any(|case| self.selected.contains(&case.id));
            selected.then(|| {
                format!(
                    "the target claims the profile `{profile}`, but can run none of its {}: {reason}",
                    count(cases.len(), "case")
                )
            })
        };
        claimed.filter_map(shortfall).collect()
    }

    /// Tries the must cases of the profiles that the target does not claim, as far as it serves
    /// them all the same, each profile up to the first case that does not pass; gives a sentence
    /// for each profile of which all pass.
    pub(super) async fn unclaimed_but_offered(&self) -> Vec<String> {
        let mut tasks = JoinSet::new();
        for profile in self.target.unclaimed.iter().copied() {
            let mut cases = self.of_profile(profile);
            cases.retain(|case| self.suite.level(case) == Level::Must);
            cases.retain(|case| self.offer(case, Some(profile)).is_ok());
            if !cases.iter().all(|case| self.may_be_tried(case, profile)) {
                continue;
            }
            let cases: Vec<_> = cases
                .into_iter()
                .filter_map(|case| Some((case.clone(), self.offer(case, Some(profile)).ok()?)))
                .collect();
            let (suite, target) = (self.suite.clone(), self.target.clone());
            let limits = self.options.limits;
            tasks.spawn(async move {
                let tried = cases.len();
                for (case, endpoint) in cases {
                    let ran = run_case(suite.clone(), target.clone(), case, endpoint, limits).await;
                    if ran.record.verdict != Verdict::Passed {
                        return None;
                    }
                }
                (tried > 0).then_some((profile, tried))
            });
        }
        let mut offered: Vec<(Profile, usize)> =
            tasks.join_all().await.into_iter().flatten().collect();
        offered.sort_unstable();
        let sentences = offered.into_iter().map(|(profile, tried)| {
            format!(
                "the target does not claim the profile `{profile}`, but passes {} of it, all that could \
                 be tried: a profile that is claimed is tested",
                count(tried, "must case")
            )
        });
        sentences.collect()
    }

    /// Whether nothing but the claim of `profile` kept `case` from being run.
    fn may_be_tried(&self, case: &Case, profile: Profile) -> bool {
        let is_of_profile = |id: &_| self.of_profile(profile).iter().any(|case| case.id == *id);
        let mut prerequisites = self.prerequisites.get(&case.id).into_iter().flatten();
        self.selected.contains(&case.id)
            && self.verdicts.get(&case.id) == Some(&Verdict::Unsupported)
            && !self.gone.contains_key(&name_of(case))
            && prerequisites.all(|id| match self.verdicts.get(id) {
                Some(Verdict::Passed | Verdict::Observed) => true,
                Some(Verdict::Unsupported) => is_of_profile(id),
                _ => false,
            })
    }

    fn of_profile(&self, profile: Profile) -> Vec<&Case> {
        let cases = self.suite.cases.iter();
        cases
            .filter(|case| self.suite.profiles(case).contains(&profile))
            .collect()
    }
}
