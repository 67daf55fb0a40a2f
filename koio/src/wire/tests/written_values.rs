//! Values are written as serde_json writes them.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, Value};

use super::random::Random;
use super::*;
use crate::args;

/// The JSON of a value as an argument.
fn written(value: &(impl Serialize + ?Sized)) -> Result<String, EncodeError> {
    let frame = event("/", None, "e", &args![value])?;
    let [text] = shown(&frame).try_into().unwrap();
    let text: String = text;
    let list = text.strip_prefix(r#"42["e","#).unwrap();
    Ok(list.strip_suffix(']').unwrap().to_owned())
}

#[track_caller]
fn alike(value: &(impl Serialize + ?Sized)) {
    assert_eq!(
        written(value).unwrap(),
        serde_json::to_string(value).unwrap()
    );
}

/// The same error as serde_json's.
#[track_caller]
fn refused(value: &(impl Serialize + ?Sized)) {
    let theirs = serde_json::to_string(value).unwrap_err().to_string();
    let ours = written(value).unwrap_err().to_string();
    assert_eq!(ours, format!("cannot serialize: {theirs}"));
}

#[derive(Serialize, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Unit;

#[derive(Serialize, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Newtype<T>(T);

#[derive(Serialize, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Empty {}

#[derive(Serialize, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Shape<T> {
    Point,
    #[serde(rename = "a \"b\"\n")]
    One(T),
    Two(T, T),
    Named {
        first: T,
        #[serde(rename = "é\t")]
        second: Vec<T>,
    },
    Nothing {},
}

fn shapes() -> Vec<Shape<Option<u8>>> {
    vec![
        Shape::Point,
        Shape::One(Some(1)),
        Shape::Two(None, Some(2)),
        Shape::Named {
            first: Some(3),
            second: vec![None, Some(4)],
        },
        Shape::Nothing {},
    ]
}

/// A key that is written piece by piece.
struct Displayed(&'static str);

impl fmt::Display for Displayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| write!(f, "{char}"))
    }
}

impl Serialize for Displayed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A map of one entry, with any key.
struct Entry<K>(K);

impl<K: Serialize> Serialize for Entry<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&self.0, "value")?;
        map.end()
    }
}

#[test]
fn values_of_every_shape() {
    alike(&((), Unit, Empty {}, Newtype(Newtype(())), [(); 0], ((),)));
    alike(&(true, false, 'x', '"', '\u{1f}', 'é', "", "é\u{7f}\u{0}\\"));
    alike(&(u8::MAX, i8::MIN, u16::MAX, i16::MIN, u32::MAX, i32::MIN));
    alike(&(u64::MAX, i64::MIN, u128::MAX, i128::MIN, 0, -0));
    alike(&(0.0, -0.0, 1e300, 1.0e-7, f64::NAN, f64::NEG_INFINITY));
    alike(&(0.1_f32, f32::MAX, f32::MIN_POSITIVE, f32::NAN));
    alike(&(None::<u8>, Some(None::<u8>), Some(Some(1))));
    alike(&shapes());
    alike(&BTreeMap::from([("shapes", shapes()), ("", Vec::new())]));
    alike(&Displayed("a \"quoted\"\u{1}\n text, é"));
    alike(&format_args!("{:>5}|{}", 1, "\t"));
    alike(&RawValue::from_string(" { \"a\" : 1.00 } ".trim().into()).unwrap());
    alike(&[Some(
        RawValue::from_string("[1e400,\"\\u0041\"]".into()).unwrap(),
    )]);
    alike(&args![1, args![2, "3"]]);
}

#[test]
fn keys_of_every_kind() {
    alike(&Entry("plain"));
    alike(&Entry("a \"b\"\u{2}é"));
    alike(&Entry('c'));
    alike(&Entry(Displayed("\\")));
    alike(&(Entry(true), Entry(u8::MAX), Entry(i64::MIN), Entry(0_u64)));
    alike(&(
        Entry(i128::MIN),
        Entry(u128::MAX),
        Entry(1_i8),
        Entry(2_u16),
    ));
    alike(&(Entry(1_i16), Entry(2_i32), Entry(3_u32)));
    alike(&(Entry(1.5), Entry(-0.25_f32), Entry(1e300)));
    alike(&(Entry(Some("some")), Entry(Newtype(Newtype(7)))));
    alike(&(Entry(Shape::<u8>::Point), Entry(Some(Newtype('x')))));
    alike(&HashMap::from([(Newtype("k"), vec![1])]));
    refused(&Entry(()));
    refused(&Entry(Unit));
    refused(&Entry(None::<u8>));
    refused(&Entry(f64::NAN));
    refused(&Entry(f32::INFINITY));
    refused(&Entry([1]));
    refused(&Entry((1, 2)));
    refused(&Entry(Empty {}));
    refused(&Entry(Entry("map")));
    for shape in shapes().into_iter().skip(1) {
        refused(&Entry(shape));
    }
}

#[test]
fn random_values() {
    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Any {
        Whole(i64),
        Float(f64),
        Text(String),
        List(Vec<Any>),
        Map(BTreeMap<String, Any>),
        Other(Value),
    }
    let mut random = Random::new(77);
    for _ in 0..3_000 {
        let json = random.json(4);
        if let Ok(value) = serde_json::from_str::<Value>(&json) {
            alike(&value);
        }
        if let Ok(value) = serde_json::from_str::<Any>(&json) {
            alike(&value);
        }
    }
}
