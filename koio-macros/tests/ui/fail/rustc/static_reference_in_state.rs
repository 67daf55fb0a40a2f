use koio::{State, on};

#[on("names")]
async fn names(_names: State<Vec<&'static str>>) {}

struct Names(Vec<&'static str>);

#[on("named")]
async fn named(names: State<Names>) -> usize {
    names.0.len()
}

fn main() {}
