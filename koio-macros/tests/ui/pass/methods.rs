//! Values whose methods are handlers.

use std::fmt::Debug;
use std::sync::Mutex;

use koio::{Context, Next, Reply, Result, describe::IntoRoutes as _, handlers, on};

async fn pass(_ctx: Context, next: Next) -> Result<Reply> {
    next.run().await
}

/// A room to chat in.
#[derive(Default)]
struct Chat {
    names: Mutex<Vec<String>>,
}

#[on(ns = "/chat", wrap = [pass])]
impl Chat {
    const LIMIT: usize = { 10 };

    #[on("join", wrap = [pass], timeout = "2m")]
    async fn join(&self, _ctx: Context, name: String) -> Result<usize> {
        if let Ok(mut names) = self.names.lock() {
            names.push(name);
        }
        Ok(self.count())
    }

    #[on("join", also)]
    async fn greet(&self, _ctx: Context) {}

    #[on("kick", ns = "/admin")]
    async fn kick(&self, Named { name }: Named) -> bool {
        self.names.lock().is_ok_and(|names| names.contains(&name))
    }

    // Not a handler, and untouched.
    fn count(&self) -> usize {
        self.names.lock().map_or(Self::LIMIT, |names| names.len())
    }
}

#[derive(serde::Deserialize)]
struct Named {
    name: String,
}

/// The value may be generic, its handlers may not.
struct Store<S>(S);

#[on]
impl<S> Store<S>
where
    S: Clone + Debug + Send + Sync + 'static,
{
    #[on("get")]
    async fn get(&self) -> String {
        format!("{:?}", self.0.clone())
    }
}

#[test]
fn a_block_gives_a_route_for_each_of_its_handlers() {
    let names: Vec<&str> = Chat::default()
        .into_routes()
        .iter()
        .map(|route| route.meta().name)
        .collect();
    assert_eq!(
        names,
        [
            "pass::methods::Chat::join",
            "pass::methods::Chat::greet",
            "pass::methods::Chat::kick",
        ]
    );
}

#[test]
fn values_stand_in_lists_beside_functions() {
    assert_eq!(handlers![Chat::default(), Store(7)].into_routes().len(), 4);
}
