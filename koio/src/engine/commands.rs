//! Commands from other tasks to a session's task.

use std::{
    any::Any,
    mem::take,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;
use smallvec::SmallVec;

use super::{CloseReason, ending::Ending, transport::Transport};

/// A command to a session's task.
pub(crate) enum Command {
    /// Offers a transport that the session may move to. Its connection is established.
    Probe(Box<dyn Transport>),
    /// Ends the session, because its client broke the transport's rules or aborted a request.
    Lost(CloseReason),
    /// A connection that carried requests of the session has ended with none under way. Maybe the client is gone.
    ConnectionEnded,
    /// The client has connected again, for the transport in use.
    Reconnected(Box<dyn Any + Send>),
    /// Starts no further event, and ends the session when those that run are answered: the server shuts down.
    Drain,
    /// Ends the session: the layer above closed it.
    Close {
        reason: CloseReason,
        ending: Ending,
        /// What the client is told, on a transport that can say it.
        words: Option<Box<str>>,
    },
}

/// Commands, oldest first. One is stored in place: an upgrade sends one, and allocates only for its transport.
type Commands = SmallVec<[Command; 1]>;

/// Commands that may wait for one session. An honest client has at most one probe under way.
const CAPACITY: usize = 64;

/// The commands that a session's task has not taken yet.
pub(crate) struct CommandQueue {
    /// Whether there are commands, readable without the lock. Written under the lock, and before the session's task is woken
    /// through its outbox, so a task that was woken sees it.
    pending: AtomicBool,
    state: Mutex<CommandState>,
}

struct CommandState {
    /// Boxed, and absent when empty, to keep idle sessions small: a WebSocket session rarely has commands.
    contents: Option<Box<CommandContents>>,
    closed: bool,
}

#[derive(Default)]
struct CommandContents {
    commands: Commands,
    /// What the transport shares with the tasks that serve its requests.
    mailbox: Option<Arc<dyn Any + Send + Sync>>,
}

/// A command or a request was refused: the session is over, or too many are pending.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotTaken;

impl CommandQueue {
    pub(crate) fn new(mailbox: Option<Arc<dyn Any + Send + Sync>>) -> Self {
        let contents = mailbox.map(|mailbox| {
            Box::new(CommandContents {
                commands: Commands::new(),
                mailbox: Some(mailbox),
            })
        });
        Self {
            pending: AtomicBool::new(false),
            state: Mutex::new(CommandState {
                contents,
                closed: false,
            }),
        }
    }

    /// Queues a command. The caller wakes the session's task.
    pub(crate) fn push(&self, command: Command) -> Result<(), NotTaken> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(NotTaken);
        }
        let mut dropped = Commands::new();
        let commands = &mut state.contents.get_or_insert_default().commands;
        if commands.len() >= CAPACITY {
            match command {
                Command::Probe(_) | Command::ConnectionEnded | Command::Reconnected(_) => {
                    return Err(NotTaken);
                }
                // Goes beyond the capacity once: those that wait may end the session.
                Command::Drain => {
                    if commands.iter().any(|waits| matches!(waits, Command::Drain)) {
                        return Ok(());
                    }
                }
                // Never refused for want of room: it makes the others pointless.
                Command::Lost(_) | Command::Close { .. } => dropped = take(commands),
            }
        }
        commands.push(command);
        self.pending.store(true, Ordering::Release);
        drop(state);
        // Without the lock, as in `close`.
        drop(dropped);
        Ok(())
    }

    /// Takes all commands, oldest first.
    pub(crate) fn take(&self) -> Commands {
        if self.is_empty() {
            return Commands::new();
        }
        let mut state = self.state.lock();
        self.pending.store(false, Ordering::Release);
        let Some(contents) = &mut state.contents else {
            return Commands::new();
        };
        let commands = take(&mut contents.commands);
        state
            .contents
            .take_if(|contents| contents.mailbox.is_none());
        commands
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.pending.load(Ordering::Acquire)
    }

    /// The mailbox of the transport in use, if it is a `T`.
    pub(crate) fn mailbox<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let mailbox = self.state.lock().contents.as_ref()?.mailbox.clone();
        mailbox?.downcast().ok()
    }

    pub(crate) fn set_mailbox(&self, mailbox: Option<Arc<dyn Any + Send + Sync>>) {
        let mut state = self.state.lock();
        let before =
            std::mem::replace(&mut state.contents.get_or_insert_default().mailbox, mailbox);
        state
            .contents
            .take_if(|contents| contents.mailbox.is_none() && contents.commands.is_empty());
        drop(state);
        // Without the lock, as in `close`.
        drop(before);
    }

    /// Refuses every later command, and drops those that wait.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let dropped = state.contents.take();
        self.pending.store(false, Ordering::Release);
        drop(state);
        // Without the lock: dropping a transport answers its requests, which takes other locks.
        drop(dropped);
    }
}
