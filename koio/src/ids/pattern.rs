//! Patterns of namespaces: `/room/{id}` is any `/room/` and one more part, `/board-{n}` any part that begins like this.
//!
//! No namespace that a pattern matches has a brace in its name. So a name with a brace is always a pattern, and an emit to
//! `ctx.namespace()`, which a client chose, never means a whole family.

use std::fmt;

const BRACES: [char; 2] = ['{', '}'];

/// A path some of whose parts are parameters.
///
/// A part, what stands between two slashes, has one parameter at most: all of it, or what is between a text that it begins
/// with and one that it ends with. A parameter is never nothing, and has no braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    parts: Vec<PathPart>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PathPart {
    Literal(String),
    Parameter {
        /// The text in front of it.
        before: String,
        name: String,
        /// The text behind it.
        after: String,
    },
}

/// What is wrong with a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// A brace that is not around the one parameter of a part.
    Brace,
    /// A parameter whose name is no identifier.
    Name,
    /// Two parameters of one name.
    Twice,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Brace => {
                "between two slashes there is one parameter at most, in braces: `/room/{id}`, `/board-{n}`"
            }
            Self::Name => "the name of a parameter is letters, digits and `_`, as in `/room/{id}`",
            Self::Twice => "two of its parameters have the same name",
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            PathPart::Literal(literal) => write!(f, "/{literal}"),
            PathPart::Parameter {
                before,
                name,
                after,
            } => write!(f, "/{before}{{{name}}}{after}"),
        })
    }
}

impl Pattern {
    /// The pattern that a path is; `None` if it names one namespace and no more.
    pub(crate) fn parse(path: &str) -> Result<Option<Self>, Malformed> {
        if !path.contains(BRACES) {
            return Ok(None);
        }
        let parts = split(path)
            .map(PathPart::parse)
            .collect::<Result<Vec<_>, _>>()?;
        let pattern = Self { parts };
        let mut names: Vec<&str> = pattern.names().collect();
        names.sort_unstable();
        if names
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a == b))
        {
            return Err(Malformed::Twice);
        }
        Ok(Some(pattern))
    }

    /// Whether a path is a pattern, or no namespace at all.
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "for Redis"))]
    pub(crate) fn is_one(path: &str) -> bool {
        path.contains(BRACES)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            PathPart::Parameter { name, .. } => Some(name.as_str()),
            PathPart::Literal(_) => None,
        })
    }

    /// The bytes of the shortest namespace that [matches](Self::matches): a parameter has one at least.
    pub(crate) fn shortest(&self) -> usize {
        let parts = self.parts.iter().map(|part| match part {
            PathPart::Parameter { before, after, .. } => before.len() + after.len() + 2,
            PathPart::Literal(text) => text.len().saturating_add(1),
        });
        parts.sum()
    }

    /// Whether a namespace is one of these.
    pub(crate) fn matches(&self, namespace: &str) -> bool {
        let mut given = split(namespace);
        self.parts
            .iter()
            .all(|part| given.next().is_some_and(|given| part.takes(given)))
            && given.next().is_none()
    }

    /// What the parameters are in a namespace that [matches](Self::matches), in the order of the pattern.
    pub(crate) fn parameters<'a>(
        &'a self,
        namespace: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let both = self.parts.iter().zip(split(namespace));
        both.filter_map(|(part, given)| Some((part.name()?, part.parameter(given)?)))
    }

    /// Whether there is a namespace that both match: its handlers would be ambiguous.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let mut pairs = self.parts.iter().zip(&other.parts);
        self.parts.len() == other.parts.len() && pairs.all(|(one, other)| one.overlaps(other))
    }
}

impl PathPart {
    fn parse(part: &str) -> Result<Self, Malformed> {
        if !part.contains(BRACES) {
            return Ok(Self::Literal(part.to_owned()));
        }
        let opened = part.split_once('{');
        let both = opened.and_then(|(before, rest)| {
            rest.split_once('}')
                .map(|(name, after)| (before, name, after))
        });
        match both {
            Some((before, name, after)) if !format!("{before}{name}{after}").contains(BRACES) => {
                if !is_name(name) {
                    return Err(Malformed::Name);
                }
                let (before, name) = (before.to_owned(), name.to_owned());
                let after = after.to_owned();
                Ok(Self::Parameter {
                    before,
                    name,
                    after,
                })
            }
            _ => Err(Malformed::Brace),
        }
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Parameter { name, .. } => Some(name),
        }
    }

    /// What its parameter is in a part that it takes.
    fn parameter<'a>(&self, given: &'a str) -> Option<&'a str> {
        let Self::Parameter { before, after, .. } = self else {
            return None;
        };
        let value = given
            .strip_prefix(before.as_str())?
            .strip_suffix(after.as_str())?;
        (!value.is_empty() && !value.contains(BRACES)).then_some(value)
    }

    fn takes(&self, given: &str) -> bool {
        match self {
            Self::Literal(part) => part == given,
            Self::Parameter { .. } => self.parameter(given).is_some(),
        }
    }

    /// Whether there is a text that both take.
    fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(literal), part) | (part, Self::Literal(literal)) => part.takes(literal),
            (
                Self::Parameter { before, after, .. },
                Self::Parameter {
                    before: others_before,
                    after: others_after,
                    ..
                },
            ) => {
                let begins_alike =
                    before.starts_with(&**others_before) || others_before.starts_with(&**before);
                // Then the longer beginning, any text, and the longer end are both.
                begins_alike
                    && (after.ends_with(&**others_after) || others_after.ends_with(&**after))
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    let is_letter = |letter: char| letter == '_' || letter.is_ascii_alphanumeric();
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.chars().all(is_letter)
}

