//! [`OnceMemory`] by itself.

use super::*;

const LIMITS: OnceLimits = OnceLimits {
    keys: 3,
    bytes: 100,
};

/// Notes that it was answered.
struct NotedTry(u32, Arc<Mutex<Vec<u32>>>);

impl WaitingTry for NotedTry {
    fn answer(self: Box<Self>, _: &RawArgs) {
        self.1.lock().push(self.0);
    }
    fn refuse(self: Box<Self>, _: &Error) {}
}

#[derive(Default)]
struct Session {
    memory: Arc<OnceMemory>,
    answered: Arc<Mutex<Vec<u32>>>,
}

impl Session {
    fn begin(&self, key: &str, number: u32) -> Begin {
        let made = || Some(Box::new(NotedTry(number, Arc::clone(&self.answered))) as BoxTry);
        self.memory.begin(key, made, LIMITS).0
    }

    fn first(&self, key: &str) -> Arc<Tries> {
        match self.begin(key, 0) {
            Begin::Run(tries) => tries,
            _ => panic!("`{key}` is not the first"),
        }
    }

    fn waits(&self, key: &str, number: u32) {
        assert!(matches!(self.begin(key, number), Begin::Wait(None)));
    }

    /// Runs it, and says how many were forgotten.
    fn run(&self, key: &str, text: &str) -> usize {
        let tries = self.first(key);
        tries.start();
        self.end(&tries, Some(text))
    }

    fn end(&self, tries: &Arc<Tries>, text: Option<&str>) -> usize {
        let answer = text.map(answer);
        let (waiting, forgotten) = tries.end(answer.as_ref(), LIMITS);
        for one in waiting {
            one.answer(&RawArgs::empty());
        }
        forgotten.what().map_or(0, |(count, ..)| count)
    }

    fn repeated(&self, key: &str) -> Option<String> {
        match self.begin(key, 1) {
            Begin::Repeat(answer, Some(_)) => {
                Some(String::from_utf8_lossy(answer.json()).into_owned())
            }
            Begin::Run(tries) => {
                self.end(&tries, None);
                None
            }
            _ => panic!("it runs"),
        }
    }

    fn held(&self) -> (usize, usize) {
        self.memory.held()
    }
}

fn answer(text: &str) -> RawArgs {
    RawArgs::from_list(format!("[\"{text}\"]"), Vec::new()).unwrap()
}

#[test]
fn a_try_waits_while_the_first_runs_and_gets_its_answer_afterwards() {
    let session = Session::default();
    let tries = session.first("a");
    for number in 1..=3 {
        session.waits("a", number);
    }
    let (begin, _) = session.memory.begin("a", || None, LIMITS);
    assert!(matches!(begin, Begin::Wait(None)), "it wants no answer");
    tries.start();
    session.end(&tries, Some("done"));
    assert_eq!(*session.answered.lock(), [1, 2, 3]);
    assert_eq!(session.repeated("a").as_deref(), Some("\"done\""));
    session.end(&tries, Some("late"));
    assert_eq!(session.repeated("a").as_deref(), Some("\"done\""));
}

#[test]
fn an_answer_from_in_front_of_the_handler_is_not_kept() {
    let session = Session::default();
    let tries = session.first("a");
    session.waits("a", 1);
    session.end(&tries, Some("refused"));
    assert_eq!(*session.answered.lock(), [1], "those that wait get it");
    assert_eq!(session.held(), (0, 0));
    assert_eq!(session.repeated("a"), None);
}

#[test]
fn an_event_that_ends_without_an_answer_runs_again() {
    let session = Session::default();
    let tries = session.first("a");
    tries.start();
    session.waits("a", 1);
    session.end(&tries, None);
    assert_eq!(session.held(), (0, 0));
    session.run("a", "second");
    assert!(session.repeated("a").is_some());
}

#[test]
fn above_a_number_of_keys_the_oldest_answer_is_forgotten_and_one_that_runs_is_not() {
    let session = Session::default();
    let running = session.first("runs");
    assert_eq!(session.run("a", ""), 0);
    assert_eq!(session.run("b", ""), 0);
    let newest = session.first("c");
    assert_eq!(session.held().0, 3);
    assert!(session.repeated("b").is_some());
    assert_eq!(session.repeated("a"), None, "it was the oldest");
    running.start();
    session.end(&running, Some("ran"));
    assert!(session.repeated("runs").is_some());
    session.end(&newest, None);
}

#[test]
fn where_all_run_the_oldest_is_forgotten_and_answers_those_that_wait_for_it() {
    let session = Session::default();
    let all = ["a", "b", "c"].map(|key| session.first(key));
    session.waits("a", 7);
    let _fourth = session.first("d");
    assert_eq!(session.held().0, 3);
    all[0].start();
    session.end(&all[0], Some("a"));
    assert_eq!(*session.answered.lock(), [7]);
    assert_eq!(session.held().0, 3, "it is not taken in again");
}

#[test]
fn above_a_number_of_bytes_the_oldest_answers_are_forgotten_and_one_that_is_longer_at_once() {
    let session = Session::default();
    assert_eq!(session.run("a", &"x".repeat(40)), 0);
    assert_eq!(session.run("b", &"x".repeat(40)), 0);
    assert_eq!(session.held(), (2, 2 * (1 + 44)));
    assert_eq!(session.run("c", &"x".repeat(40)), 1);
    assert!(session.repeated("b").is_some());
    assert_eq!(session.run("d", &"x".repeat(200)), 1);
    assert_eq!(session.held(), (2, 2 * (1 + 44)));
}

#[test]
fn of_many_tries_that_wait_the_oldest_gives_way() {
    let session = Session::default();
    let tries = session.first("a");
    for number in 1..=16 {
        session.waits("a", number);
    }
    match session.begin("a", 17) {
        Begin::Wait(Some(oldest)) => oldest.answer(&RawArgs::empty()),
        _ => panic!("all of them wait"),
    }
    assert_eq!(*session.answered.lock(), [1]);
    session.end(&tries, None);
    assert_eq!(session.answered.lock().len(), 17);
}

#[test]
fn an_answer_that_is_longer_by_itself_makes_nothing_else_forgotten() {
    let session = Session::default();
    assert_eq!(session.run("a", "short"), 0);
    assert_eq!(session.run("b", &"x".repeat(200)), 1);
    assert!(session.repeated("a").is_some());
    assert_eq!(session.repeated("b"), None, "it is not kept");
}
