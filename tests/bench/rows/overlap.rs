//! Events at once whose handlers wait a little: do they wait one after the other?

use std::time::Instant;

use crate::{
    crowd::Crowd,
    failure::Failure,
    frames::{FIRST, Template},
    servers::Server,
    table::Measured,
};

const EVENTS: u64 = 100;

/// The time until all have been answered, in milliseconds.
pub(super) fn run(server: &Server) -> Result<Measured, Failure> {
    let mut crowd = Crowd::new(server)?;
    crowd.open(1)?;
    let mut request = Template::text(r##"42#["pause","#"]"##);
    let mut answer = Template::plain(r##"43#["#"]"##);
    let numbers = FIRST..FIRST + EVENTS;
    let events: Vec<u8> = numbers
        .clone()
        .flat_map(|number| request.with(number).to_vec())
        .collect();
    let mut missing: Vec<u64> = numbers.collect();
    let started = Instant::now();
    crowd.send(0, &events)?;
    while !missing.is_empty() {
        crowd.turn(&mut |_, frame, _, _| {
            let mut numbers = missing.iter();
            match numbers.position(|number| frame.payload == answer.with(*number)) {
                Some(place) => {
                    missing.swap_remove(place);
                    Ok(())
                }
                None => Err(Failure::unexpected(frame.payload, b"43")),
            }
        })?;
    }
    Ok(Measured {
        cost: started.elapsed().as_secs_f64() * 1000.0,
        rate: None,
        bytes: None,
        latency: None,
        memory: server.memory()?,
    })
}
