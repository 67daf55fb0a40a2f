//! Set-ups that the start refuses.

use crate::router::Route;
use crate::router::Setup;
use crate::router::Try;
use crate::socket::SocketConfig;
use crate::{
    Ack, Auth, CloseReason, Error, FromEvent, Namespace, Params, Reply, State,
    router::private::{HasValue as _, Meta, Returns},
};

/// A handler that returns this type, as the macro would write it.
macro_rules! returning {
    ($route:expr, $answer:ty) => {
        $route.answer::<$answer>(Returns::<$answer>::new().has_value())
    };
}

fn route(event: &'static str, name: &'static str) -> Route {
    let meta = Meta {
        event,
        name,
        file: "src/app.rs",
        line: 7,
    };
    Route::new(meta, |_| async { Ok(Reply::none()) })
}

fn taking<T: FromEvent>(event: &'static str) -> Route {
    route(event, "app::handler").arg::<T>("it")
}

fn refused(setup: Setup) -> String {
    let error = setup.freeze(&SocketConfig::default()).unwrap_err();
    assert!(error.is_setup());
    error.message().to_owned()
}

/// The start refuses it, naming the handler, its file and its line.
#[track_caller]
fn assert_refused(route: Route, reason: &str) {
    let problem = refused(Setup::new().handlers(route));
    assert!(
        problem.contains("`app::handler` (src/app.rs:7)"),
        "{problem}"
    );
    assert!(problem.contains(reason), "{problem}");
}

#[test]
fn a_second_handler_for_an_event_names_both() {
    let setup = Setup::new().handlers(vec![route("join", "app::a"), route("join", "app::b")]);
    let problem = refused(setup);
    assert!(
        problem.contains("`join` has two handlers in `/`"),
        "{problem}"
    );
    assert!(
        problem.contains("`app::a` (src/app.rs:7)") && problem.contains("`app::b` (src/app.rs:7)"),
        "{problem}"
    );
    assert!(problem.contains("#[on(\"join\", also)]"), "{problem}");
}

#[test]
fn a_params_that_no_parameters_can_be_is_refused_with_its_file_and_line() {
    let of_one = |route: Route| route.namespace("/room/{id}");
    let why =
        "which can't be read in `/room/{id}`: it is a tuple of 2, and the parameters are 1: `id`";
    assert_refused(of_one(taking::<Params<(u32, u32)>>("event")), why);
    assert_refused(of_one(taking::<Try<Params<(u32, u32)>>>("event")), why);
    let of_two = taking::<Params<u32>>("event").namespace("/{team}/{room}");
    assert_refused(of_two, "it is one value, and there are 2: `team`, `room`");
    for fits in [
        of_one(taking::<Params<u32>>("a")),
        of_one(taking::<Params<(u32,)>>("b")),
        of_one(taking::<Params<std::collections::HashMap<String, String>>>(
            "c",
        )),
        taking::<Params<(u32, u32)>>("d").namespace("/{team}/{room}"),
    ] {
        let setup = Setup::new().handlers(fits);
        assert!(setup.freeze(&SocketConfig::default()).is_ok());
    }
}

#[test]
fn a_name_that_no_client_can_send_is_refused_with_both_numbers() {
    let mut limits = SocketConfig::default();
    limits.packets.namespace = 10;
    limits.packets.event = 10;
    let refused = |setup: Setup| setup.freeze(&limits).unwrap_err().message().to_owned();
    let problem = refused(Setup::new().namespace("/eleven-byte", Namespace::new()));
    for part in [
        "no client can enter `/eleven-byte`",
        "namespace of 12 bytes (packets.namespace 10)",
        "config.socket.packets.namespace = 12",
    ] {
        assert!(problem.contains(part), "{part}: {problem}");
    }
    let patterned = "/a/{id}/{other}/bcde";
    let problem = refused(Setup::new().namespace(patterned, Namespace::new()));
    assert!(
        problem.contains("of 11 bytes (packets.namespace 10)"),
        "{problem}"
    );
    let problem = refused(Setup::new().handlers(route("eleven byte", "app::handler")));
    for part in [
        "`app::handler` (src/app.rs:7)",
        "event name of 11 bytes (packets.event 10)",
        "config.socket.packets.event = 11",
    ] {
        assert!(problem.contains(part), "{part}: {problem}");
    }
    let fits = Setup::new()
        .namespace("/{a}/{b}", Namespace::new())
        .handlers(vec![
            route("ten bytes!", "app::handler"),
            route("disconnect", "app::gone"),
        ]);
    assert!(fits.freeze(&limits).is_ok());
}

