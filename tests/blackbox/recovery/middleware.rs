//! Middleware and handlers of clients that come back.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use koio::recovery::Recovery;
use koio::{Context, Error, Io, Next, Result};
use koio_tests::Transport;
use serde_json::json;

use super::client::{Client, TIME};
use crate::memory::Memory;

type Log = Arc<Mutex<Vec<String>>>;

/// Logs what runs; `open` is whether the middleware lets clients in.
fn logging(recovery: Recovery, log: &Log, open: &Arc<AtomicBool>) -> Io {
    let (wrapped, connected, left) = (Arc::clone(log), Arc::clone(log), Arc::clone(log));
    let open = Arc::clone(open);
    Io::new()
        .recovery(recovery)
        .wrap(move |ctx: Context, next: Next| {
            if ctx.event() == "connection" {
                let recovered = ctx.socket().recovered();
                let rooms = ctx.socket().rooms().len();
                let line = format!("middleware {recovered} {rooms}");
                wrapped.lock().expect("no panic").push(line);
            }
            let is_open = open.load(Ordering::Relaxed);
            async move {
                if !is_open && ctx.event() == "connection" {
                    ctx.socket().join("too early")?;
                    return Err(Error::new("expired", "the login has expired"));
                }
                next.run().await
            }
        })
        .on("connection", move |ctx: Context| {
            let line = format!("connection {}", ctx.socket().recovered());
            connected.lock().expect("no panic").push(line);
            async move {
                if !ctx.socket().recovered() {
                    ctx.socket().join("room")?;
                }
                Result::Ok(())
            }
        })
        .on("disconnect", move |_ctx: Context| {
            left.lock().expect("no panic").push("disconnect".to_owned());
            async { Result::Ok(()) }
        })
}

fn taken(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock().expect("no panic"))
}

#[tokio::test(start_paused = true)]
async fn middleware_and_the_connection_handler_run_again() {
    let (log, open) = (Log::default(), Arc::new(AtomicBool::new(true)));
    let memory = Memory::new(logging(Recovery::new(TIME), &log, &open));
    let client = Client::new(&memory, Transport::WebSocket).await;
    assert_eq!(taken(&log), ["middleware false 0", "connection false"]);
    let kept = client.lose(&memory).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(taken(&log), ["disconnect"]);
    let back = Client::returning(&memory, Transport::WebSocket, kept).await;
    assert!(back.recovered);
    assert_eq!(taken(&log), ["middleware true 1", "connection true"]);
}

