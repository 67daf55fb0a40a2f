use koio::{Context, Namespace, Next};

fn main() {
    let name = String::from("koio");
    let _ = Namespace::new().wrap(async move |_ctx: Context, next: Next| {
        println!("{name}");
        next.run().await
    });
}
