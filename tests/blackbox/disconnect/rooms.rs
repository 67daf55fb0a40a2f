//! What a disconnect handler finds in the rooms.

use std::sync::{Arc, Mutex};

use koio::testing::TestServer;
use koio::{Context, Io, Result, Room};

/// (sockets in the room, sockets in the namespace, the rooms it was in)
type Found = (usize, usize, Vec<Room>);

#[tokio::test]
async fn a_socket_has_left_its_rooms_when_its_disconnect_is_handled_and_knows_which_they_were()
-> Result<()> {
    let found = Arc::new(Mutex::new(Vec::<Found>::new()));
    let finds = Arc::clone(&found);
    let io = Io::new()
        .on("connection", |ctx: Context| async move {
            ctx.socket().join("tea")
        })
        .on("disconnect", move |ctx: Context| {
            let here = ctx.here();
            let counts = (here.to("tea").count(), here.count());
            let mut found = finds.lock().expect("no panic");
            found.push((counts.0, counts.1, ctx.socket().rooms()));
            async { Ok(()) }
        });
    let server = TestServer::new(io).await?;
    let (mut ann, mut ben) = (server.connect("/").await?, server.connect("/").await?);
    ann.close().await;
    ben.disconnect().await?;
    let rooms = vec![Room::from("tea")];
    assert_eq!(
        *found.lock().expect("no panic"),
        [(1, 1, rooms.clone()), (0, 0, rooms)]
    );
    Ok(())
}
