//! Guests: the WebAssembly modules that cases deploy.

use std::collections::BTreeMap;

use super::files::Files;

/// The guests by name: the name of the file without its ending.
#[derive(Clone, Debug, Default)]
pub struct Guests(BTreeMap<String, Guest>);

/// One guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guest {
    /// WebAssembly text.
    Text(Vec<u8>),
    /// A file deployed as it is: a compiled module, or what is none.
    Binary(Vec<u8>),
}

impl Guests {
    /// The guests among `files`.
    pub fn read(files: &Files) -> Self {
        let name = |path: &str| {
            let file = path.strip_prefix("guest-modules/").unwrap_or(path);
            file.rsplit_once('.')
                .map_or(file, |(name, _)| name)
                .to_owned()
        };
        let text = files
            .below("guest-modules", "wat")
            .map(|(path, content)| (name(path), Guest::Text(content.to_vec())));
        let binary = files
            .below("guest-modules", "wasm")
            .map(|(path, content)| (name(path), Guest::Binary(content.to_vec())));
        Self(text.chain(binary).collect())
    }

    /// The guest of this name.
    pub fn get(&self, name: &str) -> Option<&Guest> {
        self.0.get(name)
    }

    /// The guests with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Guest)> {
        self.0.iter().map(|(name, guest)| (name.as_str(), guest))
    }
}

impl Guest {
    /// The module in binary form.
    ///
    /// # Errors
    /// The text is no valid WebAssembly text: what and where.
    pub fn compile(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::Text(text) => wat::parse_bytes(text)
                .map(std::borrow::Cow::into_owned)
                .map_err(|error| error.to_string()),
            Self::Binary(module) => Ok(module.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::files::Folders;

    #[test]
    fn every_bundled_guest_compiles_and_says_what_it_does() {
        let files = Files::load(&Folders::default()).expect("embedded files");
        for (name, guest) in Guests::read(&files).iter() {
            guest
                .compile()
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            if let Guest::Text(text) = guest {
                assert!(text.starts_with(b";; "), "{name} begins with a comment");
            }
        }
    }
}
