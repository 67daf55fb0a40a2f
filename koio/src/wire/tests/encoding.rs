//! Packets and arguments written.

use std::collections::{BTreeMap, HashMap};

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::*;
use crate::args;
use crate::wire::Bytes as Data;

const ZERO: &str = r#"{"_placeholder":true,"num":0}"#;

fn sent(args: &(impl Serialize + ?Sized)) -> String {
    let parts = shown(&event("/", None, "e", args).unwrap());
    assert_eq!(parts.len(), 1);
    parts.into_iter().next().unwrap()
}

/// The messages of an event with these arguments.
fn parts(args: &(impl Serialize + ?Sized)) -> Vec<String> {
    shown(&event("/", None, "e", args).unwrap())
}

#[derive(Serialize)]
struct Empty;

#[derive(Serialize)]
struct Newtype<T>(T);

#[derive(Serialize)]
struct Pair(u8, u8);

#[derive(Serialize)]
enum Choice {
    Unit,
    New(u8),
    Tuple(u8, u8),
    Struct { a: u8 },
}

#[test]
fn the_examples_of_the_specification_are_written() {
    let one = |frame: Frame| shown(&frame).concat();
    assert_eq!(one(connect("/", "abc")), r#"40{"sid":"abc"}"#);
    assert_eq!(one(connect("/admin", "abc")), r#"40/admin,{"sid":"abc"}"#);
    assert_eq!(
        one(connect_error("/random", "Invalid namespace", None)),
        r#"44/random,{"message":"Invalid namespace"}"#
    );
    assert_eq!(
        one(connect_error("/", "no \"way\"", Some(br#"{"code":1}"#))),
        r#"44{"message":"no \"way\"","data":{"code":1}}"#
    );
    assert_eq!(one(disconnect("/")), "41");
    assert_eq!(one(disconnect("/admin")), "41/admin,");
    assert_eq!(one(event("/", None, "foo", &()).unwrap()), r#"42["foo"]"#);
    assert_eq!(
        one(event("/admin", None, "bar", &()).unwrap()),
        r#"42/admin,["bar"]"#
    );
    assert_eq!(
        one(event("/", Some(12), "foo", &1).unwrap()),
        r#"4212["foo",1]"#
    );
    assert_eq!(
        one(event("/admin", Some(0), "foo", &1).unwrap()),
        r#"42/admin,0["foo",1]"#
    );
    assert_eq!(one(ack("/", 13, &()).unwrap()), "4313[]");
    assert_eq!(
        one(ack("/admin", 13, "ok").unwrap()),
        r#"43/admin,13["ok"]"#
    );
    let data = Data::from([1, 2, 3]);
    assert_eq!(
        shown(&event("/", None, "baz", &data).unwrap()),
        [format!(r#"451-["baz",{ZERO}]"#), "[1, 2, 3]".into()]
    );
    assert_eq!(
        shown(&event("/nsp", Some(7), "e", &data).unwrap()),
        [format!(r#"451-/nsp,7["e",{ZERO}]"#), "[1, 2, 3]".into()]
    );
    assert_eq!(
        shown(&ack("/", 789, &args![Data::from([1]), Data::from([4])]).unwrap()),
        [
            format!(r#"462-789[{ZERO},{{"_placeholder":true,"num":1}}]"#),
            "[1]".into(),
            "[4]".into()
        ]
    );
}

#[test]
fn unit_is_no_argument_and_anything_else_is_one() {
    assert_eq!(sent(&()), r#"42["e"]"#);
    assert_eq!(sent(&&&()), r#"42["e"]"#);
    assert_eq!(sent(&Box::new(())), r#"42["e"]"#);
    assert_eq!(sent(&None::<u8>), r#"42["e",null]"#);
    assert_eq!(sent(&Some(())), r#"42["e",null]"#);
    assert_eq!(sent(&Some(1)), r#"42["e",1]"#);
    assert_eq!(sent(&Empty), r#"42["e",null]"#);
    assert_eq!(sent(&(1, 2)), r#"42["e",[1,2]]"#);
    assert_eq!(sent(&[(); 0]), r#"42["e",[]]"#);
    assert_eq!(sent(&vec![1, 2]), r#"42["e",[1,2]]"#);
    assert_eq!(sent(&vec![args![1, 2]]), r#"42["e",[[1,2]]]"#);
    assert_eq!(sent("é\n\"\u{1}"), "42[\"e\",\"é\\n\\\"\\u0001\"]");
    assert_eq!(sent(&'x'), r#"42["e","x"]"#);
    assert_eq!(sent(&true), r#"42["e",true]"#);
    assert_eq!(sent(&Newtype(5_i8)), r#"42["e",5]"#);
    assert_eq!(sent(&Newtype(())), r#"42["e",null]"#);
    assert_eq!(sent(&Pair(1, 2)), r#"42["e",[1,2]]"#);
    assert_eq!(sent(&Choice::Unit), r#"42["e","Unit"]"#);
    assert_eq!(sent(&Choice::New(1)), r#"42["e",{"New":1}]"#);
    assert_eq!(sent(&Choice::Tuple(1, 2)), r#"42["e",{"Tuple":[1,2]}]"#);
    assert_eq!(
        sent(&Choice::Struct { a: 1 }),
        r#"42["e",{"Struct":{"a":1}}]"#
    );
    assert_eq!(
        sent(&BTreeMap::from([(1, "a"), (2, "b")])),
        r#"42["e",{"1":"a","2":"b"}]"#
    );
    assert_eq!(
        sent(&serde_json::json!({"a": [null], "z": 1})),
        r#"42["e",{"a":[null],"z":1}]"#
    );
    assert_eq!(
        sent(&RawValue::from_string("{ \"a\": 1.0 }".into()).unwrap()),
        r#"42["e",{ "a": 1.0 }]"#
    );
    assert_eq!(sent(&format_args!("{}-{}", 1, 2)), r#"42["e","1-2"]"#);
}

#[test]
fn numbers_of_every_size_are_written() {
    assert_eq!(
        sent(&args![
            1_i8,
            -2_i16,
            3_i32,
            i64::MIN,
            i128::MIN,
            6_u8,
            7_u16,
            8_u32,
            u64::MAX,
            u128::MAX,
            1.5_f32,
            -0.25_f64
        ]),
        r#"42["e",1,-2,3,-9223372036854775808,-170141183460469231731687303715884105728,6,7,8,18446744073709551615,340282366920938463463374607431768211455,1.5,-0.25]"#
    );
    for frame in [
        event("/", None, "e", &1_i8),
        event("/", None, "e", &1_i16),
        event("/", None, "e", &1_i32),
        event("/", None, "e", &1_i64),
        event("/", None, "e", &1_i128),
        event("/", None, "e", &1_u8),
        event("/", None, "e", &1_u16),
        event("/", None, "e", &1_u32),
        event("/", None, "e", &1_u64),
        event("/", None, "e", &1_u128),
    ] {
        assert_eq!(shown(&frame.unwrap()), [r#"42["e",1]"#]);
    }
    assert_eq!(sent(&1.5_f32), r#"42["e",1.5]"#);
    assert_eq!(
        sent(&args![f64::NAN, f64::INFINITY]),
        r#"42["e",null,null]"#
    );
}

#[test]
fn a_list_of_arguments_is_spread() {
    assert_eq!(sent(&args![]), r#"42["e"]"#);
    assert_eq!(sent(&args![1]), r#"42["e",1]"#);
    assert_eq!(
        sent(&args![1, "two", (), None::<u8>, [3]]),
        r#"42["e",1,"two",null,null,[3]]"#
    );
    assert_eq!(sent(&ArgList(vec![1, 2])), r#"42["e",1,2]"#);
    assert_eq!(sent(&ArgList(Vec::<u8>::new())), r#"42["e"]"#);
    assert_eq!(sent(&args![args![1, 2], 3]), r#"42["e",[1,2],3]"#);
    assert_eq!(sent(&&args![1, 2]), r#"42["e",1,2]"#);
    assert_eq!(shown(&ack("/", 1, &args![1, 2]).unwrap()), ["431[1,2]"]);
    assert_eq!(shown(&ack("/", 1, &args![]).unwrap()), ["431[]"]);
    assert_eq!(serde_json::to_string(&args![1, "a"]).unwrap(), r#"[1,"a"]"#);
    assert!(event("/", None, "e", &ArgList(5)).is_err());
    assert!(event("/", None, "e", &ArgList(HashMap::from([(1, 2)]))).is_err());
}

#[test]
fn binaries_are_numbered_in_the_order_of_the_text() {
    #[derive(Serialize)]
    struct Files {
        name: &'static str,
        list: Vec<Data>,
        map: BTreeMap<&'static str, Option<Data>>,
    }
    let files = Files {
        name: "x",
        list: vec![[1].into(), [2].into()],
        map: BTreeMap::from([("a", Some([3].into())), ("b", None)]),
    };
    let placeholder = |num| format!(r#"{{"_placeholder":true,"num":{num}}}"#);
    let text = format!(
        r#"454-["e",{{"name":"x","list":[{},{}],"map":{{"a":{},"b":null}}}},{}]"#,
        placeholder(0),
        placeholder(1),
        placeholder(2),
        placeholder(3)
    );
    assert_eq!(
        parts(&args![files, Data::new()]),
        [text.as_str(), "[1]", "[2]", "[3]", "[]"]
    );
}

#[test]
fn everything_that_serializes_as_bytes_is_an_attachment() {
    struct Raw;
    impl Serialize for Raw {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&[5, 6])
        }
    }
    #[derive(Serialize)]
    struct Flat {
        #[serde(flatten)]
        rest: BTreeMap<String, Data>,
    }
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Untagged {
        Data(Data),
    }
    #[derive(Serialize)]
    #[serde(tag = "t")]
    enum Tagged {
        File { data: Data },
    }
    assert_eq!(
        parts(&Raw),
        [format!(r#"451-["e",{ZERO}]"#), "[5, 6]".into()]
    );
    let rest = BTreeMap::from([("a".to_owned(), Data::from([1]))]);
    assert_eq!(
        parts(&Flat { rest }),
        [format!(r#"451-["e",{{"a":{ZERO}}}]"#), "[1]".into()]
    );
    assert_eq!(
        parts(&Untagged::Data([1].into())),
        [format!(r#"451-["e",{ZERO}]"#), "[1]".into()]
    );
    let tagged = Tagged::File { data: [1].into() };
    assert_eq!(
        parts(&tagged),
        [
            format!(r#"451-["e",{{"t":"File","data":{ZERO}}}]"#),
            "[1]".into()
        ]
    );
    // A list of numbers stays a list of numbers.
    assert_eq!(sent(&vec![1_u8, 2]), r#"42["e",[1,2]]"#);
}

#[test]
fn more_binaries_than_a_client_takes_are_refused() {
    let some = |count: usize| vec![Data::from([1]); count];
    assert_eq!(parts(&some(10)).len(), 11);
    assert!(matches!(
        event("/", None, "e", &some(11)),
        Err(EncodeError::TooManyAttachments)
    ));
    assert!(matches!(
        ack("/", 1, &some(100_000)),
        Err(EncodeError::TooManyAttachments)
    ));
}

#[test]
fn a_placeholder_key_beside_binaries_is_refused() {
    let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
    for json in [
        r#"{"_placeholder":true,"num":0}"#,
        r#"{"_placeholder":true,"num":99}"#,
        r#"{"a":[{"num":0,"_placeholder":true,"x":1}]}"#,
        r#"{"_placeholder":"true"}"#,
        r#"{"\u005fplaceholder":true,"num":0}"#,
        r#"{"_plac\u0065holder":true,"num":0}"#,
    ] {
        let refused = event("/", None, "e", &args![raw(json), Data::from([1])]);
        assert!(
            matches!(refused, Err(EncodeError::PlaceholderKey)),
            "{json}"
        );
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        assert!(
            matches!(
                ack("/", 1, &args![Data::from([1]), value]),
                Err(EncodeError::PlaceholderKey)
            ),
            "{json}"
        );
        // Without binaries it is plain data.
        assert_eq!(sent(&raw(json)), format!(r#"42["e",{json}]"#));
    }
    // A text with that content is not a key.
    let text = r#"{"_placeholder":true,"num":0}"#;
    assert_eq!(parts(&args![text, "_placeholder", Data::new()]).len(), 2);
}

#[test]
fn keys_that_begin_like_a_placeholder_are_allowed_beside_binaries() {
    for json in [
        r#"{"_id":1,"_placeholde":2,"_placeholders":3}"#,
        r#"["_",{"a":"_placeholder"},"\u005fplaceholder"]"#,
        r#"{"\u005fid":"\"_placeholder\":true"}"#,
    ] {
        let raw = RawValue::from_string(json.to_owned()).unwrap();
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        for len in [0, 1, 200] {
            let text = "x".repeat(len);
            assert_eq!(
                parts(&args![&text, Data::new(), &raw]),
                [format!(r#"451-["e","{text}",{ZERO},{json}]"#), "[]".into()]
            );
            assert_eq!(parts(&args![&text, &value, Data::new()]).len(), 2);
        }
    }
}

#[test]
fn a_placeholder_key_among_ten_binaries_is_found() {
    #[derive(Serialize)]
    struct Marked {
        _placeholder: bool,
    }
    let ten = vec![Data::from([1]); MAX_ATTACHMENTS];
    let marked = Marked { _placeholder: true };
    for refused in [
        event("/", None, "e", &args![&ten, &marked]),
        event("/", None, "e", &args![&marked, &ten]),
    ] {
        assert!(matches!(refused, Err(EncodeError::PlaceholderKey)));
    }
    let parts = parts(&args![&ten, "x"]);
    assert_eq!(parts.len(), 11);
    assert!(parts[0].starts_with(r#"4510-["e",[{"_placeholder":true,"num":0},"#));
    assert!(parts[0].ends_with(r#"{"_placeholder":true,"num":9}],"x"]"#));
}

#[test]
fn reserved_names_are_refused() {
    for name in [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
    ] {
        assert!(matches!(
            event("/", None, name, &()),
            Err(EncodeError::ReservedName)
        ));
    }
    for name in ["error", "message", "connection", "", "_placeholder", "a\"b"] {
        assert_eq!(
            event_of(super::sent(&event("/", None, name, &()).unwrap())).0,
            name
        );
    }
    assert!(event("/", None, "_placeholder", &Data::new()).is_ok());
}

#[test]
fn a_value_that_has_no_json_is_an_error() {
    let map = HashMap::from([(vec![1], 1)]);
    let error = event("/", None, "e", &map).unwrap_err();
    assert!(matches!(error, EncodeError::Serialize(_)));
    assert!(
        error
            .to_string()
            .starts_with("cannot serialize: key must be a string")
    );
    assert!(matches!(
        event("/", None, "e", &args![1, map]),
        Err(EncodeError::Serialize(_))
    ));
}

#[test]
fn long_packets_have_long_headers() {
    for len in [
        1, 100, 118, 119, 120, 200, 65_000, 65_528, 65_529, 65_530, 70_000, 1_000_000,
    ] {
        let value = "x".repeat(len);
        let frame = event("/", None, "e", &value).unwrap();
        assert_eq!(shown(&frame), [format!(r#"42["e","{value}"]"#)]);
        let data = Data::from(vec![7; len]);
        let frame = event("/", None, "e", &args![value, data]).unwrap();
        let parts: Vec<_> = frame.parts().collect();
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[1].payload, vec![7; len]);
        assert!(!parts[1].text);
    }
}

#[test]
fn a_string_is_written_as_by_serde_json_with_an_escape_at_any_place() {
    let odd = (0..=0x7f_u8).map(char::from).chain(['é', '€', '\u{2028}']);
    for char in odd {
        for before in [0, 1, 7, 8, 9, 15, 16] {
            let text = format!("{}{char}{}", "x".repeat(before), "y".repeat(before / 2));
            let frame = event("/", None, "e", text.as_str()).unwrap();
            let part = frame.parts().next().unwrap();
            let expected = format!(r#"42["e",{}]"#, serde_json::to_string(&text).unwrap());
            assert_eq!(part.payload, expected.as_bytes());
        }
    }
}