#[test]
fn a_concurrency_that_no_server_could_have_is_refused_with_its_limits() {
    let limits = "at least 1 and at most 1024 events";
    for events in [0, 1_025] {
        assert_refused(route("report", "app::handler").concurrency(events), limits);
        let line = line!() + 1;
        let problem = refused(Setup::new().concurrency(events));
        let place = format!("`.concurrency({events})` ({}:{line}:", file!());
        assert!(
            problem.contains(limits) && problem.contains(&place),
            "{problem}"
        );
        let namespace = Namespace::new().concurrency(events);
        let problem = refused(Setup::new().namespace("/club", namespace));
        assert!(
            problem.contains(limits) && problem.contains(file!()),
            "{problem}"
        );
    }
    assert!(
        Setup::new()
            .concurrency(256)
            .freeze(&SocketConfig::default())
            .is_ok()
    );
    let problem = refused(Setup::new().concurrency(257));
    assert!(problem.contains("`event_queue`, which is 256"), "{problem}");
    assert!(problem.contains("event_queue = 257"), "{problem}");
    for event in ["connection", "disconnect"] {
        let route = route(event, "app::handler").concurrency(2);
        assert_refused(route, "always runs alone");
    }
}

#[test]
fn the_nearest_concurrency_counts_and_the_least_of_several_handlers() {
    let limits = |setup: Setup, namespace: &str| {
        let table = setup.freeze(&SocketConfig::default()).unwrap();
        let events = std::sync::Arc::clone(table.namespace(namespace).unwrap());
        move |event: &str| events.entry(event.as_bytes()).limit().get()
    };
    let club = Namespace::new()
        .concurrency(8)
        .handlers(route("report", "app::a").concurrency(2))
        .handlers(route("print", "app::b"));
    let setup = || {
        let listed = vec![
            route("plain", "app::c"),
            route("own", "app::d").concurrency(1),
            route("both", "app::e").concurrency(9),
            route("both", "app::f").concurrency(5).also(),
            route("here", "app::g").namespace("/here"),
        ];
        Setup::new().concurrency(16).handlers(listed)
    };
    let root = limits(setup(), "/");
    let of_root = ["plain", "own", "both", "unknown"].map(root);
    assert_eq!(of_root, [16, 1, 5, 16]);
    assert_eq!(limits(setup(), "/here")("here"), 16);
    let club = limits(setup().namespace("/club", club), "/club");
    assert_eq!(["report", "print", "unknown"].map(club), [2, 8, 8]);
    let plain = Setup::new().handlers(route("plain", "app::c"));
    let table = plain.freeze(&SocketConfig::default()).unwrap();
    assert!(!table.namespace("/").unwrap().may_overlap);
}

#[test]
fn a_second_handler_is_fine_elsewhere_and_with_also() {
    let elsewhere = route("join", "app::b").namespace("/chat");
    let also = route("join", "app::c").also();
    assert!(
        Setup::new()
            .handlers(vec![route("join", "app::a"), elsewhere, also])
            .freeze(&SocketConfig::default())
            .is_ok()
    );
}

#[test]
fn a_handler_listed_twice_is_found() {
    let problem =
        refused(Setup::new().handlers(vec![route("join", "app::a"), route("join", "app::a")]));
    assert!(
        problem.contains("`app::a` (src/app.rs:7) is listed twice in `/`"),
        "{problem}"
    );
}

#[test]
fn the_life_cycle_too_has_one_handler_unless_also() {
    let twice = |event| Setup::new().handlers(vec![route(event, "app::a"), route(event, "app::b")]);
    for event in ["connection", "disconnect", "*"] {
        assert!(refused(twice(event)).contains("two handlers"));
    }
}

#[test]
fn a_missing_state_is_found() {
    struct Db;
    assert_refused(taking::<State<Db>>("event"), "but there is none");
    assert!(
        Setup::new()
            .state(Db)
            .handlers(taking::<State<Db>>("event"))
            .freeze(&SocketConfig::default())
            .is_ok()
    );
}

#[test]
fn a_second_value_of_one_state_type_names_both_places() {
    let problem = refused(Setup::new().state(1_u8).state(2_u8));
    assert!(
        problem.contains("two values of the state type `u8`"),
        "{problem}"
    );
    assert_eq!(problem.matches("checks.rs").count(), 2, "{problem}");
}

#[test]
fn plain_arguments_on_the_life_cycle_are_found() {
    assert_refused(
        taking::<String>("connection"),
        "no client sends arguments with `connection`",
    );
    assert_refused(
        taking::<String>("disconnect"),
        "no client sends arguments with `disconnect`",
    );
    assert_refused(
        taking::<crate::Args>("disconnect"),
        "no client sends arguments",
    );
}

#[test]
fn auth_outside_of_connection_is_found() {
    assert_refused(
        taking::<Auth<String>>("event"),
        "there is one in `connection` only",
    );
    assert_refused(
        taking::<Auth<String>>("disconnect"),
        "there is one in `connection` only",
    );
    assert!(
        Setup::new()
            .handlers(taking::<Auth<String>>("connection"))
            .freeze(&SocketConfig::default())
            .is_ok()
    );
}

