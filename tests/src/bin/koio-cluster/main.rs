//! A server that joins the cluster of `REDIS_URL`, for the tests with servers of Node. A client tells it what to do with the
//! cluster; each event is one call of koio's. `KEY` is the prefix of its channels; with `START_ALONE` it starts without Redis.
//! `SHARDED` is the subscription mode of a sharded cluster.
//! koio says where it listens.

mod server_side;

use std::time::Duration;

use koio::cluster::{PartialAnswer, Redis, RemoteSocket, SubscriptionMode};
use koio::config::PerMessageDeflate;
use koio::emit::Emit;
use koio::{Auth, Bytes, Context, Error, Io, Namespace, Result, Socket, handlers, on};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Whom a call means.
#[derive(Deserialize)]
#[serde(default)]
struct Whom {
    namespace: String,
    to: Vec<String>,
    except: Vec<String>,
    local: bool,
    volatile: bool,
    uncompressed: bool,
    /// Milliseconds.
    timeout: u64,
}

impl Default for Whom {
    fn default() -> Self {
        Self {
            namespace: "/".to_owned(),
            to: Vec::new(),
            except: Vec::new(),
            local: false,
            volatile: false,
            uncompressed: false,
            timeout: 5_000,
        }
    }
}

impl Whom {
    fn emit(&self, ctx: &Context) -> Emit {
        let all = ctx.io().of(&self.namespace);
        let mut emit = all.timeout(Duration::from_millis(self.timeout));
        for room in &self.to {
            emit = emit.to(room);
        }
        for room in &self.except {
            emit = emit.except(room);
        }
        if self.local {
            emit = emit.local();
        }
        if self.volatile {
            emit = emit.volatile();
        }
        emit.compress(!self.uncompressed)
    }
}

#[on("connection")]
async fn connected(socket: Socket, Auth(auth): Auth<Value>) -> Result<()> {
    if let Some(room) = auth["room"].as_str() {
        socket.join(room)?;
    }
    if auth["data"].is_object() {
        socket.set_data(&auth["data"])?;
    }
    Ok(())
}

/// To all others, or to those in these rooms.
#[on("tell others")]
async fn tell_others(
    socket: Socket,
    rooms: Vec<String>,
    event: String,
    values: (Value, Value, Bytes, Bytes),
) -> Result<()> {
    let mut emit = socket.others();
    for room in rooms {
        emit = emit.to(room);
    }
    let (one, two, three, four) = values;
    emit.emit(&event, koio::args![one, two, three, four])
}

#[on("emit", ns = "/control")]
async fn emit(ctx: Context, whom: Whom, event: String, value: Value) -> Result<()> {
    whom.emit(&ctx).emit(&event, value)
}

#[on("emit binary", ns = "/control")]
async fn emit_binary(ctx: Context, whom: Whom, event: String, value: Bytes) -> Result<()> {
    #[derive(Serialize)]
    struct Nested {
        deep: Vec<Bytes>,
    }
    let deep = vec![value.clone(), Bytes::from(vec![0, 255])];
    let value = koio::args![value, Nested { deep }, "text"];
    whom.emit(&ctx).emit(&event, value)
}

#[on("join", ns = "/control")]
async fn join(ctx: Context, whom: Whom, room: String) -> Result<()> {
    whom.emit(&ctx).sockets_join(room)?;
    match ctx.io().alone_since() {
        Some(_) => Ok(()),
        None => ctx.io().cluster_subscribed().await,
    }
}

#[on("leave", ns = "/control")]
async fn leave(ctx: Context, whom: Whom, room: String) -> Result<()> {
    whom.emit(&ctx).sockets_leave(room)
}

#[on("disconnect sockets", ns = "/control")]
async fn disconnect_sockets(ctx: Context, whom: Whom, close: Option<bool>) -> Result<()> {
    let sockets = whom.emit(&ctx);
    if close == Some(true) {
        sockets.disconnect_all()
    } else {
        sockets.disconnect_sockets()
    }
}

fn described(sockets: &[RemoteSocket]) -> Result<Vec<Value>> {
    let each = |socket: &RemoteSocket| {
        let handshake = socket.handshake();
        Ok(json!({
            "id": socket.id(),
            "rooms": socket.rooms(),
            "data": socket.data::<Value>()?,
            "query": handshake.query("name"),
            "header": handshake.header("x-test"),
            "auth": handshake.auth::<Value>()?,
        }))
    };
    sockets.iter().map(each).collect()
}

