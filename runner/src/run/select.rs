//! Which cases are run.

use std::collections::HashSet;

use crate::case::Case;
use crate::id::{CaseId, RuleId};
use crate::problem::near_miss;
use crate::spec::{AREAS, Level};
use crate::suite::Suite;

/// What the user asks for. Filters of one kind add up; those of different kinds narrow.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Selection {
    /// Only cases whose identifier contains one of these
    #[arg(value_name = "FILTER")]
    pub filters: Vec<String>,
    /// FILTER is the whole identifier of a case, or of a table of cases
    #[arg(long)]
    pub exact: bool,
    /// Only cases that test this rule (or rules that begin with it)
    #[arg(long = "rule", value_name = "RULE")]
    pub rules: Vec<String>,
    /// Only cases of this area
    #[arg(long = "area", value_name = "AREA")]
    pub areas: Vec<String>,
    /// Only cases of this level
    #[arg(long = "level", value_name = "LEVEL", value_enum)]
    pub levels: Vec<Level>,
    /// Not the cases whose identifier contains this
    #[arg(long = "skip", value_name = "FILTER")]
    pub skip: Vec<String>,
}

impl Selection {
    /// The selected cases.
    ///
    /// # Errors
    /// A rule or an area that does not exist.
    pub fn of(&self, suite: &Suite) -> Result<HashSet<CaseId>, String> {
        for area in &self.areas {
            if !AREAS.contains(&area.as_str()) {
                return Err(format!(
                    "there is no area `{area}`{}: the areas are {}",
                    near_miss(area, AREAS),
                    AREAS.join(", ")
                ));
            }
        }
        for rule in &self.rules {
            if !suite
                .specification
                .rules
                .keys()
                .any(|id| is_within(id, rule))
            {
                let known = suite.specification.rules.keys().map(RuleId::as_str);
                return Err(format!(
                    "there is no rule `{rule}`{}",
                    near_miss(rule, known)
                ));
            }
        }
        let chosen = suite.cases.iter().filter(|case| self.takes(suite, case));
        Ok(chosen.map(|case| case.id.clone()).collect())
    }

    fn takes(&self, suite: &Suite, case: &Case) -> bool {
        let any = |list: &[String], test: &dyn Fn(&str) -> bool| {
            list.is_empty() || list.iter().any(|item| test(item))
        };
        let id = case.id.as_str();
        let named = |filter: &str| match self.exact {
            true => id == filter || case.id.file() == filter,
            false => id.contains(filter),
        };
        any(&self.filters, &named)
            && any(&self.rules, &|rule| {
                case.rules.iter().any(|id| is_within(id, rule))
            })
            && any(&self.areas, &|area| case.area() == area)
            && (self.levels.is_empty() || self.levels.contains(&suite.level(case)))
            && !self.skip.iter().any(|filter| id.contains(filter.as_str()))
    }
}

/// Whether `id` is the rule `name`, or begins with it: `response.status` holds
/// `response.status.alone`.
fn is_within(id: &RuleId, name: &str) -> bool {
    id.as_str()
        .strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
