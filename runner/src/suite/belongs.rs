//! Which folders hold files of the suite; the build script reads this file too.

/// Whether the folder at `path`, from the suite's root, holds files that the suite reads.
///
/// Beside the guests stand the sources of those that are compiled, with whatever their languages'
/// tools leave there, and programs.
pub fn may_hold_any(path: &str) -> bool {
    !path.starts_with("guest-modules/") || path == "guest-modules/languages"
}