fn missing(error: &Error) -> Result<&PartialAnswer> {
    let partial = error.downcast_ref::<PartialAnswer>();
    partial.ok_or_else(|| Error::new("other", error.to_string()))
}

fn names(partial: &PartialAnswer) -> Vec<&str> {
    partial
        .missing()
        .iter()
        .map(koio::cluster::NodeId::as_str)
        .collect()
}

#[on("fetch", ns = "/control")]
async fn fetch(ctx: Context, whom: Whom) -> Result<Value> {
    match whom.emit(&ctx).fetch_sockets().await {
        Ok(sockets) => Ok(json!({ "sockets": described(&sockets)?, "missing": [] })),
        Err(error) => {
            let partial = missing(&error)?;
            Ok(json!({ "sockets": described(partial.sockets())?, "missing": names(partial) }))
        }
    }
}

type Answers = Vec<(koio::SocketId, Result<Value>)>;

fn answered(answers: Answers, missing: Vec<&str>) -> Value {
    let values: Vec<_> = answers
        .iter()
        .filter_map(|(_, answer)| answer.as_ref().ok())
        .collect();
    json!({ "values": values, "failed": answers.len() - values.len(), "missing": missing })
}

#[on("ask", ns = "/control")]
async fn ask(ctx: Context, whom: Whom, event: String, value: Value) -> Result<Value> {
    match whom.emit(&ctx).emit_with_acks(&event, value).await {
        Ok(answers) => Ok(answered(answers, Vec::new())),
        Err(error) => {
            let partial = missing(&error)?;
            Ok(answered(partial.answers(), names(partial)))
        }
    }
}

/// Each client answers with binary data.
#[on("ask binary", ns = "/control")]
async fn ask_binary(ctx: Context, whom: Whom, event: String, value: Value) -> Result<Vec<Bytes>> {
    let answers = whom.emit(&ctx).emit_with_acks(&event, value).await?;
    answers.into_iter().map(|(_, answer)| answer).collect()
}

#[on("ask one", ns = "/control")]
async fn ask_one(ctx: Context, whom: Whom, event: String, value: Value) -> Result<Value> {
    let sockets = whom.emit(&ctx).fetch_sockets().await?;
    let socket = sockets
        .first()
        .ok_or_else(|| Error::new("none", "no such socket"))?;
    let asked = socket.only().timeout(Duration::from_millis(whom.timeout));
    asked.emit_with_ack(&event, value).await
}

#[on("subscribed", ns = "/control")]
async fn subscribed(ctx: Context) -> Result<()> {
    ctx.io().cluster_subscribed().await
}

#[on("alone", ns = "/control")]
async fn alone(ctx: Context) -> bool {
    ctx.io().alone_since().is_some()
}

#[on("counts", ns = "/control")]
async fn counts(ctx: Context) -> Value {
    let counts = ctx.io().counts();
    json!({
        "malformed": counts.cluster_malformed,
        "unpublished": counts.cluster_unpublished,
        "dropped": counts.cluster_dropped,
        "gaps": counts.cluster_gaps,
    })
}

#[tokio::main]
async fn main() -> Result<()> {
    let env = |name| std::env::var(name).ok();
    let mut redis = Redis::new(env("REDIS_URL").unwrap_or_default());
    if let Some(key) = env("KEY") {
        redis = redis.key(key);
    }
    if env("START_ALONE").is_some() {
        redis = redis.start_alone();
    }
    if let Some(mode) = env("SHARDED") {
        redis = redis.sharded().subscription_mode(match &*mode {
            "static" => SubscriptionMode::Static,
            "dynamic-private" => SubscriptionMode::DynamicPrivate,
            _ => SubscriptionMode::Dynamic,
        });
    }
    let plain = || Namespace::new().handlers(handlers![connected, tell_others]);
    let control = Namespace::new().handlers(handlers![
        emit,
        emit_binary,
        join,
        leave,
        disconnect_sockets,
        fetch,
        ask,
        ask_binary,
        ask_one,
        subscribed,
        alone,
        counts,
        server_side::control(),
    ]);
    server_side::handled_in_root(Io::new())
        .handlers(handlers![connected, tell_others])
        .namespace("/control", control)
        .namespace("/chat", server_side::handled(plain()))
        .namespace("/ä b#c", server_side::handled(plain()))
        .namespace("/visitors/{id}", plain())
        .namespace("/a[1]*#b", plain())
        .namespace("/a", plain())
        .namespace("/a#b", plain())
        .per_message_deflate(PerMessageDeflate::new())
        .cluster(redis)
        .listen("127.0.0.1:0")
        .await
}
