use koio::{Namespace, middleware::BoxMiddleware};

fn main() {
    let _ = Namespace::new().wrap("pass");
    let _ = BoxMiddleware::new(());
}
