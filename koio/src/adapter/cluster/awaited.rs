//! Which nodes have not answered a request yet.

use super::node::NodeId;

/// The most answers of servers without names that one request takes: more are no servers.
const MOST_UNNAMED: usize = 10_000;

/// The nodes that a request waits for: by name, or as a number of servers that have none, which may become known later.
#[derive(Debug, Default)]
pub(in crate::adapter) struct AwaitedNodes {
    /// Nodes that have not answered.
    silent: Vec<NodeId>,
    unnamed: UnnamedCount,
    unnamed_heard: usize,
    /// Nodes that could not be asked. No request waits for them.
    unreachable: Vec<NodeId>,
}

/// How many servers without names are to answer.
#[derive(Debug, Default)]
enum UnnamedCount {
    /// There can't be any.
    #[default]
    None,
    /// The broker counts them.
    Counting,
    Known(usize),
    /// The broker could not count them.
    Unknown,
}

impl AwaitedNodes {
    /// `unnamed`: servers without names may answer too, and their number is told by [`counted`](Self::counted).
    pub(super) fn new(silent: Vec<NodeId>, unnamed: bool) -> Self {
        Self {
            silent,
            unnamed: match unnamed {
                true => UnnamedCount::Counting,
                false => UnnamedCount::None,
            },
            ..Self::default()
        }
    }

    /// The number of servers without names; `None` if the broker can't say it.
    pub(in crate::adapter) fn counted(&mut self, count: Option<usize>) {
        if matches!(self.unnamed, UnnamedCount::Counting) {
            self.unnamed = count.map_or(UnnamedCount::Unknown, UnnamedCount::Known);
        }
    }

    /// Whether the answer of a node counts: it was asked, and this is its first.
    pub(in crate::adapter) fn heard(&mut self, node: &NodeId) -> bool {
        if node.is_unnamed() {
            let counts =
                !matches!(self.unnamed, UnnamedCount::None) && self.unnamed_heard < MOST_UNNAMED;
            self.unnamed_heard += usize::from(counts);
            return counts;
        }
        let silent = self.silent.len();
        self.silent.retain(|silent| silent != node);
        self.silent.len() < silent
    }

    /// A node has left: its answer is waited for no longer.
    pub(in crate::adapter) fn left(&mut self, node: &NodeId) {
        self.silent.retain(|silent| silent != node);
    }

    /// The request was not published: the nodes in `silent` are missing from here on.
    pub(in crate::adapter) fn unreachable(&mut self) {
        self.unreachable.append(&mut self.silent);
        if matches!(self.unnamed, UnnamedCount::Counting) {
            self.unnamed = UnnamedCount::Unknown;
        }
    }

    /// Whether no node is waited for.
    pub(in crate::adapter) fn is_empty(&self) -> bool {
        let all_unnamed = match self.unnamed {
            UnnamedCount::None | UnnamedCount::Unknown => true,
            UnnamedCount::Counting => false,
            UnnamedCount::Known(count) => self.unnamed_heard >= count,
        };
        self.silent.is_empty() && all_unnamed
    }

    /// Those that have not answered, when the wait has ended. Each server without a name is there once; if their number is
    /// not known, they are there once together.
    pub(in crate::adapter) fn missing(self) -> Vec<NodeId> {
        let mut missing = self.silent;
        missing.extend(self.unreachable);
        let unnamed = match self.unnamed {
            UnnamedCount::None => 0,
            UnnamedCount::Counting | UnnamedCount::Unknown => 1,
            UnnamedCount::Known(count) => {
                count.min(MOST_UNNAMED).saturating_sub(self.unnamed_heard)
            }
        };
        missing.extend(std::iter::repeat_n(NodeId::missing_server(), unnamed));
        missing
    }
}
