//! STUB until the socket layer lands.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    missing_debug_implementations,
    clippy::all,
    clippy::unwrap_used,
    clippy::must_use_candidate,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc
)]
use crate::{
    Result, Room, SocketId,
    wire::{EventName, RawArgs},
};
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

pub(crate) type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Clone, Debug)]
pub struct Socket(pub Arc<Inner>);
#[derive(Debug)]
pub struct Inner {
    pub id: SocketId,
    pub namespace: String,
    pub handshake: Handshake,
    pub log: Mutex<Vec<String>>,
}
impl Socket {
    pub fn stub(namespace: &str, auth: &str) -> Self {
        Self(Arc::new(Inner {
            id: SocketId::random().unwrap(),
            namespace: namespace.into(),
            handshake: Handshake(Arc::from(auth)),
            log: Mutex::default(),
        }))
    }
    pub fn log(&self, line: String) {
        self.0.log.lock().unwrap().push(line);
    }
    pub fn id(&self) -> SocketId {
        self.0.id
    }
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }
    pub fn handshake(&self) -> &Handshake {
        &self.0.handshake
    }
    pub fn io(&self) -> IoHandle {
        IoHandle
    }
    pub fn emit(&self, _name: &str, _args: impl Serialize) -> Result<()> {
        Ok(())
    }
    pub fn to(&self, _room: impl Into<Room>) -> Emit {
        Emit
    }
    pub fn broadcast(&self) -> Emit {
        Emit
    }
    pub fn disconnect(&self) {
        self.log("disconnect".into());
    }
    pub(crate) fn protocol_error(&self) {
        self.log("protocol error".into());
    }
    pub(crate) fn answer(&self, id: u64, args: &(impl Serialize + ?Sized)) -> Result<()> {
        let value: Value = serde_json::to_value(args).map_err(crate::Error::from)?;
        self.log(format!("ack {id} {value}"));
        Ok(())
    }
}
#[derive(Clone, Debug)]
pub struct Handshake(Arc<str>);
impl Handshake {
    pub fn auth<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_str(&self.0)?)
    }
}
#[derive(Clone, Debug)]
pub struct IoHandle;
#[derive(Clone, Debug)]
pub struct Emit;
impl Emit {
    pub fn emit(&self, _name: &str, _args: impl Serialize) -> Result<()> {
        Ok(())
    }
    pub fn timeout(self, _d: Duration) -> Self {
        self
    }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    TransportClose,
}
impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("transport close")
    }
}

#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) name: EventName,
    pub(crate) args: RawArgs,
    pub(crate) ack: Option<u64>,
}
#[derive(Clone, Debug)]
pub(crate) struct Accept(pub(crate) Arc<Mutex<Option<String>>>, pub(crate) Socket);
impl Accept {
    pub(crate) fn accept(&self) -> bool {
        let mut slot = self.0.lock().unwrap();
        if slot.is_some() {
            return false;
        }
        *slot = Some("accepted".into());
        self.1.log("accepted".into());
        true
    }
    pub(crate) fn refuse(&self, message: &str, data: Option<Box<RawValue>>) {
        let mut slot = self.0.lock().unwrap();
        if slot.is_none() {
            let text = format!(
                "refused {message} {}",
                data.map_or(String::new(), |d| d.get().to_owned())
            );
            *slot = Some(text.clone());
            self.1.log(text);
        }
    }
    pub(crate) fn is_answered(&self) -> bool {
        self.0.lock().unwrap().is_some()
    }
}
pub(crate) trait Dispatch: Send + Sync + 'static {
    fn connect(&self, socket: Socket, accept: Accept) -> BoxFuture;
    fn event(&self, socket: Socket, event: Event) -> BoxFuture;
    fn disconnect(&self, socket: Socket, reason: CloseReason) -> BoxFuture;
    fn has_namespace(&self, namespace: &str) -> bool;
}
