//! Rooms in each of which one member sends to all of them.

use std::time::Instant;

use super::pace::{Pace, QUIET};
use crate::{
    crowd::Crowd,
    failure::Failure,
    frames::{FIRST, Frame, TEXT, Template},
    reactor::PATIENCE,
    servers::Server,
    table::Measured,
};

/// A room, and how far its broadcast is.
struct Room {
    request: Template,
    news: Template,
    number: u64,
    missing: usize,
    sent: Instant,
}

struct Rooms {
    rooms: Vec<Room>,
    /// For each connection the number of the broadcast that it waits for. Connection `i` is in room `i / members`,
    /// and the first of a room sends.
    next: Vec<u64>,
    members: usize,
    delivered: u64,
    stopping: bool,
}

impl Rooms {
    fn new(rooms: usize, members: usize) -> Self {
        let room = |index| {
            // The room's name in the payload: so no other room's broadcast can pass for it.
            let payload = format!("#-room-{index:03}{}", "x".repeat(15));
            Room {
                request: Template::text(&format!(r##"42["say","room-{index:03}","{payload}"]"##)),
                news: Template::plain(&format!(r##"42["news","{payload}"]"##)),
                number: FIRST,
                missing: members,
                sent: Instant::now(),
            }
        };
        Self {
            rooms: (0..rooms).map(room).collect(),
            next: vec![FIRST; rooms * members],
            members,
            delivered: 0,
            stopping: false,
        }
    }

    /// The time that this delivery took. The last one makes the next broadcast due: its room is then in `due`.
    fn on_frame(
        &mut self,
        index: usize,
        frame: Frame<'_>,
        at: Instant,
        due: &mut Vec<usize>,
    ) -> Result<std::time::Duration, Failure> {
        let place = index / self.members;
        let room = &mut self.rooms[place];
        let expected = room.news.with(room.number);
        let is_next = frame.payload == expected && self.next[index] == room.number;
        if frame.opcode != TEXT || !is_next || room.missing == 0 {
            return Err(Failure::unexpected(frame.payload, expected));
        }
        self.next[index] += 1;
        self.delivered += 1;
        room.missing -= 1;
        let took = at - room.sent;
        if room.missing == 0 && !self.stopping {
            room.number += 1;
            room.missing = self.members;
            room.sent = at;
            due.push(place);
        }
        Ok(took)
    }

    fn missing(&self) -> u64 {
        self.rooms.iter().map(|room| room.missing as u64).sum()
    }
}

/// In each room the next broadcast is asked for as soon as all its members have got the last one.
pub(crate) fn run(
    server: &Server,
    rooms: usize,
    members: usize,
    pace: &Pace,
) -> Result<Measured, Failure> {
    let mut crowd = Crowd::new(server)?;
    crowd.open(rooms * members)?;
    join(&mut crowd, rooms, members)?;
    let mut rooms = Rooms::new(rooms, members);
    let mut due: Vec<usize> = (0..rooms.rooms.len()).collect();
    let measured = pace.measure(server, |latencies| {
        for place in due.drain(..) {
            let room = &mut rooms.rooms[place];
            crowd.send(place * members, room.request.with(room.number))?;
        }
        crowd.turn(&mut |index, frame, at, _| {
            latencies.record(rooms.on_frame(index, frame, at, &mut due)?);
            Ok(())
        })?;
        Ok(rooms.delivered)
    })?;
    // What has become due meanwhile is not asked for any more.
    for place in due.drain(..) {
        rooms.rooms[place].missing = 0;
    }
    rooms.stopping = true;
    let given_up = Instant::now() + PATIENCE;
    while rooms.missing() > 0 {
        let turned = crowd
            .turn(&mut |index, frame, at, _| rooms.on_frame(index, frame, at, &mut due).map(drop));
        match turned {
            Ok(()) if Instant::now() < given_up => {}
            Ok(()) | Err(Failure::Stuck) => return Err(Failure::Lost(rooms.missing())),
            Err(failure) => return Err(failure),
        }
    }
    crowd.stay_quiet(QUIET)?;
    Ok(measured)
}

/// Each joins its room, and has the answer to it.
fn join(crowd: &mut Crowd, rooms: usize, members: usize) -> Result<(), Failure> {
    let count = rooms * members;
    for index in 0..count {
        let room = index / members;
        let mut request = Template::text(&format!(r#"421["join","room-{room:03}"]"#));
        crowd.send(index, request.with(0))?;
    }
    let mut joined = vec![false; count];
    while !joined.iter().all(|joined| *joined) {
        crowd.turn(&mut |index, frame, _, _| {
            if !frame.payload.starts_with(b"431[") || joined[index] {
                return Err(Failure::unexpected(frame.payload, b"431["));
            }
            joined[index] = true;
            Ok(())
        })?;
    }
    Ok(())
}
