//! The blocking client.

use std::sync::mpsc::Sender;

use koio_rust_client::PATIENCE;
use rust_socketio::client::Client;
use rust_socketio::{ClientBuilder, Error, Event, Payload};

use crate::peer::{self, Options, Told};

pub(crate) struct Blocking(Client);

/// Its thread reconnects for as long as the process lives. The end of a test ends it: the receiver of `told` is gone then.
fn pass_on(told: &Sender<Told>, what: Told) {
    if told.send(what).is_err() {
        std::panic::resume_unwind(Box::new("the test is over"));
    }
}

impl peer::Client for Blocking {
    fn connect(options: Options, told: Sender<Told>) -> Result<Self, Box<Error>> {
        let mut builder = ClientBuilder::new(options.url)
            .transport_type(options.way)
            .namespace(options.namespace)
            .reconnect_delay(100, 500)
            .reconnect_on_disconnect(options.reconnect_on_disconnect);
        if let Some(auth) = options.auth {
            builder = builder.auth(auth);
        }
        for event in [Event::Connect, Event::Close, Event::Error] {
            let told = told.clone();
            builder = builder.on(event.clone(), move |payload, _| {
                pass_on(&told, (event.clone(), payload));
            });
        }
        builder = builder.on_any(move |event, payload, _| {
            pass_on(&told, (event, payload));
        });
        Ok(Self(builder.connect()?))
    }

    fn emit(&self, event: &str, payload: Payload) -> Result<(), Box<Error>> {
        Ok(self.0.emit(event, payload)?)
    }

    fn ask(
        &self,
        event: &str,
        payload: Payload,
        answer: Sender<Payload>,
    ) -> Result<(), Box<Error>> {
        let answered = move |payload, _| drop(answer.send(payload));
        Ok(self.0.emit_with_ack(event, payload, PATIENCE, answered)?)
    }

    fn disconnect(&self) -> Result<(), Box<Error>> {
        Ok(self.0.disconnect()?)
    }
}