/// The parts of a path, which begins with a slash.
fn split(path: &str) -> std::str::Split<'_, char> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(path: &str) -> Pattern {
        Pattern::parse(path).unwrap().unwrap()
    }

    #[test]
    fn a_parameter_is_one_part_and_never_nothing() {
        let room = pattern("/room/{id}");
        for namespace in ["/room/1", "/room/a b", "/room/ü"] {
            assert!(room.matches(namespace), "{namespace}");
        }
        for namespace in [
            "/",
            "/room",
            "/room/",
            "/room/1/",
            "/room/1/2",
            "/rooms/1",
            "//room/1",
            "/x/room/1",
            // Or a client could name the family.
            "/room/{id}",
            "/room/a{b",
        ] {
            assert!(!room.matches(namespace), "{namespace}");
        }
    }

    #[test]
    fn a_parameter_can_be_a_part_of_a_part() {
        let board = pattern("/board-{n}.v1/x");
        assert_eq!(board.to_string(), "/board-{n}.v1/x");
        assert_eq!(board.shortest(), "/board-1.v1/x".len());
        let parameters: Vec<_> = board.parameters("/board-7-8.v1/x").collect();
        assert_eq!(parameters, [("n", "7-8")]);
        for namespace in ["/board-7.v1/x", "/board-.v1.v1/x", "/board-ü.v1/x"] {
            assert!(board.matches(namespace), "{namespace}");
        }
        for namespace in [
            "/board-.v1/x",
            "/board-7.v1",
            "/board-7.v1/x/y",
            "/board-7/x",
            "/7.v1/x",
            "/board-{n}.v1/x",
            "/board-7/8.v1/x",
        ] {
            assert!(!board.matches(namespace), "{namespace}");
        }
        // The beginning and the end do not share a letter.
        assert!(!pattern("/aa{n}aa").matches("/aaa"));
    }

    #[test]
    fn parameters_have_names_and_come_in_order() {
        let pattern = pattern("/{team}/room/{id}");
        let parameters: Vec<_> = pattern.parameters("/red/room/7").collect();
        assert_eq!(parameters, [("team", "red"), ("id", "7")]);
    }

    #[test]
    fn a_path_without_braces_is_no_pattern() {
        assert_eq!(Pattern::parse("/chat"), Ok(None));
        assert_eq!(Pattern::parse("/"), Ok(None));
    }

    #[test]
    fn a_malformed_pattern_is_refused_with_a_reason() {
        for path in [
            "/{id", "/id}", "/}id{", "/{a}{b}", "/{a}-{b}", "/{{id}}", "/{id}}",
        ] {
            assert_eq!(Pattern::parse(path), Err(Malformed::Brace), "{path}");
        }
        for path in ["/{}", "/{a-b}", "/{1}", "/{*rest}", "/{ü}"] {
            assert_eq!(Pattern::parse(path), Err(Malformed::Name), "{path}");
        }
        assert_eq!(Pattern::parse("/{id}/{id}"), Err(Malformed::Twice));
    }

    #[test]
    fn patterns_overlap_if_one_namespace_is_both() {
        for (one, other) in [
            ("/{a}", "/{b}"),
            ("/{a}/x", "/y/{b}"),
            ("/r/{a}", "/r/{b}"),
            ("/{a}", "/board-{b}"),
            ("/board-{a}", "/board-1{b}"),
            ("/board-{a}", "/{b}-8"),
            ("/{a}/x", "/board-1/{b}"),
        ] {
            assert!(pattern(one).overlaps(&pattern(other)), "{one} {other}");
        }
        for (one, other) in [
            ("/a/{x}", "/b/{x}"),
            ("/{x}", "/{x}/{y}"),
            ("/{x}/a", "/{x}/b"),
            ("/board-{x}", "/room-{x}"),
            ("/{x}-a", "/{x}-b"),
            ("/board-{x}/{y}", "/board/{y}"),
        ] {
            assert!(!pattern(one).overlaps(&pattern(other)), "{one} {other}");
        }
    }
}