#[tokio::test(start_paused = true)]
async fn middleware_can_be_skipped_and_the_connection_handler_runs_all_the_same() {
    let (log, open) = (Log::default(), Arc::new(AtomicBool::new(true)));
    let recovery = Recovery::new(TIME).skip_middleware();
    let memory = Memory::new(logging(recovery, &log, &open));
    let client = Client::new(&memory, Transport::WebSocket).await;
    let kept = client.lose(&memory).await;
    open.store(false, Ordering::Relaxed);
    taken(&log);
    let back = Client::returning(&memory, Transport::WebSocket, kept.clone()).await;
    assert!(back.recovered);
    assert_eq!(taken(&log), ["connection true"]);
    let refused = memory.open(Transport::WebSocket).await;
    let mut fresh = kept;
    fresh.pid = None;
    let refusal = Client::try_returning(refused, fresh)
        .await
        .err()
        .expect("a refusal");
    assert!(refusal.contains("the login has expired"), "{refusal}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_refused_may_come_again_while_its_time_lasts() {
    let (log, open) = (Log::default(), Arc::new(AtomicBool::new(true)));
    let memory = Memory::new(logging(Recovery::new(TIME), &log, &open));
    let client = Client::new(&memory, Transport::WebSocket).await;
    let id = client.id.clone();
    let kept = client.lose(&memory).await;
    memory.io.to("room").emit("missed", 1).expect("no fault");
    open.store(false, Ordering::Relaxed);
    for _ in 0..2 {
        let peer = memory.open(Transport::WebSocket).await;
        let refusal = Client::try_returning(peer, kept.clone())
            .await
            .err()
            .expect("a refusal");
        assert!(
            refusal.starts_with("44") && refusal.contains("the login has expired"),
            "{refusal}"
        );
    }
    memory.io.to("room").emit("missed", 2).expect("no fault");
    memory
        .io
        .to("too early")
        .emit("not for it", ())
        .expect("no fault");
    open.store(true, Ordering::Relaxed);
    let mut back = Client::returning(&memory, Transport::WebSocket, kept.clone()).await;
    assert!(back.recovered && back.id == id);
    assert_eq!(back.socket(&memory).rooms(), ["room".into()]);
    back.expect(&[json!(["missed", 1]), json!(["missed", 2])])
        .await;

    let kept = back.lose(&memory).await;
    open.store(false, Ordering::Relaxed);
    tokio::time::sleep(TIME / 2).await;
    let peer = memory.open(Transport::WebSocket).await;
    assert!(Client::try_returning(peer, kept.clone()).await.is_err());
    tokio::time::sleep(TIME / 2 + Duration::from_secs(11)).await;
    open.store(true, Ordering::Relaxed);
    let back = Client::returning(&memory, Transport::WebSocket, kept).await;
    assert!(!back.recovered, "the refusal has not prolonged its time");
}

#[tokio::test(start_paused = true)]
async fn what_middleware_sends_to_a_returning_client_comes_once_and_behind_what_it_missed() {
    let memory = Memory::new(Io::new().recovery(Recovery::new(TIME)).wrap(
        |ctx: Context, next: Next| async move {
            if ctx.event() == "connection" && ctx.socket().recovered() {
                ctx.socket().emit("welcome", ())?;
            }
            next.run().await
        },
    ));
    let client = Client::new(&memory, Transport::WebSocket).await;
    let kept = client.lose(&memory).await;
    memory.io.broadcast("missed", ()).expect("no fault");
    let mut back = Client::returning(&memory, Transport::WebSocket, kept).await;
    memory.io.broadcast("end", ()).expect("no fault");
    back.expect(&[json!(["missed"]), json!(["welcome"]), json!(["end"])])
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_lost_while_middleware_decides_gives_the_session_back() {
    let slow = Arc::new(AtomicUsize::new(0));
    let calls = Arc::clone(&slow);
    let memory = Memory::new(Io::new().recovery(Recovery::new(TIME)).wrap(
        move |ctx: Context, next: Next| {
            let call = calls.fetch_add(usize::from(ctx.event() == "connection"), Ordering::Relaxed);
            async move {
                if ctx.event() == "connection" && call == 1 {
                    tokio::time::sleep(Duration::from_secs(5)).await;
                }
                next.run().await
            }
        },
    ));
    let client = Client::new(&memory, Transport::WebSocket).await;
    let kept = client.lose(&memory).await;
    let mut peer = memory.open(Transport::WebSocket).await;
    peer.send(&kept.connect()).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    drop(peer);
    tokio::time::sleep(Duration::from_secs(6)).await;
    memory.io.broadcast("missed", ()).expect("no fault");
    let mut back = Client::returning(&memory, Transport::WebSocket, kept).await;
    assert!(back.recovered);
    back.expect(&[json!(["missed"])]).await;
}

#[tokio::test(start_paused = true)]
async fn the_connection_handler_starts_when_the_disconnect_handler_of_the_loss_has_ended() {
    for takes_over in [false, true] {
        let log = Log::default();
        let (connected, left) = (Arc::clone(&log), Arc::clone(&log));
        let io = Io::new().recovery(Recovery::new(TIME));
        let memory = Memory::new(
            io.on("connection", move |_ctx: Context| {
                connected
                    .lock()
                    .expect("no panic")
                    .push("connection".to_owned());
                async { Result::Ok(()) }
            })
            .on("disconnect", move |_ctx: Context| {
                let left = Arc::clone(&left);
                async move {
                    tokio::time::sleep(Duration::from_secs(2)).await;
                    left.lock().expect("no panic").push("disconnect".to_owned());
                    Result::Ok(())
                }
            }),
        );
        let client = Client::new(&memory, Transport::WebSocket).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (kept, _stale) = match takes_over {
            true => (client.kept.clone(), Some(client)),
            false => (client.lose(&memory).await, None),
        };
        let back = Client::returning(&memory, Transport::WebSocket, kept).await;
        assert!(back.recovered);
        assert_eq!(taken(&log), ["connection", "disconnect", "connection"]);
    }
}