#[test]
fn a_close_reason_outside_of_disconnect_is_found() {
    assert_refused(
        taking::<CloseReason>("event"),
        "there is one in `disconnect` only",
    );
    assert!(
        Setup::new()
            .handlers(taking::<CloseReason>("disconnect"))
            .freeze(&SocketConfig::default())
            .is_ok()
    );
}

#[test]
fn an_ack_on_the_life_cycle_is_found() {
    assert_refused(taking::<Ack>("connection"), "nobody waits for an answer");
    assert_refused(taking::<Ack>("disconnect"), "nobody waits for an answer");
    assert_refused(taking::<Ack>("event").also(), "does not answer");
}

#[test]
fn two_acks_are_found() {
    assert_refused(taking::<Ack>("event").arg::<Ack>("other"), "takes 2 `Ack`s");
}

#[test]
fn an_ack_with_a_return_value_is_found() {
    assert_refused(returning!(taking::<Ack>("event"), u8), "returns `u8`");
    assert_refused(
        returning!(taking::<Ack>("event"), crate::Result<u8>),
        "returns `core::result::Result<u8",
    );
    assert!(
        Setup::new()
            .handlers(returning!(taking::<Ack>("event"), crate::Result<()>))
            .freeze(&SocketConfig::default())
            .is_ok()
    );
    assert!(
        Setup::new()
            .handlers(returning!(taking::<Ack>("event"), Result<(), u8>))
            .freeze(&SocketConfig::default())
            .is_ok()
    );
}

#[test]
fn an_answer_that_would_not_be_sent_is_found() {
    assert_refused(
        returning!(route("event", "app::handler").also(), u8),
        "does not answer",
    );
    assert_refused(
        returning!(route("connection", "app::handler"), u8),
        "nobody waits",
    );
}

#[test]
fn reserved_and_empty_names_are_found() {
    for name in [
        "connect",
        "connect_error",
        "disconnecting",
        "newListener",
        "removeListener",
    ] {
        assert_refused(route(name, "app::handler"), "reserved name");
    }
    assert_refused(route("", "app::handler"), "has no event name");
}

#[test]
fn namespaces_that_contradict_each_other_are_found() {
    let twice = Setup::new()
        .namespace("/a", Namespace::new())
        .namespace("a", Namespace::new());
    assert!(refused(twice).contains("declared twice"));
    assert!(refused(Setup::new().namespace("/", Namespace::new())).contains("the server itself"));
    let strange = Namespace::new().handlers(route("event", "app::handler").namespace("/b"));
    assert!(refused(Setup::new().namespace("/a", strange)).contains("but is listed in `/a`"));
}

#[test]
fn malformed_and_overlapping_patterns_are_found() {
    let with = |path: &str| Setup::new().namespace(path, Namespace::new());
    assert!(refused(with("/{a}-{b}")).contains("`/{a}-{b}`: between two slashes there is one"));
    assert!(
        refused(with("/room-{id}").namespace("/{place}-1", Namespace::new()))
            .contains("mean the same namespaces")
    );
    assert!(refused(with("/{a}/{a}")).contains("the same name"));
    assert!(
        refused(with("/{room}/x").namespace("/y/{id}", Namespace::new()))
            .contains("`/{room}/x` and `/y/{id}` mean the same namespaces, or some of them")
    );
    assert!(
        with("/room/{id}")
            .namespace("/room/{id}/{seat}", Namespace::new())
            .freeze(&SocketConfig::default())
            .is_ok()
    );
    assert!(
        with("/room/{id}")
            .namespace("/room/lobby", Namespace::new())
            .freeze(&SocketConfig::default())
            .is_ok()
    );
}

#[test]
fn parameters_where_there_are_none_are_found() {
    assert_refused(
        taking::<Params<u8>>("event"),
        "a `Params`, but there are no parameters in `/`",
    );
    assert_refused(
        taking::<Try<Params<u8>>>("event").namespace("/chat"),
        "there are no parameters in `/chat`",
    );
    let event = taking::<Params<u8>>("disconnect").namespace("/room/{id}");
    assert!(
        Setup::new()
            .handlers(event)
            .freeze(&SocketConfig::default())
            .is_ok()
    );
}

#[test]
fn all_problems_are_reported_together() {
    let problem =
        refused(Setup::new().handlers(vec![route("connect", "app::a"), route("", "app::b")]));
    assert!(problem.starts_with("2 problems:\n- "), "{problem}");
}

#[test]
fn the_start_fails_with_an_error_that_main_can_print() {
    let error: Error = Setup::new()
        .handlers(route("connect", "app::a"))
        .freeze(&SocketConfig::default())
        .unwrap_err();
    assert!(format!("{error:?}").starts_with("setup: `app::a` (src/app.rs:7) takes `connect`"));
}
