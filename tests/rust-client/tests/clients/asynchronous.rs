//! The asynchronous client.

use std::sync::mpsc::Sender;

use futures_util::FutureExt;
use koio_rust_client::PATIENCE;
use rust_socketio::asynchronous::{Client, ClientBuilder};
use rust_socketio::{Error, Event, Payload};
use tokio::runtime::{Builder, Runtime};

use crate::peer::{self, Options, Told};

pub(crate) struct Asynchronous {
    client: Client,
    runtime: Runtime,
}

impl peer::Client for Asynchronous {
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
                told.send((event.clone(), payload)).ok();
                async {}.boxed()
            });
        }
        builder = builder.on_any(move |event, payload, _| {
            told.send((event, payload)).ok();
            async {}.boxed()
        });
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let client = runtime.block_on(builder.connect())?;
        Ok(Self { client, runtime })
    }

    fn emit(&self, event: &str, payload: Payload) -> Result<(), Box<Error>> {
        Ok(self.runtime.block_on(self.client.emit(event, payload))?)
    }

    fn ask(
        &self,
        event: &str,
        payload: Payload,
        answer: Sender<Payload>,
    ) -> Result<(), Box<Error>> {
        let answered = move |payload, _| {
            answer.send(payload).ok();
            async {}.boxed()
        };
        let asked = self
            .client
            .emit_with_ack(event, payload, PATIENCE, answered);
        Ok(self.runtime.block_on(asked)?)
    }

    fn disconnect(&self) -> Result<(), Box<Error>> {
        Ok(self.runtime.block_on(self.client.disconnect())?)
    }
}
