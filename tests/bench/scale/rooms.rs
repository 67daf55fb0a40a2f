//! Rooms of ten, few and many of them.

use super::{Scale, report::Report};
use crate::{
    crowd::{Crowd, nothing},
    failure::Failure,
    frames::{FIRST, TEXT, Template},
    rows::pace::QUIET,
    servers::Server,
    table::Measured,
};

/// Members of a room.
const MEMBERS: usize = 10;

pub(super) fn measure(scale: &Scale<'_>, report: &mut Report) -> Result<(), Failure> {
    let mut steps = Vec::new();
    for &rooms in scale.sizes.rooms {
        let figures = scale.pairs("rooms", 1, |server| {
            Ok(vec![say(scale, server, rooms)?.cost])
        })?;
        let what = format!("a delivery to a room of {MEMBERS}, one of {rooms} rooms");
        steps.push((what, figures[0]));
    }
    report.series("µs CPU", steps);
    Ok(())
}

/// One room after the other is spoken to, as soon as all members of the one before have heard it. The connections
/// are the same few whatever the number of rooms, so each is in many of them.
fn say(scale: &Scale<'_>, server: &Server, rooms: usize) -> Result<Measured, Failure> {
    let connections = scale.sizes.members;
    let mut crowd = Crowd::new(server)?;
    crowd.open(connections)?;
    let member = |room: usize, place: usize| (room * MEMBERS + place) % connections;
    for room in 0..rooms {
        let mut join = Template::text(&format!(r#"421["join","room-{room:05}"]"#));
        for place in 0..MEMBERS {
            join_one(&mut crowd, member(room, place), join.with(0))?;
        }
    }
    let mut heard = vec![0; connections];
    let mut room = 0;
    let mut number = FIRST;
    let mut delivered: u64 = 0;
    let payload = "#-".to_owned() + &"x".repeat(22);
    let measured = scale.options.pace().measure(server, |_| {
        let request = format!(r##"42["say","room-{room:05}","{payload}"]"##);
        crowd.send(member(room, 0), Template::text(&request).with(number))?;
        let mut news = Template::plain(&format!(r##"42["news","{payload}"]"##));
        let expected = news.with(number);
        let first = member(room, 0);
        let mut missing = MEMBERS;
        while missing > 0 {
            crowd.turn(&mut |index, frame, _, _| {
                let is_member = (index + connections - first) % connections < MEMBERS;
                let is_new = heard[index] < number;
                if frame.opcode != TEXT || frame.payload != expected || !is_member || !is_new {
                    return Err(Failure::unexpected(frame.payload, expected));
                }
                heard[index] = number;
                missing -= 1;
                Ok(())
            })?;
        }
        room = (room + 1) % rooms;
        number += 1;
        delivered += MEMBERS as u64;
        Ok(delivered)
    })?;
    crowd.stay_quiet(QUIET)?;
    Ok(measured)
}

fn join_one(crowd: &mut Crowd, index: usize, join: &[u8]) -> Result<(), Failure> {
    crowd.send(index, join)?;
    let mut joined = false;
    while !joined {
        crowd.turn(&mut |from, frame, at, out| {
            if from != index || !frame.payload.starts_with(b"431[") {
                return nothing(from, frame, at, out);
            }
            joined = true;
            Ok(())
        })?;
    }
    Ok(())
}
