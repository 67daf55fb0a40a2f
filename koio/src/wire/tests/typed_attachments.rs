//! Attachments read into types: bytes, structs, enums, maps.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Debug};

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::*;
use crate::wire::Bytes as Data;

/// Asks for bytes and takes text too, as the types of `serde_bytes` do.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Blob(Vec<u8>);

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BlobVisitor;
        impl<'de> Visitor<'de> for BlobVisitor {
            type Value = Blob;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("byte array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Blob, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = items.next_element()? {
                    bytes.push(byte);
                }
                Ok(Blob(bytes))
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }
            fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Blob, E> {
                Ok(Blob(bytes))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Blob, E> {
                Ok(Blob(text.as_bytes().to_vec()))
            }
        }
        deserializer.deserialize_byte_buf(BlobVisitor)
    }
}

const ZERO: &str = r#"{"_placeholder":true,"num":0}"#;
const ONE: &str = r#"{"num":1,"_placeholder":true}"#;

/// The first argument of a binary event, where `#0` and `#1` stand for its two attachments.
fn read<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, String> {
    let json = json.replace("#0", ZERO).replace("#1", ONE);
    first(&args_of(&format!(r#"52-["e",{json}]"#), &[&[1, 2], &[3]]))
}

/// The first argument of an event without attachments.
fn plain<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, String> {
    first(&args_of(&format!(r#"2["e",{json}]"#), &[]))
}

fn first<T: serde::de::DeserializeOwned>(args: &RawArgs) -> Result<T, String> {
    let mut reader = args.reader();
    let value = reader.next::<T>();
    reader.finish().unwrap();
    match value {
        Ok(value) => Ok(value.unwrap()),
        Err(ArgError::Type {
            position: 0,
            reason,
        }) => Err(reason),
        Err(other) => panic!("{other}"),
    }
}

fn data(bytes: &[u8]) -> Data {
    bytes.into()
}

#[test]
fn an_attachment_is_read_where_bytes_are_wanted() {
    assert_eq!(read::<Data>("#0"), Ok(data(&[1, 2])));
    assert_eq!(read::<Blob>("#1"), Ok(Blob(vec![3])));
    assert_eq!(read::<Option<Data>>("#0"), Ok(Some(data(&[1, 2]))));
    assert_eq!(read::<Option<Blob>>("#0"), Ok(Some(Blob(vec![1, 2]))));
    assert_eq!(read::<Option<Data>>("null"), Ok(None));
    assert_eq!(
        read::<Vec<Data>>("[#0,#1,#0]"),
        Ok(vec![data(&[1, 2]), data(&[3]), data(&[1, 2])])
    );
    assert_eq!(read::<(u8, Blob)>("[7,#1]"), Ok((7, Blob(vec![3]))));
    assert_eq!(
        read::<Box<[Option<Blob>]>>("[null,#1]"),
        Ok([None, Some(Blob(vec![3]))].into())
    );
}

#[test]
fn keys_of_placeholders_may_be_spelled_in_any_way() {
    for json in [
        r#"{ "_placeholder" : true , "num" : 0 }"#,
        r#"{"\u005fplaceholder":true,"n\u0075m":0}"#,
        r#"{"num":0,"_placeholder":true}"#,
    ] {
        assert_eq!(read::<Data>(json), Ok(data(&[1, 2])), "{json}");
        assert_eq!(read::<Blob>(json), Ok(Blob(vec![1, 2])), "{json}");
    }
}

#[test]
fn the_usual_spelling_of_a_placeholder_is_read_like_any_other() {
    fn same<T: Debug + DeserializeOwned + PartialEq>() {
        let usual = read::<T>(r#"{"_placeholder":true,"num":0}"#);
        let other = read::<T>(r#"{"_placeholder":true,"num":0 }"#);
        assert_eq!(usual, other, "{}", std::any::type_name::<T>());
    }
    #[derive(Debug, Deserialize, PartialEq)]
    struct Unit;
    #[derive(Debug, Deserialize, PartialEq)]
    struct Newtype<T>(T);
    #[derive(Debug, Deserialize, PartialEq)]
    enum Choice {
        A,
        B(Data),
    }
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(untagged)]
    enum Untagged {
        A(u8),
        B(Data),
    }
    same::<Data>();
    same::<Blob>();
    same::<Option<Data>>();
    same::<Newtype<Data>>();
    same::<Newtype<Option<Blob>>>();
    same::<Untagged>();
    same::<Vec<u8>>();
    same::<Vec<Data>>();
    same::<(u8, u8)>();
    same::<()>();
    same::<Unit>();
    same::<Choice>();
    same::<File>();
    same::<BTreeMap<String, Data>>();
    same::<serde_json::Value>();
    same::<serde::de::IgnoredAny>();
    same::<String>();
    same::<char>();
    same::<u64>();
    same::<i8>();
    same::<f32>();
    same::<bool>();
}

#[derive(Debug, Deserialize, PartialEq)]
struct File {
    name: String,
    content: Data,
    #[serde(default)]
    more: Vec<Blob>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Wrapper(File);

#[derive(Debug, Deserialize, PartialEq)]
struct Flat {
    id: u8,
    #[serde(flatten)]
    file: File,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Rest {
    id: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, Data>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum Untagged {
    // Before `Text`, for serde makes a `String` of bytes that happen to be UTF-8.
    Data(Data),
    Text(String),
    File(File),
    List(Vec<Untagged>),
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Internal {
    File(File),
    Inline { data: Blob },
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(tag = "type", content = "content")]
enum Adjacent {
    Data(Data),
    Pair(Blob, Data),
}

#[derive(Debug, Deserialize, PartialEq)]
enum External {
    Unit,
    Data(Data),
    Pair(Blob, Option<Data>),
    File { content: Blob },
}

#[test]
fn attachments_are_found_at_any_depth() {
    let file = || File {
        name: "a".into(),
        content: data(&[1, 2]),
        more: vec![Blob(vec![3])],
    };
    let json = r##"{"name":"a","content":#0,"more":[#1],"extra":{"a":#0}}"##;
    assert_eq!(read(json), Ok(file()));
    assert_eq!(read(json), Ok(Wrapper(file())));
    assert_eq!(
        read(&format!("[{json},[[{json}]]]")),
        Ok((file(), vec![[file()]]))
    );
    assert_eq!(
        read(&format!(r#"{{"x":{json}}}"#)),
        Ok(BTreeMap::from([("x".to_owned(), file())]))
    );
    assert_eq!(
        read(r##"["a",#0,[#1]]"##),
        Ok(file()),
        "a struct may come as a list"
    );
}

#[test]
fn attachments_are_found_under_flatten_and_in_every_kind_of_enum() {
    let file = || File {
        name: "a".into(),
        content: data(&[1, 2]),
        more: vec![],
    };
    assert_eq!(
        read(r##"{"id":1,"name":"a","content":#0}"##),
        Ok(Flat {
            id: 1,
            file: file()
        })
    );
    let rest = BTreeMap::from([
        ("a".to_owned(), data(&[1, 2])),
        ("b".to_owned(), data(&[3])),
    ]);
    assert_eq!(
        read(r##"{"a":#0,"id":1,"b":#1}"##),
        Ok(Rest { id: 1, rest })
    );
    assert_eq!(read("#1"), Ok(Untagged::Data(data(&[3]))));
    assert_eq!(
        read(r##"{"name":"a","content":#0}"##),
        Ok(Untagged::File(file()))
    );
    assert_eq!(
        read(r##"["x",[#0]]"##),
        Ok(Untagged::List(vec![
            Untagged::Text("x".into()),
            Untagged::List(vec![Untagged::Data(data(&[1, 2]))])
        ]))
    );
    assert_eq!(
        read(r##"{"type":"file","name":"a","content":#0}"##),
        Ok(Internal::File(file()))
    );
    assert_eq!(
        read(r##"{"data":#1,"type":"inline"}"##),
        Ok(Internal::Inline {
            data: Blob(vec![3])
        })
    );
    assert_eq!(
        read(r##"{"type":"Data","content":#1}"##),
        Ok(Adjacent::Data(data(&[3])))
    );
    assert_eq!(
        read(r##"{"content":[#1,#0],"type":"Pair"}"##),
        Ok(Adjacent::Pair(Blob(vec![3]), data(&[1, 2])))
    );
    assert_eq!(read(r#""Unit""#), Ok(External::Unit));
    assert_eq!(read(r##"{"Data":#1}"##), Ok(External::Data(data(&[3]))));
    assert_eq!(
        read(r##"{"Pair":[#1,null]}"##),
        Ok(External::Pair(Blob(vec![3]), None))
    );
    assert_eq!(
        read(r##"{"File":{"content":#1}}"##),
        Ok(External::File {
            content: Blob(vec![3])
        })
    );
}

#[test]
fn an_attachment_is_not_read_as_map_struct_list_or_text() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Anything {
        num: Option<u8>,
    }
    assert!(read::<Anything>("#0").unwrap_err().contains("byte array"));
    assert!(read::<HashMap<String, Value>>("#0").is_err());
    assert!(read::<Value>("#0").is_err());
    assert!(read::<Vec<u8>>("#0").is_err());
    assert!(read::<String>("#0").is_err());
    assert!(read::<u8>("#0").is_err());
    assert!(read::<Option<Anything>>("#0").is_err());
    assert!(read::<Vec<Anything>>("[#0]").is_err());
}

#[test]
fn maps_that_are_no_placeholders_are_read_as_usual() {
    for json in [
        r#"{}"#,
        r#"{"num":1}"#,
        r#"{"num":[1,{"num":2}]}"#,
        r#"{"num":1,"x":2}"#,
        r#"{"x":1,"num":2}"#,
        r#"{"num":1,"num":2}"#,
        r#"{"_placeholder":false,"num":0}"#,
        r#"{"_placeholder":true,"num":0,"x":null}"#,
        r#"{"num":0,"_placeholder":true,"x":{"y":[]}}"#,
        r#"{"a":{"b":{"num":0,"c":1}}}"#,
        r#"{"_placeholder":"tr\u0075e","num":{"a":"b"}}"#,
        r#"[1.5,-2,18446744073709551615,"é\n",true,false,null]"#,
    ] {
        let expected = serde_json::from_str::<Value>(json).unwrap();
        assert_eq!(read::<Value>(json), Ok(expected.clone()), "{json}");
        assert_eq!(plain::<Value>(json), Ok(expected), "{json}");
    }
    assert_eq!(
        read(r#"{"1":2,"3":4}"#),
        Ok(HashMap::from([(1_u8, 2_i64), (3, 4)]))
    );
    assert_eq!(read(r#"{"-1":2}"#), Ok(HashMap::from([(Some(-1_i64), 2)])));
    assert_eq!(read(r#"{"true":2}"#), Ok(BTreeMap::from([(true, 2)])));
    assert_eq!(
        read(r#"{"num":2}"#),
        Ok(BTreeMap::from([("num".to_owned(), 2)]))
    );
    #[derive(Debug, Deserialize, PartialEq, Eq, Hash)]
    enum Key {
        Left,
    }
    assert_eq!(read(r#"{"Left":2}"#), Ok(HashMap::from([(Key::Left, 2)])));
    #[derive(Debug, Deserialize, PartialEq)]
    struct Counted {
        num: u8,
        #[serde(rename = "_placeholder")]
        placeholder: Option<String>,
    }
    assert_eq!(
        read(r#"{"num":2}"#),
        Ok(Counted {
            num: 2,
            placeholder: None
        })
    );
    let both = Counted {
        num: 2,
        placeholder: Some("x".into()),
    };
    assert_eq!(read(r#"{"num":2,"_placeholder":"x"}"#), Ok(both));
    assert!(read::<HashMap<u8, u8>>(r#"{"x":1}"#).is_err());
}

#[test]
fn the_error_for_a_wrong_type_says_that_it_is_binary_data() {
    for (json, expected) in [
        (
            ZERO,
            "invalid type: binary data, expected a sequence; `koio::Bytes` takes it",
        ),
        (
            &*format!("[{ZERO}]"),
            "invalid type: map, expected u8; if it is binary data, `koio::Bytes` takes it",
        ),
    ] {
        assert_eq!(read::<Vec<u8>>(json).unwrap_err(), expected);
    }
    let unusual = "{ \"num\": 0, \"_placeholder\": true }";
    let text = read::<String>(unusual).unwrap_err();
    assert!(
        text.starts_with("invalid type: binary data, expected a string"),
        "{text}"
    );
    // Without attachments the error does not mention binary data.
    assert_eq!(
        plain::<Vec<u8>>("{}").unwrap_err(),
        "invalid type: map, expected a sequence"
    );
}

#[test]
fn text_is_never_binary_data() {
    for json in [r#""abc""#, r#""a\u0062c""#, r#""""#] {
        assert_eq!(
            plain::<Blob>(json).unwrap_err(),
            read::<Blob>(json).unwrap_err()
        );
        assert!(
            plain::<Blob>(json)
                .unwrap_err()
                .starts_with("invalid type: string")
        );
        assert!(plain::<Data>(json).is_err());
        assert!(read::<Data>(json).is_err());
        assert!(plain::<Option<Blob>>(json).is_err());
        assert!(plain::<Vec<Blob>>(&format!("[{json}]")).is_err());
        assert!(plain::<BTreeMap<String, Blob>>(&format!(r#"{{"a":{json}}}"#)).is_err());
        assert!(plain::<External>(&format!(r#"{{"File":{{"content":{json}}}}}"#)).is_err());
        assert!(plain::<Rest>(&format!(r#"{{"id":1,"b":{json}}}"#)).is_err());
    }
    for json in ["1", "true", "null", "{}", r#"{"a":1}"#, ZERO] {
        assert!(plain::<Blob>(json).is_err(), "{json}");
        assert!(plain::<Data>(json).is_err(), "{json}");
    }
    assert_eq!(plain("[1,2]"), Ok(Blob(vec![1, 2])));
    assert_eq!(plain("[1,2]"), Ok(data(&[1, 2])));
    assert_eq!(read("[1,2]"), Ok(Blob(vec![1, 2])));
}

#[test]
fn placeholders_of_a_packet_that_is_not_binary_are_plain_data() {
    assert_eq!(
        plain::<Value>(ZERO),
        Ok(serde_json::json!({"_placeholder": true, "num": 0}))
    );
    let map = plain::<BTreeMap<String, Value>>(ZERO).unwrap();
    assert_eq!(map.len(), 2);
}

#[test]
fn raw_json_of_a_binary_packet_shows_its_placeholders() {
    let raw = read::<Box<RawValue>>(r##"{"a":#0}"##).unwrap();
    assert_eq!(raw.get(), format!(r#"{{"a":{ZERO}}}"#));
    #[derive(Debug, Deserialize)]
    struct Part {
        raw: Box<RawValue>,
        data: Data,
    }
    let part = read::<Part>(r##"{"raw":[1, 2],"data":#1}"##).unwrap();
    assert_eq!(part.raw.get(), "[1, 2]");
    assert_eq!(part.data, [3]);
    let part = read::<Part>(r##"{"num":0,"raw":{"num":1},"data":#1}"##).unwrap();
    assert_eq!(part.raw.get(), r#"{"num":1}"#);
}

#[test]
fn nesting_as_deep_as_allowed_can_be_read() {
    let json = format!("{}#0{}", "[".repeat(126), "]".repeat(126));
    assert!(read::<serde::de::IgnoredAny>(&json).is_ok());
    let json = format!("{}1{}", r#"{"a":"#.repeat(127), "}".repeat(127));
    assert!(read::<Value>(&json).is_ok());
    assert!(plain::<Value>(&json).is_ok());
}

#[test]
fn objects_that_begin_like_placeholders_do_not_multiply_the_work() {
    let nested = |levels: usize, inner: &str| {
        format!(
            "{}{inner}{}",
            r#"{"num":"#.repeat(levels),
            "}".repeat(levels)
        )
    };
    // Each level is parsed twice, so only the first few levels are searched.
    assert!(read::<Value>(&nested(7, "#0")).is_err());
    assert!(read::<Value>(&nested(8, "#0")).is_ok());
    assert!(read::<Value>(&nested(120, "#0")).is_ok());
    // A type that asks for bytes finds them at every level.
    #[derive(Debug, Deserialize)]
    struct Deep {
        num: Option<Box<Deep>>,
        data: Option<Blob>,
    }
    let mut deep = read::<Deep>(&nested(50, r##"{"data":#1}"##)).unwrap();
    while let Some(next) = deep.num {
        deep = *next;
    }
    assert_eq!(deep.data, Some(Blob(vec![3])));
    // Other nesting does not count.
    let json = format!("{}#0{}", r#"{"a":"#.repeat(100), "}".repeat(100));
    assert!(read::<Value>(&json).is_err());
}
