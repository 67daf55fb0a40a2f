use koio::{BoxMiddleware, Namespace};

fn main() {
    let _ = Namespace::new().wrap("pass");
    let _ = BoxMiddleware::new(());
}
