//! Lists in lists, and handlers that only their module can name.

use koio::{Handlers, describe::IntoRoutes as _, handlers, on};

#[on("send")]
async fn send() {}

mod chat {
    use koio::{Handlers, handlers, on};

    // Private: the module lists it itself.
    #[on("chat:send")]
    async fn send() {}

    #[on("chat:typing")]
    pub(super) async fn typing() {}

    pub(super) fn all() -> Handlers {
        handlers![send, admin::all()]
    }

    mod admin {
        use koio::{Handlers, handlers, on};

        #[on("chat:admin:send")]
        async fn send() {}

        pub(super) fn all() -> Handlers {
            handlers![self::send]
        }
    }
}

fn events(handlers: Handlers) -> Vec<&'static str> {
    let routes = handlers.into_routes();
    routes.iter().map(|route| route.meta().event).collect()
}

#[test]
fn lists_keep_the_order_in_which_they_were_written() {
    let value = handlers![];
    let listed = events(handlers![
        chat::typing,
        chat::all(),
        send,
        (value),
        handlers![]
    ]);
    assert_eq!(
        listed,
        ["chat:typing", "chat:send", "chat:admin:send", "send"]
    );
}

#[test]
fn handlers_of_one_name_in_two_modules_do_not_clash() {
    use chat::typing;
    assert_eq!(events(handlers![send, typing]), ["send", "chat:typing"]);
}

#[test]
fn a_handler_may_stand_inside_a_function() {
    #[on("inside")]
    async fn inside(number: u32) -> u32 {
        number
    }
    assert_eq!(events(handlers![inside]), ["inside"]);
}
