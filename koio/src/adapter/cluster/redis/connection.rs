//! The handle to the connection, and the tasks that keep it.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use redis::{PushInfo, aio::MultiplexedConnection};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};

use super::{
    super::{
        broker::PublishError,
        publish_queue::{PublishLimits, PublishQueue},
        redis_channel::RedisChannel,
    },
    counting::Counting,
    events::RedisEvents,
    publication::RedisPublication,
    publisher::Publisher,
    server::{RedisServer, RedisUnreachable, late},
    socket::RedisSocket,
    subscriber::{Listening, Subscriber},
    subscriptions::Subscriptions,
};

/// Where Redis is, and how its connection is kept.
#[derive(Clone)]
pub(in crate::adapter::cluster) struct RedisOptions {
    /// `redis://[user][:password@]host[:port][/db]` or `unix:///path`.
    pub(in crate::adapter::cluster) url: String,
    /// How much may wait to be published.
    pub(in crate::adapter::cluster) limits: PublishLimits,
    /// How long one attempt to connect may take, and one command.
    pub(in crate::adapter::cluster) connect_timeout: Duration,
    /// How long nothing may come before it is tried whether the connection hears.
    pub(in crate::adapter::cluster) probe_interval: Duration,
    /// A channel of this node alone, for that.
    pub(in crate::adapter::cluster) probe_channel: RedisChannel,
}

impl RedisOptions {
    /// With the defaults: those of [`PublishLimits`], 5 s to connect, a probe after 30 s.
    pub(in crate::adapter::cluster) fn new(
        url: impl Into<String>,
        probe_channel: RedisChannel,
    ) -> Self {
        Self {
            url: url.into(),
            limits: PublishLimits::default(),
            connect_timeout: Duration::from_secs(5),
            probe_interval: Duration::from_secs(30),
            probe_channel,
        }
    }
}

/// The connections to one Redis server. Cloning costs a reference count; they end with [`close`](Self::close), or with the
/// last clone.
#[derive(Clone)]
pub(in crate::adapter::cluster) struct RedisConnection(Arc<KeptConnection>);

struct KeptConnection {
    server: Arc<RedisServer>,
    within: Duration,
    queue: Arc<PublishQueue<RedisPublication>>,
    subscriptions: Arc<Mutex<Subscriptions>>,
    changed: Arc<Notify>,
    listening: watch::Receiver<Listening>,
    commands: watch::Receiver<Option<MultiplexedConnection>>,
    counting: Arc<Counting>,
    events: Arc<dyn RedisEvents>,
    tasks: [JoinHandle<()>; 3],
}

impl RedisConnection {
    /// Opens both connections once, and keeps them from then on. Nothing is subscribed yet.
    ///
    /// # Errors
    /// The URL can't be read, or Redis can't be reached or used within `connect_timeout`. The error has the address, never
    /// the password.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(in crate::adapter::cluster) async fn connect(
        options: RedisOptions,
        events: Arc<dyn RedisEvents>,
    ) -> Result<Self, RedisUnreachable> {
        let parts = UnstartedConnection::new(options, events)?;
        let publishing = RedisSocket::open(
            &parts.publisher.server,
            None::<fn(PushInfo)>,
            parts.publisher.within,
        );
        let listening = parts.subscriber.open();
        let (publishing, listening) = tokio::try_join!(publishing, listening)?;
        parts.publisher.queue.open();
        Ok(parts.start(Some((publishing, listening))))
    }

    /// Whether a URL can be read.
    ///
    /// # Errors
    /// It can't.
    pub(in crate::adapter::cluster) fn check(url: &str) -> Result<(), RedisUnreachable> {
        RedisServer::parse(url).map(|_| ())
    }

    /// Connects in the background, for ever.
    ///
    /// # Errors
    /// The URL can't be read.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(in crate::adapter::cluster) fn start_alone(
        options: RedisOptions,
        events: Arc<dyn RedisEvents>,
    ) -> Result<Self, RedisUnreachable> {
        Ok(UnstartedConnection::new(options, events)?.start(None))
    }

    /// Queues a message for a channel; never blocks. All messages of all channels are published in one order.
    ///
    /// What waits outlasts a short loss of the connection: it is kept until the first attempt to connect again has failed. A
    /// connection that was lost within 10 s of the loss before keeps nothing.
    ///
    /// # Errors
    /// Too much waits, there is no connection, or it was closed.
    pub(in crate::adapter::cluster) fn publish(
        &self,
        channel: RedisChannel,
        payload: Bytes,
    ) -> Result<(), PublishError> {
        let publication = RedisPublication {
            channel,
            payload,
            accepted: None,
        };
        self.0
            .queue
            .push(publication)
            .map_err(|refusal| PublishError::new(refusal.to_string()))
    }

    /// Adds channels to those that are subscribed, in this order, now or as soon as there is a connection.
    pub(in crate::adapter::cluster) fn subscribe(
        &self,
        channels: impl IntoIterator<Item = RedisChannel>,
    ) {
        self.0.subscriptions.lock().add(channels);
        self.0.changed.notify_one();
    }

    /// Takes channels out of those that are subscribed, in this order.
    pub(in crate::adapter::cluster) fn unsubscribe(
        &self,
        channels: impl IntoIterator<Item = RedisChannel>,
    ) {
        self.0.subscriptions.lock().remove(channels);
        self.0.changed.notify_one();
    }

    /// The channels that are subscribed, or are to be.
    pub(in crate::adapter::cluster) fn subscriptions(&self) -> Vec<RedisChannel> {
        self.0.subscriptions.lock().wanted()
    }

    /// Whether Redis has confirmed all subscriptions.
    pub(in crate::adapter::cluster) fn is_subscribed(&self) -> bool {
        let wanted = self.0.subscriptions.lock().last();
        let listening = self.0.listening.borrow();
        listening.is_up && listening.confirmed >= wanted
    }

    /// Ready when Redis has confirmed all subscriptions that were asked for before this call.
    ///
    /// # Errors
    /// That takes longer than `connect_timeout`, or the connection was closed.
    pub(in crate::adapter::cluster) async fn subscribed(&self) -> Result<(), RedisUnreachable> {
        let wanted = self.0.subscriptions.lock().last();
        let mut listening = self.0.listening.clone();
        let confirmed =
            listening.wait_for(|listening| listening.is_up && listening.confirmed >= wanted);
        let cause = match timeout(self.0.within, confirmed).await {
            _ if self.0.queue.is_closed() => "the node has left the cluster".to_owned(),
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(_)) => "its task has ended".to_owned(),
            Err(_) => match &self.0.listening.borrow().cause {
                Some(cause) => cause.to_string(),
                None => late("to subscribe", self.0.within),
            },
        };
        Err(self.0.server.unreachable(cause))
    }

    /// How many connections have subscribed a channel, on all nodes; `None` if Redis does not say it within
    /// `connect_timeout`.
    pub(in crate::adapter::cluster) async fn subscriber_count(
        &self,
        channel: RedisChannel,
    ) -> Option<usize> {
        self.0.counting.count(channel).await
    }

    /// Unsubscribes the channels given, waits until that is confirmed and what is queued is sent, both together at most
    /// `within`, and ends the connections and their tasks, of all clones.
    pub(in crate::adapter::cluster) fn close(
        &self,
        first: Vec<RedisChannel>,
        within: Duration,
    ) -> impl Future<Output = ()> + Send + use<> {
        let kept = Arc::clone(&self.0);
        async move {
            let until = Instant::now() + within;
            let wanted = {
                let mut subscriptions = kept.subscriptions.lock();
                subscriptions.remove(first);
                subscriptions.last()
            };
            kept.changed.notify_one();
            let mut listening = kept.listening.clone();
            // A connection that is not there has nothing subscribed.
            let told =
                listening.wait_for(|listening| !listening.is_up || listening.confirmed >= wanted);
            // A lapse of the time is told by what is left in the queue below.
            let _ = timeout_at(until, told).await;
            kept.queue.close();
            let _ = timeout_at(until, kept.queue.flushed()).await;
            kept.end();
        }
    }
}

