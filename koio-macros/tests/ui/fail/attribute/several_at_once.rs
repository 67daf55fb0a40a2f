use koio::on;

// One compilation tells everything that is wrong with an item.
#[on("connect", ns = "chat", timeout = "soon", retries = 3)]
fn connect<T>(_text: &str, _more: Vec<T>) {}

fn main() {}
