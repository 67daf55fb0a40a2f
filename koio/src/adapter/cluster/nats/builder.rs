//! The broker that a program names.

use std::{
    fmt, fs,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use super::{
    super::{
        broker::{Broker, Connecting, Departing, PublishError, Topic},
        inbox::Inbox,
        message::ClusterMessage,
        node::NodeId,
        publish_queue::PublishLimits,
    },
    nats_node::NatsNode,
    nats_servers::NatsServers,
};
use crate::{Error, Result};

/// Joins servers of koio's through NATS.
///
/// ```no_run
/// # use koio::{Io, Result, cluster::Nats};
/// # async fn run() -> Result<()> {
/// let nats = Nats::new("nats://127.0.0.1:4222");
/// Io::new().cluster(nats).listen("0.0.0.0:3000").await
/// # }
/// ```
///
/// A server that is [bound](crate::Io::bind) does not start without NATS, unless it may [start alone](Self::start_alone). Later
/// it connects again for ever. While it is alone it serves its own clients; what other nodes publish meanwhile is lost for
/// them, which is logged, counted ([`Counts::cluster_gaps`](crate::observe::Counts::cluster_gaps)) and told by
/// [`IoHandle::alone_since`](crate::IoHandle::alone_since). A node that reads too slowly loses its connection to NATS, which is a
/// gap as well; messages that it drops itself are counted ([`Counts::cluster_dropped`](crate::observe::Counts::cluster_dropped)).
///
/// A node says every 5 s that it is there; one that was silent for 15 s is gone, one that shuts down says so. A message is at
/// most as large as NATS' `max_payload` (1 MiB by default); a larger one is lost for the other nodes and counted
/// ([`Counts::cluster_unpublished`](crate::observe::Counts::cluster_unpublished)).
///
/// One value is the broker of one server. TLS, which `tls://` wants and NATS may ask for, needs the feature `tls-ring`, or a default
/// provider of rustls' that the program installs; without one the start fails with an error that says so. A program that may publish
/// to the subjects may send to every client: nothing is signed.
pub struct Nats {
    url: String,
    prefix: String,
    roots: Option<PathBuf>,
    alone: bool,
    limits: PublishLimits,
    node: OnceLock<Arc<NatsNode>>,
}

impl Nats {
    /// A NATS server by its URL, `nats://[user:password@]host[:port]` or `nats://token@host`, or several of one NATS cluster
    /// with commas between. With `tls://` in front it has to speak TLS. nkeys and JWTs are not supported.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            prefix: "koio".to_owned(),
            roots: None,
            alone: false,
            limits: PublishLimits::default(),
            node: OnceLock::new(),
        }
    }

    /// What all subjects begin with. Default `koio`. Servers with different prefixes are different clusters. It may have dots
    /// in it, but is no pattern: no `*`, `>` or space, and no dot at its beginning or end.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// A file with certificates in PEM, in place of the system's: over TLS one of them has to have signed that of NATS, or be it.
    /// The start fails if the file can't be read. Default: the system's.
    #[must_use]
    pub fn root_certificates(mut self, file: impl Into<PathBuf>) -> Self {
        self.roots = Some(file.into());
        self
    }

    /// Starts although NATS can't be reached, and connects in the background; until then the server is
    /// [alone](crate::IoHandle::alone_since).
    #[must_use]
    pub fn start_alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// How many messages may wait to be published, and how many bytes of them. Default 8,192 and 64 MiB; neither is zero.
    /// What does not fit is lost for the other nodes and counted
    /// ([`Counts::cluster_unpublished`](crate::observe::Counts::cluster_unpublished)).
    #[must_use]
    pub fn publish_queue(mut self, messages: usize, bytes: usize) -> Self {
        self.limits = PublishLimits { messages, bytes };
        self
    }

    fn node(&self) -> &Arc<NatsNode> {
        let node = || Arc::new(NatsNode::new(self.prefix.clone(), self.limits));
        self.node.get_or_init(node)
    }

    fn servers(&self) -> Result<NatsServers> {
        if self.limits.messages == 0 || self.limits.bytes == 0 {
            return Err(Error::setup("`publish_queue` of `Nats` is zero"));
        }
        let is_token = |token: &str| {
            !token.is_empty()
                && !token.contains(|letter: char| {
                    letter == '*' || letter == '>' || letter.is_whitespace() || letter.is_control()
                })
        };
        if !self.prefix.split('.').all(is_token) {
            let problem = format!("`prefix` of `Nats` is no subject: {:?}", self.prefix);
            return Err(Error::setup(problem));
        }
        if let Some(file) = &self.roots
            && let Err(error) = fs::read(file)
        {
            let file = file.display();
            let problem = format!("`root_certificates` of `Nats` can't be read: {file}: {error}");
            return Err(Error::setup(problem));
        }
        NatsServers::parse(&self.url, self.roots.clone())
            .map_err(|problem| Error::setup(problem.to_string()))
    }

    async fn connect_now(&self) -> Result<()> {
        let servers = self.servers()?;
        let node = self.node();
        if node.is_joined() {
            return match self.alone {
                true => Ok(()),
                false => node.hears(&servers).await.map_err(unusable),
            };
        }
        if !self.alone && !node.has_client() {
            node.connect(&servers).await.map_err(unusable)?;
        }
        Ok(())
    }
}

fn unusable(error: impl fmt::Display) -> Error {
    Error::new("cluster", error.to_string()).hide()
}

impl Broker for Nats {
    fn check(&self) -> Result<()> {
        self.servers().map(|_| ())
    }

    fn connect(&self) -> Connecting<'_> {
        Box::pin(self.connect_now())
    }

    fn join(&self, inbox: Inbox) {
        match self.servers() {
            Ok(servers) => self.node().join(inbox, servers),
            Err(error) => inbox.alone(&error),
        }
    }

    fn publish(
        &self,
        _: &NodeId,
        topic: &Topic,
        message: &ClusterMessage,
    ) -> std::result::Result<(), PublishError> {
        self.node().publish(topic, message)
    }

    fn leave(&self, _: &NodeId) {
        self.node().leave();
    }

    fn left(&self) -> Departing<'_> {
        Box::pin(self.node().left())
    }
}

impl Drop for Nats {
    /// A server that has connected and never joined.
    fn drop(&mut self) {
        if let Some(node) = self.node.get() {
            node.leave();
        }
    }
}

impl fmt::Debug for Nats {
    /// Without the URL, which may have a password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nats")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
