//! Time, which stands still and passes when the test says so.

use std::time::{Duration, Instant};

use koio::testing::TestServer;
use koio::{Context, Io, Result, handlers, on};

#[on("remind")]
async fn remind(ctx: Context, seconds: u64) {
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let _ = ctx.emit("reminder", seconds);
    });
}

#[on("slow", timeout = "5s")]
async fn slow() {
    tokio::time::sleep(Duration::from_secs(60)).await;
}

fn app() -> Io {
    Io::new().handlers(handlers![remind, slow])
}

#[tokio::test]
async fn hours_of_heartbeats_cost_no_time_and_keep_the_clients() -> Result<()> {
    let began = Instant::now();
    let server = TestServer::new(app()).await?;
    let mut ann = server.connect("/").await?;
    let mut ben = server.connect("/").polling().await?;
    server.advance(Duration::from_secs(6 * 3600)).await;
    for client in [&mut ann, &mut ben] {
        client.expect_nothing().await;
        assert!(client.is_connected());
    }
    assert!(began.elapsed() < Duration::from_secs(60));
    Ok(())
}

#[tokio::test]
async fn nothing_comes_before_its_time_and_everything_in_its_order() -> Result<()> {
    let server = TestServer::new(app()).await?;
    let mut ann = server.connect("/").await?;
    for seconds in [30, 10, 20] {
        ann.emit("remind", seconds).await?;
    }
    ann.expect_nothing().await;
    server.advance(Duration::from_secs(9)).await;
    ann.expect_nothing().await;
    server.advance(Duration::from_secs(60)).await;
    for expected in [10, 20, 30] {
        assert_eq!(ann.expect_any().await?.get::<u64>(0)?, expected);
    }
    Ok(())
}

#[tokio::test]
async fn an_expectation_waits_for_time_to_pass_up_to_its_deadline() -> Result<()> {
    let server = TestServer::new(app()).await?;
    let mut ann = server.connect("/").await?;
    ann.emit("remind", 60).await?;
    assert!(ann.expect("reminder").await.is_err());
    ann.expect("reminder")
        .within(Duration::from_secs(60))
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_handlers_timeout_is_tested_in_no_time() -> Result<()> {
    let server = TestServer::new(app()).await?;
    let mut ann = server.connect("/").await?;
    let began = tokio::time::Instant::now();
    let error = ann.ask::<()>("slow", ()).await.unwrap_err();
    assert_eq!(error.code(), "timeout");
    assert!((5..6).contains(&began.elapsed().as_secs()));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_stopped_before_is_left_alone() -> Result<()> {
    let server = TestServer::new(app()).await?;
    let (one, other) = (TestServer::new(app()).await?, server.clone());
    one.connect("/").await?;
    other.connect("/").await?;
    Ok(())
}
