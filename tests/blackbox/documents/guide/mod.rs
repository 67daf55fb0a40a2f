//! The tests of the guide's section on tests run: in a doc test `#[tokio::test]` would be left out, and compile whatever it
//! says.

mod conversation;
mod function;

use super::readme::bare;

const GUIDE: &str = include_str!("../../../../koio/docs/guide.md");

#[test]
fn the_programs_of_the_section_on_tests_are_those_beside_this_file() {
    let (_, section) = GUIDE.split_once("## 13 Tests").expect("the section");
    let (section, _) = section.split_once("\n## ").expect("its end");
    let printed: Vec<_> = section
        .split("\n```rust\n")
        .skip(1)
        .filter_map(|block| block.split("\n```\n").next())
        .map(bare)
        .collect();
    let run = [include_str!("conversation.rs"), include_str!("function.rs")].map(bare);
    assert_eq!(printed, run);
}
