//! The macros of koio: `#[on]` and `handlers![]`. Use them through the `koio` crate, which
//! re-exports them and whose hidden parts they name.
//!
//! An item goes through four modules:
//!
//! 1. `parse`: tokens into syntax. The bodies of functions are cut out before, so a half-typed one does no harm.
//! 2. `validate`: syntax into a model, every rule in one place; collects errors, never stops at one.
//! 3. `expand`: the model into tokens.
//! 4. `diagnose`: the errors of one item, reported together, and the phrases they share.
//!
//! The expansion always contains the user's item, even if the attribute is wrong.

mod diagnose;
mod expand;
mod parse;
mod validate;

use proc_macro::TokenStream;

/// Makes a function, or the methods of a value, handle events.
///
/// ```
/// use koio::{Context, Result, handlers, on};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize)]
/// struct SendMsg {
///     text: String,
/// }
///
/// #[derive(Serialize)]
/// struct Receipt {
///     length: usize,
/// }
///
/// #[on("sendMsg")]
/// async fn send_msg(ctx: Context, msg: SendMsg) -> Result<Receipt> {
///     Ok(Receipt { length: msg.text.len() }) // the acknowledgement
/// }
///
/// let listed = handlers![send_msg];
/// # let _ = listed;
/// ```
///
/// The function stays as it was: any visibility, callable, testable. Beside it stands a hidden
/// struct of the same name (`struct send_msg {}`), which [`handlers!`] and `Io::discover()` find.
///
/// # The event
///
/// A string literal or a constant, `#[on(events::MESSAGE)]`, in capitals, and first. Three names mean something of their own: `"connection"` and
/// `"disconnect"` are the life of a connection, `"*"` is every event that has no handler. The
/// names that Socket.IO reserves (`connect`, `connect_error`, `disconnecting`,
/// `newListener`, `removeListener`) are refused; the life of a connection is written as a literal.
///
/// # Arguments and answer
///
/// Any number of arguments in any order, each made by its type: one of koio's own (`Context`,
/// `State<T>`, `Ack` …), or the next argument that the client sent. They are owned; patterns are fine
/// (`Point { x, y }: Point`). The return value is the answer: anything that serde can write, nothing,
/// or a `Result` of these whose error converts into `koio::Error`. Several at once are
/// `koio::args![a, b]`, whose type is `impl Serialize`.
///
/// # Options
///
/// | Option | Meaning |
/// |---|---|
/// | `ns = "/chat"` | The handler belongs to this namespace, or, with `ns = "/room/{id}"`, to all of this pattern. |
/// | `wrap = [auth, limit(10)]` | Middleware around this handler only, the first outermost, inside that of the namespace and the server. |
/// | `also` | Another handler has this event as well; this one runs after it and does not answer. The answer of the first is sent when all have run. |
/// | `timeout = "5s"` | The handler is dropped after this time, and the answer is `timeout`. Units are `ms`, `s`, `m` and `h`. |
/// | `concurrency = 16` | So many events of one socket may overlap while one of this handler runs: see below. From 1 to 1,024. |
/// | `once_by = "/0/id"` | An event is handled once for each key, which is there in the arguments: see below. |
/// | `crate = path` | Where koio is, if not at `::koio`. |
///
/// # Order and overlap
///
/// The events of one socket run one at a time, in the order in which they came. `concurrency` lets them overlap: they
/// still *start* in that order, and one starts as soon as fewer events of its socket run than its own `concurrency`, and
/// than that of each event that runs. So a handler without it runs alone: it waits for those before it, and those behind
/// it wait for it. An acknowledgement is sent when its handler has finished, whichever that is. `connection` and
/// `disconnect` always run alone. If an event has several handlers (`also`), the least of their numbers counts.
///
/// ```
/// use koio::on;
/// use std::time::Duration;
///
/// /// Five of these at once take 400 ms, and not two seconds.
/// #[on("report", concurrency = 16)]
/// async fn report(month: u32) -> String {
///     tokio::time::sleep(Duration::from_millis(400)).await;
///     format!("the report of month {month}")
/// }
/// ```
///
/// `Namespace::concurrency` and `Io::concurrency` set it for the handlers that do not name it, closures among them.
///
/// # Handled once
///
/// A client that gets no answer sends its event again (`retries` and `ackTimeout` of the official client, or a user who clicks
/// twice), and nothing on the wire says that the two are one. `once_by` says where the program's own key is: a JSON pointer
/// (RFC 6901) into the list of the arguments, whose first token is the number of an argument, from zero. Within one session a
/// second event of that name with that key is not handled: it gets the answer of the first one, at once if there is one,
/// else with it. It waits outside the socket's queue, so that it holds up no other event, and counts in no `concurrency`.
///
/// ```
/// use koio::on;
///
/// #[derive(serde::Deserialize)]
/// struct Order { article: String }
///
/// /// A client sends `{ id: crypto.randomUUID(), article: "tea" }`.
/// #[on("order", once_by = "/0/id")]
/// async fn order(order: Order) -> String {
///     format!("ordered {}", order.article)
/// }
/// ```
///
/// - The *session* is that of a socket, from its connection to its `disconnect`; with
///   [recovery](../koio/recovery/index.html) it goes on when the client comes back. A client that is new has new keys.
/// - Once the handler has started, its answer is kept, whatever it is: also an error, a panic, a `timeout`, and that an `Ack` was
///   dropped. What keeps it from starting is not kept, and one more try runs: arguments that do not fit, a middleware or a layer
///   that refuses. So does an event whose handler was dropped without an answer, at the end of `handler_grace`.
/// - The key is compared by its JSON text: `1`, `1.0` and `"1"` are three keys. One that is missing or `null`, that has binary
///   data, or more than 1,024 bytes, is `bad_request`, which names the pointer.
/// - 1,024 keys and 256 KiB of answers are remembered for each session (`config.socket.once_keys` and `once_bytes`); above that
///   the oldest are forgotten, and counted. 16 tries of one event may wait; of more the oldest is told `overloaded`.
/// - Neither middleware nor layers see a try that is not handled; `on_any` of the socket does. `also` handlers and listeners of the
///   socket run with the first one.
///
/// `once_by = order_key` names a function instead, `fn(&koio::extract::Args) -> koio::Result<K>`, whose `K` serde can write: a key
/// made of several arguments. `Io::once_by` and `Namespace::once_by` are for handlers that are closures.
///
/// # Methods
///
/// On an impl block, `#[on]` makes the methods that have an `#[on("event")]` of their own handlers
/// of the value: `.handlers(Chat::new(db))`. They take `&self`, since one value serves all sockets.
/// The block may have `ns`, `concurrency` and `wrap` for all its methods, and `crate`; a method's own `ns` and
/// `concurrency` win, its own `wrap` is inside the block's.
///
/// ```
/// use koio::{Context, on};
/// use std::sync::Mutex;
///
/// #[derive(Default)]
/// struct Chat {
///     names: Mutex<Vec<String>>,
/// }
///
/// #[on(ns = "/chat")]
/// impl Chat {
///     #[on("join")]
///     async fn join(&self, ctx: Context, name: String) {
///         self.names.lock().unwrap().push(name);
///     }
/// }
/// ```
///
/// A type has one such block.
///
/// # Compile errors
///
/// The macro's own errors say what to write instead. rustc reports the others:
///
/// | rustc says | It means |
/// |---|---|
/// | ``the name `chat` is defined multiple times`` | A handler's struct lives among the types, where modules and crates live as well: a handler cannot be called like a module beside it. Rename one. |
/// | ``expected struct, variant or union type, found function `typing` `` | [`handlers!`] lists a function without `#[on]`. |
/// | ``expected struct, variant or union type, found local variable `list` `` | A bare name in [`handlers!`] is a handler's; a value stands in parentheses: `handlers![(list)]`. |
/// | ``cannot find struct, variant or union type `typing` ``, ``struct `typing` is private`` | [`handlers!`] lists something that cannot be named here: name its module, `handlers![chat::typing]`, and make the function visible, or let the module return a list of its own. |
/// | `future cannot be sent between threads safely` | The handler keeps something across an `.await` that must stay on one thread. The note names it: often an `Rc`, or a lock guard that wants a block of its own. |
/// | ``expected `impl Future<Output = ()>` to be a future that resolves to `Result<Reply, Error>` `` | A middleware returns `Result<Reply>`: what `next.run().await` gave it, or an answer of its own. |
/// | ``use of moved value: `next` `` | What is inside a middleware can run once only, so `run` takes `next` away. |
/// | ``expected `Result<Reply, Error>`, found `Running` ``, ``unused `Running` that must be used`` | `next.run()` without `.await`: nothing inside has run. |
/// | ``async closure does not implement `Fn` because it captures state from its environment`` | A middleware that captures is a closure which returns an async block: `move \|ctx, next\| { let name = name.clone(); async move { .. } }`. |
/// | ``cannot match against a tuple struct which contains private fields`` | `State` is no pattern: it derefs to its value, so `users: State<Users>` is all that is needed. |
/// | ``conflicting implementations of trait `FromEvent` `` | The type derives `Deserialize`, so it is read from what the client sent. To make it of something else, wrap it in a type that does not. |
/// | ``conflicting implementations of trait `IntoRoutes` `` | A value has two `#[on] impl` blocks: join them. |
/// | ``the trait bound `RateLimit<Pipeline>: Clone` is not satisfied`` | tower's rate limit counts for one owner: put a `tower::buffer::BufferLayer` outside of it, whose copies share it. |
/// | ``could not find `koio` in the list of imported crates`` | koio has another name here: `#[on(.., crate = that_name)]`. |
#[proc_macro_attribute]
pub fn on(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand::on(attribute.into(), item.into()).into()
}

/// Lists handlers, for `.handlers(..)`.
///
/// An entry is the path of an [`#[on]`](macro@on) function, or a value: another list, or one whose
/// methods are handlers. Lists nest, and a module can keep its handlers private and return a list:
///
/// ```
/// use koio::{handlers, on};
///
/// mod chat {
///     use koio::{Handlers, handlers, on};
///
///     #[on("typing")]
///     async fn typing() {}
///
///     #[on("history")]
///     pub async fn history() {}
///
///     pub fn all() -> Handlers {
///         handlers![typing]
///     }
/// }
///
/// #[on("sendMsg")]
/// async fn send_msg() {}
///
/// let listed = handlers![send_msg, chat::history, chat::all()];
/// # let _ = listed;
/// ```
///
/// A bare name is always a handler's. A value in a variable stands in parentheses: `(list)`. Entries
/// may have a `#[cfg(..)]`. The same handler twice in one list does not compile.
///
/// Where koio has another name, say so first: `handlers![crate = that_name; send_msg]`.
#[proc_macro]
pub fn handlers(entries: TokenStream) -> TokenStream {
    expand::handlers(entries.into()).into()
}
