use koio::{Middleware, Namespace};

fn main() {
    let _ = Namespace::new().wrap("pass");
    let _ = Middleware::new(());
}
