//! Each option, alone and with the others.

use koio::{Context, Handlers, Middleware, Next, Reply, Result, handlers, on};

async fn pass(_ctx: Context, next: Next) -> Result<Reply> {
    next.run().await
}

type Running = std::pin::Pin<Box<dyn Future<Output = Result<Reply>> + Send>>;

/// A middleware made by a function.
fn labelled(label: &'static str) -> impl Fn(Context, Next) -> Running {
    move |_ctx, next| {
        Box::pin(async move {
            let _ = label;
            next.run().await
        })
    }
}

/// The same, shorter: the types of the closure's arguments are known from what the function returns.
fn at_most(rooms: usize) -> impl Middleware {
    move |ctx, next| async move {
        if ctx.socket().rooms().len() > rooms {
            return Err(koio::Error::new("too_many", "leave one first"));
        }
        next.run().await
    }
}

#[on("ns", ns = "/chat")]
async fn namespace() {}

#[on("wrap", wrap = [pass, self::pass, labelled("limit"), at_most(3)])]
async fn wrap() {}

#[on("no wrap", wrap = [])]
async fn no_wrap() {}

#[on("also", also)]
async fn also() {}

#[on("timeout", timeout = "250ms")]
async fn timeout() {}

#[on("concurrency", concurrency = 16)]
async fn concurrency() {}

#[on("most", concurrency = 1_024)]
async fn most() {}

#[on("once", once_by = "/0/id")]
async fn once(_: koio::extract::Args) {}

fn key(args: &koio::extract::Args) -> Result<(String, u32)> {
    Ok((args.get(0)?, args.get(1)?))
}

#[on("once by a function", once_by = key)]
async fn once_by_a_function() {}

#[on("once by a closure", once_by = |args: &koio::extract::Args| args.get::<u32>(0))]
async fn once_by_a_closure() {}

struct Reports;

#[on(concurrency = 8)]
impl Reports {
    #[on("report")]
    async fn report(&self) {}

    #[on("print", concurrency = 1usize)]
    async fn print(&self) {}

    #[on("connection")]
    async fn connected(&self) {}
}

#[on("all", also, timeout = "1h", wrap = [pass], ns = "/", concurrency = 2, crate = koio,)]
async fn all(_ctx: Context) {}

#[on(r#"a "quoted" name"#)]
async fn raw() {}

#[on("*")]
async fn anything() {}

#[on("connection")]
async fn connection(_ctx: Context) -> Result<()> {
    Ok(())
}

#[test]
fn options_stand_in_any_order() {
    let listed: Handlers = handlers![
        namespace, wrap, no_wrap, also, timeout, all, raw, anything, connection
    ];
    let io = koio::Io::new().handlers(handlers![concurrency, most, (Reports)]);
    let table = io.describe();
    let at_once = table.rows().iter().map(koio::describe::Row::concurrency);
    assert_eq!(at_once.collect::<Vec<_>>(), [16, 1_024, 8, 1, 1]);
    let once = handlers![once, once_by_a_function, once_by_a_closure];
    let table = koio::Io::new().handlers(once).describe();
    let keys: Vec<_> = table
        .rows()
        .iter()
        .filter_map(koio::describe::Row::once_by)
        .collect();
    assert_eq!(keys[0], "`/0/id`");
    assert!(keys[1].contains("options::key"), "{keys:?}");
    assert_eq!(keys.len(), 3);
    let described = format!("{listed:?}");
    assert!(described.contains("/chat"), "{described}");
}
