//! The auto traits of the public types: losing one of these would break users.

use crate::error::BoxError;
use crate::router::BoxMiddleware;
use crate::router::Pipeline;
use crate::router::Route;
use crate::router::Running;
use crate::{
    Ack, Args, Context, Error, Handlers, Namespace, Next, Reply, State,
    router::{EventTable, Setup},
};

fn send<T: Send>() {}
fn send_and_sync<T: Send + Sync>() {}
fn clone<T: Clone>() {}

#[test]
fn what_is_sent_between_tasks_is_send() {
    send::<Next>();
    send::<Reply>();
    send::<Running>();
    send::<Setup>();
    send_and_sync::<Ack>();
    send_and_sync::<Args>();
    send_and_sync::<BoxError>();
    send_and_sync::<Context>();
    send_and_sync::<Error>();
    send_and_sync::<Handlers>();
    send_and_sync::<BoxMiddleware>();
    send_and_sync::<Namespace>();
    send_and_sync::<Pipeline>();
    send_and_sync::<Route>();
    send_and_sync::<EventTable>();
    send_and_sync::<State<u8>>();
}

#[test]
fn what_is_shared_is_clone() {
    clone::<Args>();
    clone::<Context>();
    clone::<BoxMiddleware>();
    clone::<Pipeline>();
    clone::<State<Error>>();
}
