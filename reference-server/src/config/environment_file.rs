//! Files of environment variables.

use std::path::Path;

use super::ConfigError;
use crate::configured_environment::Variables;
use crate::semantics::Semantics;

/// Reads a file with a variable on each line, `NAME=VALUE` or `NAME="VALUE"`; lines that are
/// empty or begin with `#` are skipped. The variables come in the order of the file.
pub fn load(steps: &dyn Semantics, path: &Path) -> Result<Variables, ConfigError> {
    let error = |line, problem| ConfigError {
        file: path.to_owned(),
        line,
        problem,
    };
    let text = std::fs::read_to_string(path)
        .map_err(|cause| error(None, format!("cannot read the environment file: {cause}")))?;
    let mut variables = Variables::new();
    for (number, line) in (1..).zip(text.lines()) {
        let variable = steps
            .parse_environment_line(line)
            .map_err(|problem| error(Some(number), problem))?;
        variables.extend(variable);
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::semantics::Conforming;

    #[test]
    fn files() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("env");
        std::fs::write(&path, "# comment\nA=b c\n\nB=\"d\"\r\n").expect("a file");
        let expected = [("A", "b c"), ("B", "d")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(load(&Conforming, &path), Ok(expected.to_vec()));

        std::fs::write(&path, "A=b\nC\n").expect("a file");
        let message = load(&Conforming, &path).map_err(|error| error.to_string());
        let expected = format!("{}:2: \"C\" has no `=`; write NAME=VALUE", path.display());
        assert_eq!(message, Err(expected));
    }
}
