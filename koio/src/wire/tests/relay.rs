//! Relayed arguments.

use serde::de::IgnoredAny;

use super::random::Random;
use super::*;
use crate::args;
use crate::wire::Bytes as Data;

const ZERO: &str = r#"{"_placeholder":true,"num":0}"#;
const ONE: &str = r#"{"_placeholder":true,"num":1}"#;
const TWO: &str = r#"{"_placeholder":true,"num":2}"#;

#[test]
fn arguments_are_relayed_as_they_were_received() {
    for args in [
        r#""#,
        r#",1"#,
        r#",1,"2",{"3":[true]}"#,
        r#",{"z":1,"a":2,"z":3},1.0,1e2,-0,9007199254740993,1e400"#,
        r#",{"a" : [ 1,2 ]},"\u00e9\ud800","é""#,
        r#",{"_placeholder":true,"num":5}"#,
        r#",[],{},null"#,
    ] {
        let received = args_of(&format!(r#"2["in"{args}]"#), &[]);
        assert_eq!(
            shown(&event("/", None, "out", &received).unwrap()),
            [format!(r#"42["out"{args}]"#)]
        );
        let list = args.strip_prefix(',').unwrap_or_default();
        assert_eq!(
            shown(&ack("/", 5, &received).unwrap()),
            [format!("435[{list}]")]
        );
        assert_eq!(
            serde_json::to_string(&received).unwrap(),
            format!("[{list}]")
        );
    }
}

#[test]
fn an_ack_is_passed_on_as_an_event() {
    let Incoming::Ack { args, .. } = one([text(r#"35["a",{"b":1}]"#)]) else {
        panic!();
    };
    assert_eq!(
        shown(&event("/", None, "e", &args).unwrap()),
        [r#"42["e","a",{"b":1}]"#]
    );
}

#[test]
fn white_space_between_arguments_is_not_passed_on() {
    let args = args_of("2[\"in\" , 1 ,\n[ 2 ] ] ", &[]);
    assert_eq!(
        shown(&event("/", None, "e", &args).unwrap()),
        [r#"42["e",1,[ 2 ]]"#]
    );
}

#[test]
fn validated_arguments_are_relayed_like_others() {
    let mut random = Random::new(5);
    for _ in 0..5_000 {
        let items: Vec<_> = (0..random.below(4)).map(|_| random.json(3)).collect();
        let gap = |random: &mut Random| *random.one(&["", "", "", "", "", " ", "\n", "\t \r"]);
        let mut list = gap(&mut random).to_owned();
        for item in &items {
            let comma = [gap(&mut random), ",", gap(&mut random), item].concat();
            list.push_str(&comma);
        }
        list.push_str(gap(&mut random));
        for name in ["e", "\u{e9}"] {
            let received = args_of(&format!("2[\"{name}\"{list}]"), &[]);
            let mut reader = received.reader();
            let checked = if random.below(4) == 0 && reader.next::<IgnoredAny>().unwrap().is_some()
            {
                reader.whole().unwrap()
            } else {
                received.reader().whole().unwrap()
            };
            let expected = format!("435[{}]", items.join(","));
            for args in [received, checked.reader().whole().unwrap(), checked] {
                let frame = ack("/", 5, &args).unwrap();
                assert_eq!(shown(&frame), [expected.as_str()], "{list}");
                let frame = ack("/", 5, &args![0, args]).unwrap();
                assert_eq!(shown(&frame), [format!("435[0,[{}]]", items.join(","))]);
            }
        }
    }
}

#[test]
fn text_that_is_no_json_is_not_passed_on() {
    for json in [
        "", "x", "1,", ",1", "1 2", "[1", "{\"a\":}", "1]", "[1]],[", "\"\\x\"", "01", "1}",
    ] {
        let args = args_of(&format!(r#"2["in",{json}]"#), &[]);
        assert!(
            matches!(event("/", None, "e", &args), Err(EncodeError::Serialize(_))),
            "{json}"
        );
        let checked = args.reader().whole();
        assert!(matches!(checked, Err(ArgError::Syntax(_))), "{json}");
        assert!(event("/", None, "e", &args![1, args]).is_err(), "{json}");
    }
}

#[test]
fn attachments_are_relayed_and_renumbered() {
    let received = args_of(
        &format!(r#"52-["in",{{"a":[{ONE},1.0]}},{ZERO},"x"]"#),
        &[&[1], &[2]],
    );
    let expected = |first: &str, second: &str| format!(r#"{{"a":[{first},1.0]}},{second},"x""#);
    assert_eq!(
        shown(&event("/", None, "e", &received).unwrap()),
        [
            format!(r#"452-["e",{}]"#, expected(ZERO, ONE)),
            "[2]".into(),
            "[1]".into()
        ]
    );
    assert_eq!(
        shown(&event("/", None, "e", &args![Data::from([9]), received]).unwrap()),
        [
            format!(r#"453-["e",{ZERO},[{}]]"#, expected(ONE, TWO)),
            "[9]".into(),
            "[2]".into(),
            "[1]".into()
        ]
    );
}

#[test]
fn an_attachment_referred_to_twice_is_sent_twice() {
    let received = args_of(&format!(r#"51-["in",{ZERO},{ZERO}]"#), &[&[1]]);
    assert_eq!(
        shown(&event("/", None, "e", &received).unwrap()),
        [
            format!(r#"452-["e",{ZERO},{ONE}]"#),
            "[1]".into(),
            "[1]".into()
        ]
    );
    let many = [ZERO; 11].join(",");
    let received = args_of(&format!(r#"51-["in",{many}]"#), &[&[1]]);
    assert!(matches!(
        event("/", None, "e", &received),
        Err(EncodeError::TooManyAttachments)
    ));
}

#[test]
fn unreferenced_attachments_are_not_relayed() {
    let received = args_of(r#"51-["in",1]"#, &[&[1]]);
    assert_eq!(
        shown(&event("/", None, "e", &received).unwrap()),
        [r#"42["e",1]"#]
    );
}

#[test]
fn the_text_of_a_binary_packet_keeps_its_values() {
    let json = r#"{"z":1.0,"a":{"z":[],"b":{}},"z":"\ud800","k\n\u00e9":[1e400, null ,true]}"#;
    let received = args_of(&format!(r#"51-["in",{ZERO},{json}]"#), &[&[1]]);
    let text = r#"{"z":1.0,"a":{"z":[],"b":{}},"z":"\ud800","k\né":[1e400,null,true]}"#;
    assert_eq!(
        shown(&event("/", None, "e", &received).unwrap()),
        [format!(r#"451-["e",{ZERO},{text}]"#), "[1]".into()]
    );
}

#[test]
fn a_forged_placeholder_is_not_passed_on_beside_an_attachment() {
    let forged = r#"{"_placeholder":true,"num":99,"x":1}"#;
    let received = args_of(&format!(r#"51-["in",{forged},{ZERO}]"#), &[&[1]]);
    assert!(matches!(
        event("/", None, "e", &received),
        Err(EncodeError::PlaceholderKey)
    ));
    let received = args_of(&format!(r#"2["in",{ONE}]"#), &[]);
    let both = args![received, Data::from([1])];
    assert!(matches!(
        event("/", None, "e", &both),
        Err(EncodeError::PlaceholderKey)
    ));
}

#[test]
fn deep_binary_values_are_walked_once() {
    let depth = 120;
    let filler = format!(r#","{}""#, "x".repeat(5_000));
    let json = format!(
        "{}{ZERO}{}",
        "[".repeat(depth),
        format!("{filler}]").repeat(depth)
    );
    let received = args_of(&format!(r#"51-["in",{json}]"#), &[&[1]]);
    let parts = shown(&event("/", None, "e", &received).unwrap());
    assert_eq!(parts, [format!(r#"451-["e",{json}]"#), "[1]".into()]);
}
