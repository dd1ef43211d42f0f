//! Cases that stand alike, by the reason for it.

use indexmap::IndexMap;

use super::text::one_line;
use crate::id::CaseId;
use crate::run::event::Summary;
use crate::run::standing::Standing;

/// The standings of cases that are told in a line for each reason, and what each means.
pub(super) const GROUPS: [(Standing, &str); 5] = [
    (
        Standing::UnexpectedPass,
        "unexpected passes: expected to fail, and no longer true (`--accept` removes them)",
    ),
    (Standing::Error, "error: they could not be carried out"),
    (Standing::ExpectedFailure, "expected failures, and why"),
    (
        Standing::Blocked,
        "blocked: what they build on did not pass, so nothing is known",
    ),
    (
        Standing::Unsupported,
        "unsupported: the target does not offer what they need",
    ),
];

/// The cases of a standing by the reason for it and the link about it.
pub(super) fn grouped(
    summary: &Summary,
    standing: Standing,
) -> IndexMap<(String, Option<&str>), Vec<&CaseId>> {
    let mut groups: IndexMap<_, Vec<&CaseId>> = IndexMap::new();
    let records = summary.records.iter();
    for case in records.filter(|case| case.standing() == standing) {
        let entry = match standing {
            Standing::ExpectedFailure | Standing::UnexpectedPass => case.expected.as_ref(),
            _ => None,
        };
        let reason = entry.map(|entry| entry.reason_in_words());
        let reason = reason.or_else(|| case.reason.clone());
        let reason = reason.map_or_else(|| "no reason given".to_owned(), |text| one_line(&text));
        let link = entry.and_then(|entry| entry.link.as_deref());
        groups.entry((reason, link)).or_default().push(&case.id);
    }
    groups
}
