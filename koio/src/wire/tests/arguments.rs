//! Arguments read by position.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};
use serde_json::value::RawValue;

use super::*;
use crate::wire::DecodeErrorKind as Kind;

fn event(json: &str) -> RawArgs {
    args_of(&format!("2{json}"), &[])
}

fn reason(error: ArgError) -> (usize, String) {
    match error {
        ArgError::Type { position, reason } => (position, reason),
        ArgError::Syntax(error) => panic!("{error}"),
    }
}

#[derive(Debug, Deserialize, PartialEq)]
struct Point {
    x: i32,
    y: Option<i32>,
}

#[test]
fn arguments_are_read_one_after_the_other() {
    let args = event(r#"["e",1,"two",{"x":3,"z":[{}]},[4,5],null,true]"#);
    let mut reader = args.reader();
    assert_eq!(reader.position(), 0);
    assert_eq!(reader.next::<u8>().unwrap(), Some(1));
    assert_eq!(reader.next::<String>().unwrap().as_deref(), Some("two"));
    assert_eq!(
        reader.next::<Point>().unwrap(),
        Some(Point { x: 3, y: None })
    );
    assert_eq!(reader.next::<Vec<u8>>().unwrap(), Some(vec![4, 5]));
    assert_eq!(reader.position(), 4);
    assert_eq!(reader.next::<Option<u8>>().unwrap(), Some(None));
    assert_eq!(reader.next::<bool>().unwrap(), Some(true));
    assert_eq!(reader.next::<bool>().unwrap(), None);
    assert_eq!(reader.next::<bool>().unwrap(), None);
    reader.finish().unwrap();
}

#[test]
fn white_space_between_arguments_means_nothing() {
    let args = event("[ \"e\" ,\n1 ,\t\"2\"\r, [ 3 ] ] ");
    let mut reader = args.reader();
    assert_eq!(reader.next::<u8>().unwrap(), Some(1));
    assert_eq!(reader.next::<String>().unwrap().as_deref(), Some("2"));
    assert_eq!(reader.next::<Vec<u8>>().unwrap(), Some(vec![3]));
    assert_eq!(reader.next::<u8>().unwrap(), None);
    reader.finish().unwrap();
}

#[test]
fn the_items_of_an_ack_are_all_arguments() {
    let Incoming::Ack { args, .. } = one([text("35[1,2]")]) else {
        panic!();
    };
    let mut reader = args.reader();
    assert_eq!(reader.next::<u8>().unwrap(), Some(1));
    assert_eq!(reader.next::<u8>().unwrap(), Some(2));
    assert_eq!(reader.next::<u8>().unwrap(), None);
    let Incoming::Ack { args, .. } = one([text("35[]")]) else {
        panic!();
    };
    assert!(args.is_empty());
    assert_eq!(args.reader().next::<u8>().unwrap(), None);
}

#[test]
fn the_text_of_the_arguments_leaves_out_the_name() {
    for (json, text) in [
        (r#"["e"]"#, ""),
        (r#"["e" ] "#, ""),
        (r#"["e",1,[2]]"#, "1,[2]"),
        (r#"["e" , {"a": 1} ]"#, r#"{"a": 1}"#),
    ] {
        let args = event(json);
        assert_eq!(args.json(), text.as_bytes());
        assert_eq!(args.is_empty(), text.is_empty());
    }
}

#[test]
fn a_missing_argument_reads_as_null() {
    let args = event(r#"["e",1]"#);
    let mut reader = args.reader();
    assert_eq!(reader.next_or_null::<Option<u8>>().unwrap(), Some(1));
    assert_eq!(reader.next_or_null::<Option<u8>>().unwrap(), None);
    assert_eq!(
        reader.next_or_null::<serde_json::Value>().unwrap(),
        serde_json::Value::Null
    );
    let (position, reason) = reason(reader.next_or_null::<String>().unwrap_err());
    assert_eq!(position, 3);
    assert_eq!(reason, "invalid type: null, expected a string");
}

#[test]
fn a_value_of_another_type_says_which_and_why_and_the_next_can_be_read() {
    let args = event(r#"["e","no",{"x":"y"},3]"#);
    let mut reader = args.reader();
    assert_eq!(
        reason(reader.next::<u8>().unwrap_err()),
        (0, r#"invalid type: string "no", expected u8"#.to_owned())
    );
    let (position, text) = reason(reader.next::<Point>().unwrap_err());
    assert_eq!(
        (position, text.as_str()),
        (1, r#"invalid type: string "y", expected i32"#)
    );
    assert_eq!(reader.next::<u8>().unwrap(), Some(3));
    assert_eq!(reader.position(), 3);
    reader.finish().unwrap();
}

#[test]
fn a_reason_is_cut_between_characters() {
    let args = event(&format!(r#"["e","{}"]"#, "é".repeat(500_000)));
    let mut reader = args.reader();
    let (_, text) = reason(reader.next::<u8>().unwrap_err());
    assert!((250..=256).contains(&text.len()), "{}", text.len());
    assert!(text.starts_with("invalid type: string \"éé"));
}

#[test]
fn numbers_out_of_range_are_type_errors() {
    for json in ["1e400", "-1e400", "256", "-1", "1.5", &"9".repeat(1000)] {
        let args = event(&format!(r#"["e",{json},7]"#));
        let mut reader = args.reader();
        assert!(
            matches!(reader.next::<u8>(), Err(ArgError::Type { position: 0, .. })),
            "{json}"
        );
        assert_eq!(reader.next::<u8>().unwrap(), Some(7));
    }
    assert!(matches!(
        event(r#"["e",1e400]"#).reader().next::<f64>(),
        Err(ArgError::Type { .. })
    ));
}

#[test]
fn integers_stay_integers_and_big_ones_stay_exact() {
    let args = event(
        r#"["e",9007199254740993,18446744073709551615,-170141183460469231731687303715884105728]"#,
    );
    let mut reader = args.reader();
    assert_eq!(reader.next::<i64>().unwrap(), Some(9_007_199_254_740_993));
    assert_eq!(reader.next::<u64>().unwrap(), Some(u64::MAX));
    assert_eq!(reader.next::<i128>().unwrap(), Some(i128::MIN));
}

#[test]
fn unpaired_surrogates_read_as_replacement_characters() {
    let args = event(r#"["e","a\ud800b",{"k":"\ude00"},"fine"]"#);
    let mut reader = args.reader();
    assert_eq!(
        reader.next::<String>().unwrap().as_deref(),
        Some("a\u{fffd}b")
    );
    assert_eq!(
        reader.next::<serde_json::Value>().unwrap().unwrap(),
        serde_json::json!({"k": "\u{fffd}"})
    );
    assert_eq!(reader.next::<String>().unwrap().as_deref(), Some("fine"));
    let (position, text) = reason(args.reader().next::<u8>().unwrap_err());
    assert_eq!(
        (position, text.as_str()),
        (0, "invalid type: string \"a\u{fffd}b\", expected u8")
    );
}

#[test]
fn syntax_errors_are_distinguished_from_type_errors_at_every_place() {
    // The first argument is of a wrong type, and the error stands in, before or behind it.
    for json in [
        r#"["e",x]"#,
        r#"["e",]"#,
        r#"["e",,1]"#,
        r#"["e","a" 1]"#,
        r#"["e","a",1 2]"#,
        r#"["e","a",]"#,
        r#"["e","a"]]"#,
        r#"["e","a"],[]"#,
        r#"["e",["a"]"#,
        r#"["e","a",{"b":}]"#,
        r#"["e","a","\x"]"#,
        r#"["e","a","\u12g4"]"#,
        "[\"e\",\"a\",\"\u{1}\"]",
        "[\"e\",\"a\",\"\n\"]",
        r#"["e","a",01]"#,
        r#"["e","a",1.]"#,
        r#"["e","a",1e]"#,
        r#"["e","a",-]"#,
        r#"["e","a",nul]"#,
        r#"["e","a",'b']"#,
        r#"["e","a",{b:1}]"#,
        r#"["e","a",{"b":1,}]"#,
        r#"["e","a",{"b":1}}]"#,
        r#"["e","a",[1}]"#,
        r#"["e","a",undefined]"#,
        r#"["e","a",/**/1]"#,
    ] {
        let args = event(json);
        assert!(
            matches!(args.reader().next::<u8>(), Err(ArgError::Syntax(_))),
            "{json}"
        );
        assert!(
            matches!(args.reader().finish(), Err(ArgError::Syntax(_))),
            "{json}"
        );
        let mut reader = args.reader();
        let all = || -> Result<(), ArgError> {
            while reader.next::<IgnoredAny>()?.is_some() {}
            Ok(())
        };
        assert!(matches!({ all }(), Err(ArgError::Syntax(_))), "{json}");
    }
}

#[test]
fn finish_validates_unread_arguments() {
    let args = event(r#"["e",1,{"a":[x]}]"#);
    let mut reader = args.reader();
    assert_eq!(reader.next::<u8>().unwrap(), Some(1));
    assert_eq!(
        reader.finish(),
        Err(ArgError::Syntax(DecodeError::new(Kind::Json, 13)))
    );
    let args = event(r#"["e",1,{"a":[2]},3]"#);
    let mut reader = args.reader();
    assert_eq!(reader.next::<u8>().unwrap(), Some(1));
    reader.finish().unwrap();
    reader.finish().unwrap();
    assert!(reader.next::<serde_json::Value>().unwrap().is_some());
    reader.finish().unwrap();
}

#[test]
fn raw_json_can_be_asked_for() {
    let args = event(r#"["e", {"a": 1.0} ,[1 ],2]"#);
    let mut reader = args.reader();
    assert_eq!(
        reader.next::<Box<RawValue>>().unwrap().unwrap().get(),
        r#"{"a": 1.0}"#
    );
    assert_eq!(
        reader.next::<Vec<Box<RawValue>>>().unwrap().unwrap()[0].get(),
        "1"
    );
    assert_eq!(
        reader
            .next::<Option<Box<RawValue>>>()
            .unwrap()
            .unwrap()
            .unwrap()
            .get(),
        "2"
    );
}

/// A type that does not read its input.
#[derive(Debug, PartialEq)]
struct Blind;

impl<'de> Deserialize<'de> for Blind {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}

/// A type that swallows errors.
#[derive(Debug, PartialEq)]
struct Lenient(Option<Vec<u8>>);

impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Vec::deserialize(deserializer).ok()))
    }
}

#[test]
fn a_type_that_does_not_read_its_argument_to_the_end_does_not_shift_the_next() {
    let args = event(r#"["e",[1,"x",3,4],5]"#);
    let mut reader = args.reader();
    assert_eq!(reader.next::<Blind>().unwrap(), Some(Blind));
    assert_eq!(reader.next::<u8>().unwrap(), Some(5));
    let mut reader = args.reader();
    assert_eq!(reader.next::<Lenient>().unwrap(), Some(Lenient(None)));
    assert_eq!(reader.next::<u8>().unwrap(), Some(5));
    assert_eq!(reader.next::<u8>().unwrap(), None);
    let args = event(r#"["e",[[1,"x",3],[2]],5]"#);
    let mut reader = args.reader();
    assert!(matches!(
        reader.next::<Vec<Lenient>>(),
        Err(ArgError::Type { position: 0, .. })
    ));
    assert_eq!(reader.next::<u8>().unwrap(), Some(5));
    // Not even if the unread part is broken.
    assert!(matches!(
        event(r#"["e",[1,"x",}],5]"#).reader().next::<Lenient>(),
        Err(ArgError::Syntax(_))
    ));
    assert!(matches!(
        event(r#"["e",x]"#).reader().next::<Blind>(),
        Err(ArgError::Syntax(_))
    ));
}

#[test]
fn from_list_takes_a_json_list() {
    let args = RawArgs::from_list(
        r#"[1,{"_placeholder":true,"num":0}]"#,
        vec![Bytes::from_static(&[7])],
    )
    .unwrap();
    let mut reader = args.reader();
    assert_eq!(reader.next::<u8>().unwrap(), Some(1));
    assert_eq!(reader.next::<crate::wire::Bytes>().unwrap().unwrap(), [7]);
    for list in ["", "{}", "1", "[", "[1", "[1]]", "[x]"] {
        assert!(RawArgs::from_list(list, Vec::new()).is_err(), "{list}");
    }
    assert!(RawArgs::from_list(&b"[\"\xff\"]"[..], Vec::new()).is_err());
    assert!(RawArgs::empty().is_empty());
    assert_eq!(RawArgs::default().reader().next::<u8>().unwrap(), None);
}

#[test]
fn a_string_reads_the_same_with_and_without_escapes() {
    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Name(String);
    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Unit;
    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    #[allow(dead_code)]
    enum Colour {
        Red,
        Rgb(u8),
        Named { name: String },
    }
    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    #[allow(dead_code)]
    enum Loose {
        Number(f64),
        Red(Colour),
        Name(Option<Name>),
    }
    // Compares what is read, the errors, and the argument behind.
    fn read<T: std::fmt::Debug + serde::de::DeserializeOwned>(json: &str) -> String {
        let args = event(&format!(r#"["e", {json} ,7]"#));
        let mut reader = args.reader();
        let first = reader.next::<T>();
        let second = reader.next::<u8>();
        reader.finish().unwrap();
        format!("{first:?} {second:?}")
    }
    fn check<T: std::fmt::Debug + serde::de::DeserializeOwned>(text: &str) {
        let plain = serde_json::to_string(text).unwrap();
        let escaped: String = text.encode_utf16().map(|c| format!("\\u{c:04x}")).collect();
        let shown = read::<T>(&plain);
        assert_eq!(shown, read::<T>(&format!("\"{escaped}\"")));
        assert_eq!(
            shown.starts_with("Ok"),
            serde_json::from_str::<T>(&plain).is_ok()
        );
    }
    for text in [
        "red",
        "rgb",
        "x",
        "é",
        "a longer text, of more than one word",
        "1",
    ] {
        check::<String>(text);
        check::<Box<str>>(text);
        check::<Option<String>>(text);
        check::<Option<Option<Name>>>(text);
        check::<std::path::PathBuf>(text);
        check::<char>(text);
        check::<Name>(text);
        check::<Unit>(text);
        check::<Colour>(text);
        check::<Loose>(text);
        check::<serde_json::Value>(text);
        check::<IgnoredAny>(text);
        check::<()>(text);
        check::<bool>(text);
        check::<i8>(text);
        check::<u128>(text);
        check::<f64>(text);
        check::<Point>(text);
        check::<Vec<String>>(text);
        check::<(String, String)>(text);
        check::<std::collections::BTreeMap<String, String>>(text);
        check::<crate::wire::Bytes>(text);
    }
}

#[test]
fn an_unterminated_string_is_no_argument() {
    for json in [
        r#"["e","x]"#,
        r#"["e","x"y]"#,
        "[\"e\",\"x\n\"]",
        r#"["e","x""y"]"#,
    ] {
        let args = event(json);
        let mut reader = args.reader();
        let read = reader.next::<String>().and_then(|_| reader.finish());
        assert!(matches!(read, Err(ArgError::Syntax(_))), "{json}");
    }
}

#[test]
fn each_of_many_arguments_is_read_from_where_the_last_one_ended() {
    let items = [
        r#""é""#,
        "-1",
        r#"{"a":["€",{}]}"#,
        r#""\ud83d""#,
        "null",
        r#"[[],"\"]"]"#,
        "1.50",
    ];
    for between in [",", " ,\n"] {
        let list: Vec<_> = items.iter().cycle().take(40).copied().collect();
        let text = format!("[{} ]", list.join(between));
        let args = RawArgs::from_list(text, Vec::new()).unwrap();
        let mut reader = args.reader();
        for (position, item) in list.iter().enumerate() {
            let expected = item.replace(r"\ud83d", r"\ufffd");
            let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
            assert_eq!(reader.next().unwrap(), Some(expected), "{position}");
        }
        assert_eq!(reader.next::<u8>().unwrap(), None);
        assert!(reader.finish().is_ok());
    }
    // One that does not fit, far behind the first.
    let args = RawArgs::from_list(format!("[{}\"x\",1]", "0,".repeat(20)), Vec::new()).unwrap();
    let mut reader = args.reader();
    while let Ok(Some(0)) = reader.next() {}
    assert_eq!(reader.position(), 21);
    assert_eq!(reader.next(), Ok(Some(1)));
}
