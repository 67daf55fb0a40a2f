use koio::{Context, Io, Next};

fn main() {
    let name = String::from("koio");
    let _ = Io::new().wrap(async move |_ctx: Context, next: Next| {
        println!("{name}");
        next.run().await
    });
}
