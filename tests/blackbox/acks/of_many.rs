//! Promise 4, of one event to many: one answer, deadline or end for each of them.

use std::collections::BTreeMap;
use std::time::Duration;

use koio::{Io, Result, SocketId};
use koio_tests::{Transport, client};
use tokio::time::Instant;

use super::nodes::Memory;
use crate::memory::Peer;

const PATIENCE: Duration = Duration::from_secs(10);

/// What each answered, or the code of why there is none.
fn outcomes(answers: Result<Vec<(SocketId, Result<u64>)>>) -> BTreeMap<SocketId, String> {
    let told = |(id, answer): (_, Result<u64>)| match answer {
        Ok(value) => (id, value.to_string()),
        Err(error) => (id, error.code().to_owned()),
    };
    answers
        .expect("nobody's fault")
        .into_iter()
        .map(told)
        .collect()
}

/// Reads the question and answers it.
async fn answer(peer: &mut Peer, value: &str) {
    let text = peer.text().await;
    let id = text
        .strip_prefix("42")
        .and_then(|rest| rest.strip_suffix(r#"["q",1]"#));
    let id = id.unwrap_or_else(|| panic!("{text} is not the question"));
    peer.send(&format!("43{id}[{value}]")).await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_all_ends_with_the_last_answer() {
    for transport in client::BOTH {
        let memory = Memory::of(Io::new);
        let started = Instant::now();
        let (mut one, first) = memory.socket(transport).await;
        let (mut two, second) = memory.socket(Transport::WebSocket).await;
        let answers = memory.io.timeout(PATIENCE).emit_with_acks("q", 1);
        // The other way round than they were asked, and one who says more than is asked.
        answer(&mut two, "2,3").await;
        answer(&mut one, "1").await;
        let expected = [(first.id(), "1".to_owned()), (second.id(), "2".to_owned())];
        assert_eq!(outcomes(answers.await), BTreeMap::from(expected));
        assert!(started.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_all_ends_at_its_deadline_and_keeps_what_has_come() {
    let memory = Memory::of(Io::new);
    let (_silent, first) = memory.socket(Transport::WebSocket).await;
    let (mut quick, second) = memory.socket(Transport::WebSocket).await;
    let (mut wrong, third) = memory.socket(Transport::WebSocket).await;
    let (gone, fourth) = memory.socket(Transport::WebSocket).await;
    let started = Instant::now();
    let patience = memory.io.timeout(Duration::from_secs(3));
    let answers = patience.emit_with_acks("q", 1);
    answer(&mut quick, "7").await;
    answer(&mut wrong, "true").await;
    gone.close().await;
    let expected = [
        (first.id(), "timeout".to_owned()),
        (second.id(), "7".to_owned()),
        (third.id(), "bad_request".to_owned()),
        (fourth.id(), "disconnected".to_owned()),
    ];
    assert_eq!(outcomes(answers.await), BTreeMap::from(expected));
    assert_eq!(started.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn whoever_owes_too_many_answers_is_not_asked_and_a_place_is_given_back() {
    let memory = Memory::of(|| Io::new().config(|config| config.socket.pending_acks = 1));
    let (mut busy, first) = memory.socket(Transport::WebSocket).await;
    let (mut free, second) = memory.socket(Transport::WebSocket).await;
    let earlier = first.emit_with_ack::<u64>("q", 1);
    let answers = memory.io.timeout(PATIENCE).emit_with_acks("q", 1);
    answer(&mut free, "2").await;
    let expected = [
        (first.id(), "full".to_owned()),
        (second.id(), "2".to_owned()),
    ];
    assert_eq!(outcomes(answers.await), BTreeMap::from(expected));
    answer(&mut busy, "1").await;
    assert!(earlier.await.is_ok());
    // Those who did not answer in time, and those whom nobody waited for, may be asked again.
    let late = memory.io.timeout(PATIENCE).emit_with_acks::<u64>("q", 1);
    drop(late);
    let late = memory.io.timeout(PATIENCE).emit_with_acks("q", 1);
    let timeout = "timeout".to_owned();
    let expected = [(first.id(), timeout.clone()), (second.id(), timeout)];
    assert_eq!(outcomes(late.await), BTreeMap::from(expected));
    let again = memory.io.timeout(PATIENCE).emit_with_acks("q", 1);
    for peer in [&mut busy, &mut free] {
        peer.text().await;
        peer.text().await;
        answer(peer, "3").await;
    }
    let expected = [(first.id(), "3".to_owned()), (second.id(), "3".to_owned())];
    assert_eq!(outcomes(again.await), BTreeMap::from(expected));
}

#[tokio::test(start_paused = true)]
async fn what_is_the_callers_fault_is_told_at_once_and_nobody_meant_is_no_fault() {
    let memory = Memory::of(Io::new);
    let (_peer, socket) = memory.socket(Transport::WebSocket).await;
    let reserved = memory
        .io
        .timeout(PATIENCE)
        .emit_with_acks::<u64>("connect", 1);
    assert!(reserved.await.is_err());
    let nobody = memory.io.to("empty").emit_with_acks("q", 1);
    assert_eq!(outcomes(nobody.await), BTreeMap::new());
    let but_one = memory.io.except(socket.id()).emit_with_acks("q", 1);
    assert_eq!(outcomes(but_one.await), BTreeMap::new());
}

#[tokio::test(start_paused = true)]
async fn answers_can_be_taken_one_by_one_as_they_come_and_those_that_do_not_come_are_last() {
    for transport in client::BOTH {
        let memory = Memory::of(Io::new);
        let (mut one, first) = memory.socket(transport).await;
        let (mut two, second) = memory.socket(Transport::WebSocket).await;
        let (_silent, third) = memory.socket(transport).await;
        let (gone, fourth) = memory.socket(Transport::WebSocket).await;
        let mut answers = memory.io.timeout(PATIENCE).emit_with_acks::<u64>("q", 1);
        answer(&mut two, "2").await;
        let taken = answers.next().await.expect("no fault").expect("an answer");
        assert_eq!((taken.0, taken.1.expect("a number")), (second.id(), 2));
        gone.close().await;
        let taken = answers.next().await.expect("no fault").expect("an end");
        assert_eq!(taken.0, fourth.id());
        assert!(taken.1.is_err_and(|error| error.is_disconnected()));
        answer(&mut one, r#""no number""#).await;
        let taken = answers.next().await.expect("no fault").expect("an answer");
        assert_eq!(taken.0, first.id());
        assert!(taken.1.is_err_and(|error| error.is_bad_request()));
        let before = Instant::now();
        let taken = answers.next().await.expect("no fault").expect("its end");
        assert_eq!(taken.0, third.id());
        assert!(taken.1.is_err_and(|error| error.is_timeout()));
        assert!(before.elapsed() <= PATIENCE);
        for _ in 0..2 {
            assert!(answers.next().await.expect("no fault").is_none());
        }
        assert_eq!(answers.await.expect("no fault").len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_not_taken_one_by_one_is_there_when_all_have_come() {
    let memory = Memory::of(Io::new);
    let (mut one, first) = memory.socket(Transport::WebSocket).await;
    let (mut two, second) = memory.socket(Transport::WebSocket).await;
    let mut answers = memory.io.timeout(PATIENCE).emit_with_acks::<u64>("q", 1);
    answer(&mut one, "1").await;
    let taken = answers.next().await.expect("no fault").expect("an answer");
    assert_eq!(taken.0, first.id());
    answer(&mut two, "2").await;
    assert_eq!(
        outcomes(answers.await),
        BTreeMap::from([(second.id(), "2".to_owned())])
    );
}

#[tokio::test(start_paused = true)]
async fn all_values_of_an_answer_can_be_read_binary_included() {
    type Answer = (u64, String, Option<koio::Bytes>);
    let memory = Memory::of(Io::new);
    let (mut one, first) = memory.socket(Transport::WebSocket).await;
    let asked = memory.ask::<Answer>(&first, "q", 1).all_values();
    answer(&mut one, r#"1,"two",null"#).await;
    assert_eq!(asked.await.expect("it fits"), (1, "two".to_owned(), None));
    let asked = memory.ask::<Vec<u64>>(&first, "q", 1).all_values();
    answer(&mut one, "").await;
    assert_eq!(asked.await.expect("it fits"), [0_u64; 0]);
    let asked = memory.ask::<Answer>(&first, "q", 1).all_values();
    answer(&mut one, "1").await;
    assert!(asked.await.is_err_and(|error| error.is_bad_request()));
    let all = memory
        .io
        .timeout(PATIENCE)
        .emit_with_acks::<(u64, Option<u64>)>("q", 1);
    answer(&mut one, "1,2").await;
    let answers = all.all_values().await.expect("no fault");
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].1.as_ref().expect("it fits"), &(1, Some(2)));
    let asked = memory.ask::<Answer>(&first, "q", 1).all_values();
    let text = one.text().await;
    let id = text.trim_start_matches("42").trim_end_matches(r#"["q",1]"#);
    let reply = format!(r#"461-{id}[7,"file",{{"_placeholder":true,"num":0}}]"#);
    one.send_with(&reply, &[1, 2, 3]).await;
    let (number, name, bytes) = asked.await.expect("it fits");
    assert_eq!((number, &*name), (7, "file"));
    assert_eq!(bytes.as_deref(), Some(&[1, 2, 3][..]));
}
