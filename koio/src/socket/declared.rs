//! The namespaces that clients may connect to, by name.

use std::{borrow::Cow, collections::HashMap, fmt, sync::Arc};

use super::namespace_additions::NamespaceAdditions;
use crate::ids::Pattern;

/// The namespaces and the patterns that a server has declared.
#[derive(Debug, Default)]
pub(crate) struct DeclaredNamespaces {
    /// Each with what is added to it while the server runs.
    names: HashMap<Arc<str>, Arc<NamespaceAdditions>>,
    patterns: Vec<DeclaredPattern>,
}

/// A pattern, its text, and what is added to the namespaces that it matches.
#[derive(Debug)]
struct DeclaredPattern {
    text: Box<str>,
    pattern: Pattern,
    additions: Arc<NamespaceAdditions>,
}

/// Why no client can be in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoNamespace<'a> {
    /// The name has no form on the wire.
    Unspeakable,
    /// It is not declared. One that is has a similar name.
    Undeclared { similar: Option<&'a str> },
}

impl DeclaredNamespaces {
    pub(crate) fn add(
        &mut self,
        name: &str,
        pattern: Option<&Pattern>,
        additions: &Arc<NamespaceAdditions>,
    ) {
        let additions = Arc::clone(additions);
        match pattern {
            Some(pattern) => self.patterns.push(DeclaredPattern {
                text: name.into(),
                pattern: pattern.clone(),
                additions,
            }),
            None => {
                self.names.insert(name.into(), additions);
            }
        }
    }

    /// What is added to the namespace, or the pattern, of this name.
    pub(super) fn additions(&self, name: &str) -> Option<&Arc<NamespaceAdditions>> {
        let is_meant = |declared: &&DeclaredPattern| *declared.text == *name;
        let family = || Some(&self.patterns.iter().find(is_meant)?.additions);
        self.names.get(name).or_else(family)
    }

    /// The text of the pattern that matches this name.
    pub(super) fn pattern_of(&self, name: &str) -> Option<&str> {
        let is_meant = |declared: &&DeclaredPattern| declared.pattern.matches(name);
        Some(&self.patterns.iter().find(is_meant)?.text)
    }

    /// The server has ended: drops what was added.
    pub(super) fn end_additions(&self) {
        let of_patterns = self.patterns.iter().map(|declared| &declared.additions);
        let all = self.names.values().chain(of_patterns);
        all.for_each(|additions| additions.end());
    }

    /// Whether clients may connect to it, or, if it is a pattern, to those that it matches.
    pub(super) fn contains(&self, name: &str) -> bool {
        let is_meant =
            |declared: &DeclaredPattern| *declared.text == *name || declared.pattern.matches(name);
        let is_declared = || self.names.contains_key(name) || self.patterns.iter().any(is_meant);
        // A pattern takes parts that have no form on the wire.
        speakable(name).is_ok() && is_declared()
    }

    /// Says why if it does not [contain](Self::contains) a name.
    pub(super) fn check(&self, name: &str) -> Result<(), NoNamespace<'_>> {
        speakable(name)?;
        if self.contains(name) {
            return Ok(());
        }
        let similar = self.similar(name);
        Err(NoNamespace::Undeclared { similar })
    }

    /// The declared namespace, or pattern, that a misspelled name most likely means.
    pub(crate) fn similar(&self, name: &str) -> Option<&str> {
        let patterns = self.patterns.iter().map(|declared| &*declared.text);
        let declared = self.names.keys().map(|name| &**name).chain(patterns);
        let mut similar: Vec<_> = declared
            .filter_map(|declared| Some((typos(name, declared)?, declared)))
            .collect();
        similar.sort_unstable();
        similar.first().map(|(_, declared)| *declared)
    }

    /// The namespaces that are declared by their name.
    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.names.keys()
    }
}

/// Whether a name has a form on the wire, where a comma ends it, and a question mark begins a query.
pub(crate) fn speakable(name: &str) -> Result<(), NoNamespace<'static>> {
    match name.contains([',', '?']) {
        true => Err(NoNamespace::Unspeakable),
        false => Ok(()),
    }
}

/// A namespace as it is on the wire. The slash may be left out, as in Socket.IO's `of("chat")`.
pub(crate) fn with_slash(name: &str) -> Cow<'_, str> {
    match name.starts_with('/') {
        true => name.into(),
        false => format!("/{name}").into(),
    }
}

impl fmt::Display for NoNamespace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unspeakable => {
                f.write_str("there can't be a comma or a question mark in a namespace")
            }
            Self::Undeclared { similar } => {
                f.write_str("this server has declared no such namespace")?;
                match similar {
                    Some(similar) => write!(f, "; did you mean `{similar}`?"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// How many letters of a name were added, left out, changed, or swapped with the next, if so few that it is most likely a
/// misspelling: one of three letters or more, two of six or more. Another case is none. `None` too if only digits differ:
/// `/team1` and `/team2` are two names.
fn typos(given: &str, meant: &str) -> Option<usize> {
    let letters = |text: &str| -> Vec<char> {
        let text = text.trim_matches('/').to_lowercase();
        text.chars().take(64).collect()
    };
    let (given, meant) = (letters(given), letters(meant));
    let without_digits = |text: &[char]| -> Vec<char> {
        let letters = text.iter().filter(|letter| !letter.is_ascii_digit());
        letters.copied().collect()
    };
    if given != meant && without_digits(&given) == without_digits(&meant) {
        return None;
    }
    let most = match given.len().min(meant.len()) {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    };
    if given.len().abs_diff(meant.len()) > most {
        return None;
    }
    // The distance of Damerau and Levenshtein, row by row; `before` is the row above `above`.
    let (mut before, mut above): (Vec<usize>, Vec<usize>) =
        (Vec::new(), (0..=meant.len()).collect());
    for (i, letter) in given.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in meant.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX - 1);
            let changed = cell(&above, j) + usize::from(letter != other);
            let mut least = changed.min(cell(&above, j + 1) + 1).min(cell(&row, j) + 1);
            let swapped = i > 0
                && j > 0
                && given.get(i - 1) == Some(other)
                && meant.get(j - 1) == Some(letter);
            if swapped {
                least = least.min(cell(&before, j - 1) + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().filter(|typos| *typos <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared() -> DeclaredNamespaces {
        let mut declared = DeclaredNamespaces::default();
        for name in ["/", "/chat", "/agents", "/team1", "/visitors/{id}"] {
            let pattern = Pattern::parse(name).unwrap();
            declared.add(name, pattern.as_ref(), &Arc::default());
        }
        declared
    }

    #[test]
    fn a_namespace_is_declared_by_its_name_or_by_a_pattern_and_a_family_by_its_text() {
        for name in ["/", "/chat", "/visitors/7", "/visitors/{id}"] {
            assert_eq!(declared().check(name), Ok(()), "{name}");
        }
        for name in ["/nothing", "/visitors", "/visitors/{other}", "/visitors/"] {
            assert!(declared().check(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_misspelled_name_is_told_the_one_that_it_is_like() {
        for (given, meant) in [
            ("/chta", "/chat"),
            ("/Chat", "/chat"),
            ("/chat/", "/chat"),
            ("/chats", "/chat"),
            ("/agent", "/agents"),
            ("/visitors/{ids}", "/visitors/{id}"),
        ] {
            assert_eq!(declared().similar(given), Some(meant), "{given}");
        }
        for given in ["/nothing", "/c", "/cat2", "/x/chat", "/team2"] {
            assert_eq!(declared().similar(given), None, "{given}");
        }
    }
}
