//! The names of channels.
//!
//! P is the prefix, N a namespace with its slash. The classic adapter has four kinds: `P#N#` and, for broadcasts to one
//! room, `P#N#<room>#`; `P-request#N#`; `P-response#N#`; `P-response#N#<uid>#`. The sharded adapter uses `P#N#`,
//! `P#N#<room>#` and, for answers, `P#N#<uid>#`.

/// A text in which Redis finds nothing but itself when it reads it as a pattern. (Node does not escape: a namespace
/// `/a[1]` hears nothing there.)
pub(super) fn escaped(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().flat_map(|character| {
        let is_special = matches!(character, '*' | '?' | '[' | ']' | '\\');
        is_special.then_some('\\').into_iter().chain([character])
    })
}

/// What `P#N#` and `P#N#<room>#`, without `P#` and the last `#`, may mean: namespace and room, or a namespace and no room.
/// There is more than one meaning, since both may have a `#` in them; the message itself says which is right.
pub(super) fn meanings(of: &str) -> impl Iterator<Item = (&str, &str)> {
    let split = |(at, mark): (usize, &str)| Some((of.get(..at)?, of.get(at + mark.len()..)?));
    of.match_indices('#').filter_map(split).chain([(of, "")])
}

/// The room that such a channel means in this namespace, empty for none. `None`: it is no channel of the namespace.
pub(super) fn room<'a>(of: &'a str, namespace: &str) -> Option<&'a str> {
    let room = of.strip_prefix(namespace)?;
    if room.is_empty() {
        Some(room)
    } else {
        room.strip_prefix('#')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glob_characters_are_escaped() {
        let escaped = |text| escaped(text).collect::<String>();
        assert_eq!(escaped("/plain-ü^x"), "/plain-ü^x");
        assert_eq!(escaped(r"/a[1]*?\"), r"/a\[1\]\*\?\\");
    }

    #[test]
    fn a_channel_with_several_marks_has_several_meanings() {
        let all = |text| meanings(text).collect::<Vec<_>>();
        assert_eq!(all("/"), [("/", "")]);
        assert_eq!(all("/#room1"), [("/", "room1"), ("/#room1", "")]);
        assert_eq!(
            all("/a#b#c"),
            [("/a", "b#c"), ("/a#b", "c"), ("/a#b#c", "")]
        );
        assert_eq!(room("/a#b", "/a"), Some("b"));
        assert_eq!(room("/a#b", "/a#b"), Some(""));
        assert_eq!(room("/a#b", "/"), None);
        assert_eq!(room("/ab", "/a"), None);
        assert_eq!(room("/a", "/a#b"), None);
    }
}
