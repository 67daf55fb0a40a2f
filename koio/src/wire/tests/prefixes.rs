//! Types that take the beginning of a value for all of it.

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny};
use serde_json::value::RawValue;

use super::*;

/// The first argument as this type, then whether the second one, 7, is read in its place.
fn first_of_two<T: DeserializeOwned>(json: &str) -> Result<T, ArgError> {
    let args = args_of(&format!(r#"2["e",{json},7]"#), &[]);
    let mut reader = args.reader();
    let value = reader.next::<T>();
    if !matches!(value, Err(ArgError::Syntax(_))) {
        assert_eq!(reader.next::<u8>().unwrap(), Some(7), "{json}");
        reader.finish().unwrap();
    }
    value.map(Option::unwrap)
}

fn assert_misfit<T: DeserializeOwned>(json: &str) {
    let read = first_of_two::<T>(json);
    let misfit = matches!(read, Err(ArgError::Type { position: 0, .. }));
    assert!(misfit, "{json} as {}", std::any::type_name::<T>());
}

/// Reads an integer of 128 bits, and hides that it does.
#[derive(Debug, PartialEq)]
struct Wrapped(i128);

impl<'de> Deserialize<'de> for Wrapped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i128::deserialize(deserializer).map(Self)
    }
}

#[derive(Debug, Deserialize)]
struct Wide {
    #[serde(rename = "num")]
    _num: i128,
}

#[test]
fn a_number_of_which_a_type_reads_only_the_first_digits_is_a_type_error() {
    for json in ["1.5", "-1.25", "0.5", "12.5e-3", "15e-1"] {
        assert_misfit::<i128>(json);
        assert_misfit::<Wrapped>(json);
        assert_misfit::<Option<i128>>(json);
        assert_misfit::<u128>(json);
        assert_misfit::<i64>(json);
    }
    assert_eq!(first_of_two::<i128>("-5").unwrap(), -5);
    assert_eq!(first_of_two::<Wrapped>("5 ").unwrap(), Wrapped(5));
}

#[test]
fn the_same_inside_of_lists_and_objects_is_a_type_error() {
    assert_misfit::<Vec<i128>>("[1.5]");
    assert_misfit::<(i128, u8)>("[1.5,2]");
    assert_misfit::<Wide>(r#"{"num":1.5}"#);
}

#[test]
fn the_same_in_an_object_that_begins_like_a_placeholder_is_a_type_error() {
    for json in [r#"{"num":1.5}"#, r#"{"num":1.5,"x":0}"#] {
        let args = args_of(
            &format!(r#"51-["e",{json},{{"_placeholder":true,"num":0}}]"#),
            &[&[1]],
        );
        let read = args.reader().next::<Wide>();
        assert!(
            matches!(read, Err(ArgError::Type { position: 0, .. })),
            "{json}: {read:?}"
        );
    }
}

#[test]
fn the_reason_names_what_was_read_and_the_next_argument_stays_in_its_place() {
    let error = first_of_two::<i128>("1.25").unwrap_err();
    assert_eq!(
        error.to_string(),
        "argument 0: the type reads 1 byte of a value of 4"
    );
}

#[test]
fn a_word_or_a_number_with_more_behind_it_is_no_json() {
    for json in [
        "nullx",
        "truefalse",
        "1x",
        "1.",
        "-",
        "01",
        "1.5.5",
        "\"a\"b",
        "[]1",
    ] {
        fn reads<T: DeserializeOwned>(json: &str) {
            let args = args_of(&format!(r#"2["e",{json}]"#), &[]);
            let mut reader = args.reader();
            let read = reader.next::<T>().and_then(|_| reader.finish());
            assert!(
                matches!(read, Err(ArgError::Syntax(_))),
                "{json} as {}",
                std::any::type_name::<T>()
            );
        }
        reads::<Option<u8>>(json);
        reads::<()>(json);
        reads::<bool>(json);
        reads::<i128>(json);
        reads::<f64>(json);
        reads::<String>(json);
        reads::<IgnoredAny>(json);
        reads::<Box<RawValue>>(json);
        reads::<crate::wire::Bytes>(json);
    }
}