impl KeptConnection {
    fn end(&self) {
        for task in &self.tasks {
            task.abort();
        }
        self.queue.close();
        let lost = self.queue.refuse();
        if lost > 0 {
            self.events
                .unpublished(lost, "the node has left the cluster");
        }
    }
}

impl Drop for KeptConnection {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConnection")
            .field("server", &format_args!("{}", self.0.server))
            .field("is_listening", &self.0.listening.borrow().is_up)
            .field("is_publishing", &self.0.commands.borrow().is_some())
            .field("subscriptions", &self.0.subscriptions.lock().len())
            .field("waiting", &self.0.queue.len())
            .finish()
    }
}

/// A connection before its tasks start.
struct UnstartedConnection {
    publisher: Publisher,
    subscriber: Subscriber,
    commands: watch::Receiver<Option<MultiplexedConnection>>,
    listening: watch::Receiver<Listening>,
}

impl UnstartedConnection {
    fn new(options: RedisOptions, events: Arc<dyn RedisEvents>) -> Result<Self, RedisUnreachable> {
        let server = Arc::new(RedisServer::parse(&options.url)?);
        let queue = Arc::new(PublishQueue::new(options.limits));
        let (commands_sender, commands) = watch::channel(None);
        let (listening_sender, listening) = watch::channel(Listening::default());
        Ok(Self {
            subscriber: Subscriber {
                server: Arc::clone(&server),
                within: options.connect_timeout,
                probe_interval: options.probe_interval,
                probe_channel: options.probe_channel,
                subscriptions: Arc::default(),
                changed: Arc::default(),
                listening: listening_sender,
                queue: Arc::clone(&queue),
                events: Arc::clone(&events),
                heard: Arc::new(AtomicBool::new(false)),
                commands: commands.clone(),
            },
            publisher: Publisher {
                server,
                within: options.connect_timeout,
                queue,
                commands: commands_sender,
                events,
            },
            commands,
            listening,
        })
    }

    fn start(self, opened: Option<(RedisSocket, RedisSocket)>) -> RedisConnection {
        let Self {
            publisher,
            subscriber,
            commands,
            listening,
        } = self;
        let (publishing, hearing) = opened.unzip();
        let counting = Arc::new(Counting::new(commands.clone(), publisher.within));
        let counter = Arc::clone(&counting);
        RedisConnection(Arc::new(KeptConnection {
            server: Arc::clone(&publisher.server),
            within: publisher.within,
            queue: Arc::clone(&publisher.queue),
            subscriptions: Arc::clone(&subscriber.subscriptions),
            changed: Arc::clone(&subscriber.changed),
            listening,
            commands,
            counting,
            events: Arc::clone(&publisher.events),
            tasks: [
                tokio::spawn(publisher.run(publishing)),
                tokio::spawn(subscriber.run(hearing)),
                tokio::spawn(async move { counter.run().await }),
            ],
        }))
    }
}
