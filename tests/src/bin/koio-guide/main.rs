//! The server of `koio/docs/guide.md`: its blocks as they are printed, so that its JavaScript can be run against them.
//! koio says where it listens.

mod arguments;
mod binary;
mod boards;
mod emitting;
mod errors;
mod families;
mod life;
mod limits;
mod listeners;
mod middleware;
mod namespaces;
mod nodes;
mod recovery;
mod rooms;
mod servers;
mod shop;
mod state;
mod streams;
mod users;

use koio::{Io, Result, cluster::Memory, config::ClientFiles, handlers, on};

#[on("add")]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[tokio::main]
async fn main() -> Result<()> {
    let io = Io::new()
        .state(state::Guests::default())
        .wrap(middleware::timing)
        .handlers(handlers![
            add,
            arguments::all(),
            errors::all(),
            emitting::all(),
            rooms::all(),
            middleware::all(),
            listeners::all(),
            state::all(),
            life::all(),
            binary::all(),
            limits::all(),
            recovery::all(),
            families::all(),
            users::all(),
            shop::all(),
        ]);
    tokio::spawn(emitting::remind(io.handle()));
    let io = boards::with_boards(namespaces::with_game(io));
    let io = shop::with_codes(io);
    let io = limits::limited(middleware::patient(io));
    let io = recovery::if_asked(io);
    let io = streams::with_streams(streams::with_news(io), ClientFiles::new());
    let server = io.bind("127.0.0.1:0").await?;
    assert_eq!(nodes::online(&server.handle()).await?, 0);
    let broker = Memory::new();
    let two = || {
        servers::server()
            .cluster(broker.clone())
            .bind("127.0.0.1:0")
    };
    let two = [two().await?, two().await?];
    assert_eq!(servers::clients(&two[0].handle()).await?, 0);
    server.run_until_signal().await
}
