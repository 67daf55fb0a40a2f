//! What a client says that comes back, and the session that it finds.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{session::LostSession, table::Claimed};
use crate::{
    engine::CloseReason,
    ids::Pid,
    observe::Observation,
    socket::{server_core::ServerCore, socket::Socket},
    time::now,
};

/// The part of the payload of CONNECT that is about recovery. What has another shape than the official client's is ignored.
#[derive(Debug, PartialEq)]
struct Claim {
    pid: Pid,
    /// The offset of the last event that the client has seen, if it has seen one.
    offset: Option<String>,
}

#[derive(Deserialize)]
struct ClaimText<'a> {
    #[serde(borrow)]
    pid: &'a RawValue,
    #[serde(borrow, default)]
    offset: Option<&'a RawValue>,
}

impl Claim {
    fn read(auth: &[u8]) -> Option<Self> {
        let claim: ClaimText<'_> = serde_json::from_slice(auth).ok()?;
        let text = |value: &RawValue| serde_json::from_str::<String>(value.get()).ok();
        Some(Self {
            pid: Pid::parse(&text(claim.pid)?)?,
            offset: claim.offset.and_then(text),
        })
    }
}

/// The session that a client of this namespace comes back to, if there is one and nothing of what it has missed is gone. It is
/// no other client's from here on.
pub(in crate::socket) fn claim(
    core: &Arc<ServerCore<Socket>>,
    namespace: &str,
    auth: &[u8],
) -> Result<LostSession, Option<Box<LostSession>>> {
    let recovery = core.local.recovery.get().ok_or(None)?;
    let claim = Claim::read(auth).ok_or(None)?;
    let find = || {
        let mut table = recovery.table.lock();
        table.claim(&claim.pid, now(), |its| *its.name == *namespace)
    };
    let found = match find() {
        Some(Claimed::Connected(socket)) if socket.namespace() == namespace => {
            take_over(socket);
            find()
        }
        found => found,
    };
    let observers = &core.local.observers;
    let Some(Claimed::Session(mut session)) = found else {
        observers.notify(&Observation::NotRecovered {
            namespace,
            cause: "its session is not known: it has expired, or was another server's",
        });
        return Err(None);
    };
    let has_gap = session.namespace.log.as_ref().is_none_or(|log| {
        let log = log.lock();
        let since = session.record.since;
        session.record.since = log.seen(since, claim.offset.as_deref());
        log.has_gap(&session.record)
    });
    if has_gap {
        observers.notify(&Observation::NotRecovered {
            namespace,
            cause: &recovery.config.gap(),
        });
        return Err(Some(session));
    }
    Ok(*session)
}

/// The client has come back before the server has noticed that its old connection is lost, for example from another network.
fn take_over(socket: Socket) {
    if socket.lose() {
        let session = socket.session().clone();
        socket.request_close(CloseReason::TransportClose);
        session.lost(CloseReason::TransportClose);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_official_client_is_understood_and_anything_else_ignored() {
        let pid = "abcdefghijklmnopqrstuvwx";
        let read = |auth: String| Claim::read(auth.as_bytes()).map(|claim| claim.offset);
        assert_eq!(read(format!(r#"{{"pid":"{pid}"}}"#)), Some(None));
        let offset = Some("x".to_owned());
        assert_eq!(
            read(format!(r#"{{"pid":"{pid}","offset":"x"}}"#)),
            Some(offset.clone())
        );
        assert_eq!(
            read(format!(
                r#"{{"token":{{"a":[1]}},"offset":"x","pid":"{pid}"}}"#
            )),
            Some(offset)
        );
        for odd in ["null", "7", "[]", "{}", "true"] {
            assert_eq!(
                read(format!(r#"{{"pid":"{pid}","offset":{odd}}}"#)),
                Some(None),
                "{odd}"
            );
            assert_eq!(read(format!(r#"{{"pid":{odd}}}"#)), None, "{odd}");
        }
        for bad in ["", "{", "[]", "\"pid\"", "{}", r#"{"pid":"short"}"#] {
            assert_eq!(read(bad.to_owned()), None, "{bad}");
        }
    }
}
