//! Every mistake that koio or rustc reports while compiling, with the words that the user sees.
//!
//! `TRYBUILD=overwrite cargo test -p koio-macros --test ui` writes them anew; a new toolchain may
//! need that for `fail/rustc`, whose words are not ours.

#[test]
fn mistakes_in_the_attribute_are_told_with_what_to_write_instead() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/attribute/*.rs");
}

#[test]
fn types_that_do_not_fit_are_told_with_what_to_write_instead() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/types/*.rs");
}

#[test]
fn mistakes_that_only_rustc_can_see_are_known_by_its_words() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/rustc/*.rs");
}
