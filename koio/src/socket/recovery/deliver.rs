//! Events in the order of their namespace.

use parking_lot::Mutex;

use super::{log::NamespaceLog, position::POSITION_CHARS};
use crate::{
    Result,
    adapter::{Destination, Target},
    engine::{NotQueued, OldForm, OrderedSends},
    socket::{
        error::{closed, refused},
        follower,
        namespace::LiveNamespace,
        socket::Socket,
        watched::Watched,
    },
    wire::{Draft, Frame, FrameForms, OpenPlace, Parser, PerMessageDeflate, Revision},
};

/// An event with a place for its position, in both of its forms.
struct WithPlace {
    plain: OpenPlace,
    compressed: Option<OpenPlace>,
}

impl WithPlace {
    fn new(frame: &Frame, parser: Parser, namespace: &str) -> Option<Self> {
        Some(Self {
            plain: parser.open_place(frame, namespace, POSITION_CHARS)?,
            compressed: None,
        })
    }

    /// Makes the compressed form. Not to be called under a lock.
    fn compress(&mut self, settings: PerMessageDeflate) {
        self.compressed = self.plain.compressed(settings);
    }

    fn fill(self, position: &[u8]) -> FrameForms {
        FrameForms {
            plain: self.plain.fill(position),
            compressed: self.compressed.map(|place| Box::new(place.fill(position))),
        }
    }
}

/// Whether one of the sockets that are meant takes compressed messages. One that joins behind this gets the event as it is.
fn is_compressed_for_one(namespace: &LiveNamespace<Socket>, target: &Target) -> bool {
    let selection = namespace.rooms.select(target);
    let mut sockets = selection.iter();
    sockets.any(|socket| socket.session().deflate().is_some())
}

/// What a broadcast has done.
pub(in crate::socket) struct Broadcasted {
    pub(in crate::socket) recipients: usize,
    /// The sockets that could not take a volatile event.
    pub(in crate::socket) dropped: Vec<Socket>,
    /// The sockets whose observers are still to be told: a lock is held here.
    pub(in crate::socket) watched: Watched,
}

/// Queues an event for each socket of this namespace that is meant, and logs it unless it is volatile.
pub(in crate::socket) fn broadcast_in_order(
    namespace: &LiveNamespace<Socket>,
    log: &Mutex<NamespaceLog>,
    to: Destination<'_>,
    packet: &Frame,
    parser: Parser,
    deflate: Option<PerMessageDeflate>,
    volatile: bool,
) -> Broadcasted {
    let mut done = Broadcasted {
        recipients: 0,
        dropped: Vec::new(),
        watched: Watched::default(),
    };
    let Some(mut place) = WithPlace::new(packet, parser, &namespace.name) else {
        let namespace = &*namespace.name;
        tracing::warn!(
            namespace,
            "an event of another node is dropped: it has no form for clients of this one"
        );
        return done;
    };
    if let Some(settings) = deflate
        && settings.may_apply_to(packet.len())
        && is_compressed_for_one(namespace, to.target)
    {
        place.compress(settings);
    }
    let target = (!volatile).then(|| to.target.clone());
    let mut sends = OrderedSends::default();
    let mut log = log.lock();
    let position = match target {
        Some(_) => log.next_position(),
        None => log.position(),
    };
    let forms = place.fill(&position);
    let (mut old, mut may_come_back) = (OldForm::default(), log.is_kept());
    let selection = namespace.rooms.select(to.target);
    for socket in selection.iter().filter(|socket| socket.is_connected()) {
        done.recipients += 1;
        let without_position;
        let forms = match socket.session().revision() {
            Revision::Four => {
                may_come_back = true;
                &forms
            }
            // It would take the position for an argument.
            three => {
                without_position = FrameForms::from(old.of(packet, three).clone());
                &without_position
            }
        };
        if !volatile {
            // A connection that is lost already gets it when its client has come back.
            let _ = sends.share(socket.session(), forms);
            done.watched.sent_to(socket);
        } else if sends.share_volatile(socket.session(), forms) {
            done.watched.sent_to(socket);
        } else {
            done.dropped.push(socket.clone());
        }
    }
    if let Some(followers) = namespace.followers.get() {
        let plain = match parser {
            Parser::Json => Some(forms.plain.clone()),
            #[cfg(any(test, feature = "msgpack"))]
            Parser::Msgpack => {
                let place = packet.with_open_place(POSITION_CHARS);
                place.map(|place| place.fill(&position))
            }
        };
        if let Some(plain) = plain {
            done.recipients +=
                follower::tell_in_order(followers, to.target, &plain, volatile, &mut sends);
        }
    }
    if let Some(target) = target
        && may_come_back
    {
        log.append(forms, target);
    }
    drop(log);
    // Sockets may be dropped with it, so behind the lock.
    drop(selection);
    sends.finish();
    done
}

impl Socket {
    /// Queues an event for this client alone. False if it is volatile and was dropped.
    pub(in crate::socket) fn deliver_in_order(
        &self,
        log: &Mutex<NamespaceLog>,
        draft: Draft,
        volatile: bool,
    ) -> Result<bool> {
        let parser = self.core().parser();
        self.core().check_packet(&draft, self.namespace())?;
        let Some(mut place) = WithPlace::new(&draft.into_frame(), parser, self.namespace()) else {
            return Ok(true);
        };
        let session = self.session();
        if !volatile && !self.is_closed() && !session.has_room() {
            return Err(refused(session.refused(NotQueued::Full)));
        }
        if let Some(settings) = session.deflate() {
            place.compress(settings);
        }
        let target = Target {
            rooms: vec![self.id().into()],
            except: Vec::new(),
        };
        let mut sends = OrderedSends::default();
        let mut log = log.lock();
        // Its client is not connected, or is about to come back, and gets it from the log.
        let is_away = log.is_away(&self.id());
        let sent = if !is_away && self.is_closed() {
            Err(closed())
        } else if volatile {
            let forms = place.fill(&log.position());
            Ok(!is_away && sends.share_volatile(session, &forms))
        } else {
            let forms = place.fill(&log.next_position());
            let queued = match is_away {
                true => Ok(()),
                false => sends.give(session, &forms),
            };
            if queued.is_ok() {
                log.append(forms, target);
            }
            queued
                .map(|()| true)
                .map_err(|why| refused(session.refused(why)))
        };
        drop(log);
        sends.finish();
        sent
    }
}
