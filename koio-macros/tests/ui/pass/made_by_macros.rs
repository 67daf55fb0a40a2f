//! Handlers that a macro of the user writes: names, types and literals come from two places.

use koio::{describe::IntoRoutes as _, handlers, on};

macro_rules! echo {
    ($name:ident, $event:literal, $argument:ty, $limit:literal) => {
        #[on($event, timeout = $limit)]
        async fn $name(
            context: koio::Context,
            arguments: $argument,
            more: Option<u32>,
        ) -> $argument {
            let _ = (context, more);
            arguments
        }
    };
}

echo!(text, "text", String, "5s");
echo!(numbers, "numbers", Vec<u32>, "5s");

macro_rules! list {
    ($($handler:path),*) => {
        handlers![$($handler),*]
    };
}

#[test]
fn macros_may_write_handlers_and_lists() {
    assert_eq!(list![text, self::numbers].into_routes().len(), 2);
}
