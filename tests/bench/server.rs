//! The koio server of the bench. It prints `listening on ADDRESS` and ends with its standard input.

use std::io::{Read, Write};

use koio::{Bytes, Context, Io, Result, handlers, on};

#[on("echo")]
async fn echo(text: String) -> String {
    text
}

#[on("binary")]
async fn binary(bytes: Bytes) -> Bytes {
    bytes
}

#[on("cast")]
async fn cast(ctx: Context, text: String) -> Result<()> {
    ctx.io().broadcast("news", text)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let io = Io::new().handlers(handlers![echo, binary, cast]);
    let server = io.bind("127.0.0.1:0").await?;
    println!("listening on {}", server.local_addr());
    std::io::stdout().flush()?;
    server.run().await
}
