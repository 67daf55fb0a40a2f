//! Integers that are written with a point or an exponent.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::*;

/// The first of two arguments as this type; the other one is read in its place.
fn read<T: DeserializeOwned>(json: &str) -> Result<T, ArgError> {
    let args = args_of(&format!(r#"2["e",{json},7]"#), &[]);
    let mut reader = args.reader();
    let value = reader.next::<T>();
    assert_eq!(reader.next::<u8>().unwrap(), Some(7), "{json}");
    reader.finish().unwrap();
    value.map(Option::unwrap)
}

fn assert_misfit<T: DeserializeOwned + std::fmt::Debug>(json: &str) {
    let read = read::<T>(json);
    let misfit = matches!(read, Err(ArgError::Type { position: 0, .. }));
    assert!(misfit, "{json} as {}: {read:?}", std::any::type_name::<T>());
}

#[test]
fn a_number_without_a_fraction_is_an_integer_of_every_kind() {
    for (json, number) in [
        ("1.0", 1),
        ("1e2", 100),
        ("12.5e1", 125),
        ("0.0", 0),
        ("-0.0", 0),
        ("-0e1", 0),
        ("1000e-2", 10),
    ] {
        assert_eq!(read::<u8>(json).unwrap(), number, "{json}");
        assert_eq!(
            read::<i8>(json).unwrap(),
            i8::try_from(number).unwrap(),
            "{json}"
        );
        assert_eq!(read::<u16>(json).unwrap(), u16::from(number), "{json}");
        assert_eq!(read::<i32>(json).unwrap(), i32::from(number), "{json}");
        assert_eq!(read::<u64>(json).unwrap(), u64::from(number), "{json}");
        assert_eq!(read::<i64>(json).unwrap(), i64::from(number), "{json}");
        assert_eq!(read::<usize>(json).unwrap(), usize::from(number), "{json}");
        assert_eq!(read::<i128>(json).unwrap(), i128::from(number), "{json}");
        assert_eq!(read::<u128>(json).unwrap(), u128::from(number), "{json}");
    }
    assert_eq!(read::<i64>("-3.0").unwrap(), -3);
    assert_eq!(read::<i128>("-3.0").unwrap(), -3);
    assert_eq!(read::<i64>("-9223372036854775808.0").unwrap(), i64::MIN);
    assert_eq!(read::<u64>("1e19").unwrap(), 10_000_000_000_000_000_000);
}

#[test]
fn a_fraction_and_a_number_out_of_range_are_not() {
    for json in ["1.5", "-0.1", "256.0", "-1.0", "1e3", "1e20", "-1e300"] {
        assert_misfit::<u8>(json);
    }
    assert_misfit::<i64>("9223372036854775808.0");
    assert_misfit::<u64>("18446744073709551616.0");
    assert_misfit::<u128>("-1.0");
    let error = read::<u8>("1.5").unwrap_err().to_string();
    assert!(
        error.contains("floating point `1.5`, expected u8"),
        "{error}"
    );
    let error = read::<u8>("256.0").unwrap_err().to_string();
    assert!(error.contains("integer `256`, expected u8"), "{error}");
}

#[test]
fn other_types_take_what_they_took() {
    assert_misfit::<String>("42");
    assert_misfit::<String>("42.0");
    assert_misfit::<bool>("1.0");
    assert_misfit::<u8>("\"1.0\"");
    assert_misfit::<Vec<u8>>("1.0");
    assert_eq!(read::<f64>("1.0").unwrap().to_string(), "1");
    assert_eq!(read::<Value>("1.0").unwrap(), Value::from(1.0));
}

#[derive(Debug, PartialEq, Deserialize)]
struct Order {
    count: u32,
    #[serde(default)]
    note: Option<i64>,
    #[serde(flatten)]
    size: Size,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Size {
    width: u16,
    factor: f64,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "kind")]
enum Shape {
    Circle { radius: u8 },
    Other(Size),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Either {
    Number(i64),
    Text(String),
}

#[derive(Debug, PartialEq, Deserialize)]
enum Tagged {
    Wide(i128),
}

#[test]
fn they_are_read_at_any_depth_and_behind_what_serde_buffers() {
    assert_eq!(read::<Vec<u8>>("[1.0,2]").unwrap(), [1, 2]);
    assert_eq!(
        read::<Option<(u8, i16)>>("[1.0,-2.0]").unwrap(),
        Some((1, -2))
    );
    let map = read::<HashMap<String, Vec<u8>>>(r#"{"a":[1.0]}"#).unwrap();
    assert_eq!(map["a"], [1]);
    assert_eq!(
        read::<Vec<Tagged>>(r#"[{"Wide":5.0}]"#).unwrap(),
        [Tagged::Wide(5)]
    );
    assert_eq!(
        read::<Order>(r#"{"count":2.0,"note":-1.0,"width":3.0,"factor":1.0}"#).unwrap(),
        Order {
            count: 2,
            note: Some(-1),
            size: Size {
                width: 3,
                factor: 1.0
            }
        }
    );
    let circle = read::<Shape>(r#"{"kind":"Circle","radius":4.0}"#).unwrap();
    assert_eq!(circle, Shape::Circle { radius: 4 });
    assert_misfit::<Shape>(r#"{"kind":"Circle","radius":4.5}"#);
    assert_eq!(read::<Either>("5.0").unwrap(), Either::Number(5));
    assert_misfit::<Either>("5.5");
}

#[test]
fn they_are_read_beside_attachments_and_half_a_surrogate_pair() {
    let text = r#"51-["e",{"num":2.0,"data":{"_placeholder":true,"num":0},"kind":"\ud800"}]"#;
    #[derive(Debug, Deserialize)]
    struct File {
        num: u8,
        data: json::Bytes,
        kind: String,
    }
    let args = args_of(text, &[&[9]]);
    let file = args.reader().next::<File>().unwrap().unwrap();
    assert_eq!((file.num, &file.data[..]), (2, &[9][..]));
    assert_eq!(file.kind, "\u{fffd}");
    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    enum Either {
        File {
            num: u8,
            data: json::Bytes,
            kind: String,
        },
    }
    let Either::File { num, data, kind } = args.reader().next::<Either>().unwrap().unwrap();
    assert_eq!((num, &data[..], &kind[..]), (2, &[9][..], "\u{fffd}"));
}
