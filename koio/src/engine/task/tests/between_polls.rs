//! A client whose connection ends between two polls.

use super::*;

/// The client's connection ends between two polls.
async fn left(session: &Session) {
    settle().await;
    session.connection_ended();
    settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_between_two_polls_is_gone_after_5_s() {
    let (engine, above, session) = polling(EngineConfig::default());
    session.send(&Message::Text("hello".into())).unwrap();
    assert_eq!(polled(&session).await, "4hello");
    left(&session).await;
    tokio::time::sleep(Duration::from_millis(4_900)).await;
    assert_eq!(above.closed(), []);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(above.closed(), [CloseReason::TransportClose]);
    assert!(engine.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_connection_ends_lives_if_it_polls_or_posts_in_time() {
    for posts in [false, true] {
        let (_engine, above, session) = polling(EngineConfig::default());
        left(&session).await;
        tokio::time::sleep(Duration::from_millis(4_900)).await;
        if posts {
            assert_eq!(posted(&session, "4a").await, PollResponse::Taken);
        } else {
            session.send(&Message::Text("hello".into())).unwrap();
            assert_eq!(polled(&session).await, "4hello");
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(above.closed(), [], "posts: {posts}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_means_nothing_while_a_poll_waits_or_the_client_upgrades() {
    let (_engine, above, session) = polling(EngineConfig::default());
    let _poll = session.poll().unwrap();
    left(&session).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(above.closed(), []);

    let (_engine, above, session) = polling(EngineConfig::default());
    let wire = probed(&session).await;
    left(&session).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    wire.send("5");
    settle().await;
    assert_eq!(session.transport(), TransportKind::WebSocket);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(above.closed(), []);
}

#[tokio::test(start_paused = true)]
async fn a_client_with_a_big_answer_may_take_its_time_to_poll_again() {
    let (_engine, above, session) = polling(EngineConfig::default());
    let big = vec![b'x'; 40 * 1024];
    session.send(&Message::Text(big.into())).unwrap();
    polled(&session).await;
    left(&session).await;
    tokio::time::sleep(Duration::from_secs(14)).await;
    assert_eq!(above.closed(), []);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(above.closed(), [CloseReason::TransportClose]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_while_it_upgrades_is_gone_after_5_s() {
    let (_engine, above, session) = polling(EngineConfig::default());
    let poll = session.poll().unwrap();
    settle().await;
    let wire = probed(&session).await;
    poll.await.unwrap();
    wire.hang_up();
    settle().await;
    tokio::time::sleep(Duration::from_millis(4_900)).await;
    assert_eq!(above.closed(), []);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(above.closed(), [CloseReason::TransportClose]);
}
