//! What a terminal adds to text.

/// What the caller's terminal can show, and its user wants to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Colours, as escape sequences (ECMA-48).
    pub colour: bool,
    /// A line of progress on standard error while the run lasts.
    pub progress: bool,
}

/// How a piece of text stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Plain,
    Bold,
    Dim,
    Good,
    Bad,
    Doubtful,
    Emphasis,
}

impl Ink {
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Bold => Some("1"),
            Self::Dim => Some("2"),
            Self::Good => Some("32"),
            Self::Bad => Some("31"),
            Self::Doubtful => Some("33"),
            Self::Emphasis => Some("1;4"),
        }
    }
}

impl Style {
    /// `text` in `ink`; as it is where there are no colours. Pad before painting: the escape
    /// sequences have a length too.
    pub(super) fn paint(self, ink: Ink, text: &str) -> String {
        match ink.code() {
            Some(code) if self.colour && !text.is_empty() => format!("\x1b[{code}m{text}\x1b[0m"),
            _ => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_only_where_they_are_wanted() {
        let plain = Style::default();
        let coloured = Style {
            colour: true,
            ..plain
        };
        assert_eq!(plain.paint(Ink::Bad, "x"), "x");
        assert_eq!(coloured.paint(Ink::Bad, "x"), "\x1b[31mx\x1b[0m");
        assert_eq!(coloured.paint(Ink::Bad, ""), "");
    }
}
