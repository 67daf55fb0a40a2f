use koio::{State, on};

struct Users(Vec<String>);

#[on("count")]
async fn count(State(users): State<Users>) -> usize {
    users.0.len()
}

fn main() {}
