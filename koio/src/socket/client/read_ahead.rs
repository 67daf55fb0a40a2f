//! When a client is not read: `read_ahead`.

use super::{Client, MAX_FINISHING};
use crate::observe::Observation;

impl Client {
    /// Whether what waits for this client's handlers leaves no room for another packet.
    pub(super) fn must_stop_reading(&mut self) -> bool {
        let config = self.connection.core.config();
        let drivers = self.drivers.iter_mut();
        let waiting: usize = drivers.map(|driver| driver.parked_bytes(config)).sum();
        let stops = waiting >= config.read_ahead;
        let is_crowded = self.drivers.len() >= config.namespaces + MAX_FINISHING;
        if stops != self.stopped {
            self.stopped = stops;
            self.connection.set_unread(if stops { waiting } else { 0 });
            if stops {
                self.reading_stops(waiting);
            }
        }
        stops || is_crowded || self.is_early()
    }

    /// Whether the events that wait for a CONNECT to be decided are as many as the queue of one socket holds. They are
    /// those of a client that may have no right to send any, so they do not get `read_ahead` as well.
    fn is_early(&self) -> bool {
        let config = self.connection.core.config();
        let (mut count, mut bytes) = (0, 0);
        for driver in &self.drivers {
            let early = driver.early_events();
            count += early.count;
            bytes += early.bytes;
        }
        count >= config.event_queue || bytes >= config.event_queue_bytes
    }

    fn reading_stops(&mut self, waiting: usize) {
        let extras = self.extras.get_or_insert_default();
        if !std::mem::replace(&mut extras.has_stopped, true) {
            let core = &self.connection.core;
            core.local.observers.notify(&Observation::ReadAheadFull {
                sid: self.connection.session.sid(),
                waiting,
                limit: core.config().read_ahead,
            });
        }
    }
}
