//! Sockets that join rooms while somebody broadcasts to all.

use std::time::Instant;

use super::{Scale, report::Report};
use crate::{
    crowd::Crowd, failure::Failure, frames::Template, latency::Latencies, servers::Server,
};

/// What 99 % of the calls may take at most, in milliseconds.
const MUST: f64 = 5.0;
/// Sockets that join.
const JOINING: usize = 8;
/// Joins of each before it answers.
const TIMES: usize = 20;

pub(super) fn measure(scale: &Scale<'_>, report: &mut Report) -> Result<(), Failure> {
    let count = scale.sizes.beside;
    for workers in [1, 2] {
        let arguments = ["--workers".to_owned(), workers.to_string()];
        let p99 = scale.koio("joins", scale.cores, &arguments, |server| {
            join(scale, server)
        })?;
        let what = format!("p99 of a join beside broadcasts to {count}, {workers} threads");
        report.at_most(what, "ms", p99, MUST);
    }
    Ok(())
}

/// The server itself times the calls: from here one would see how long the network and this process take.
fn join(scale: &Scale<'_>, server: &Server) -> Result<f64, Failure> {
    let count = scale.sizes.beside;
    let mut crowd = Crowd::new(server)?;
    crowd.open(count)?;
    let mut joins: Vec<Template> = (0..JOINING)
        .map(|index| Template::text(&format!(r#"421["join-timed","room-{index}",{TIMES}]"#)))
        .collect();
    for (index, join) in (1..).zip(&mut joins) {
        crowd.send(index, join.with(0))?;
    }
    let mut cast = Template::text(r##"42["cast","#"]"##);
    let mut news = Template::plain(r##"42["news","#"]"##);
    let mut latencies = Latencies::new();
    let pace = scale.options.pace();
    let end = Instant::now() + 3 * pace.warm_up.max(pace.time());
    let mut number = 0;
    while Instant::now() < end {
        crowd.send(0, cast.with(number))?;
        let expected = news.with(number);
        let mut missing = count;
        while missing > 0 {
            crowd.turn(&mut |index, frame, _, out| {
                if frame.payload == expected {
                    missing -= 1;
                    return Ok(());
                }
                let times = frame.payload.strip_prefix(b"431[");
                let times = times.and_then(|times| times.strip_suffix(b"]"));
                let times: Vec<u64> = times
                    .and_then(|times| serde_json::from_slice(times).ok())
                    .ok_or_else(|| Failure::unexpected(frame.payload, expected))?;
                for time in times {
                    latencies.record(std::time::Duration::from_nanos(time));
                }
                out.extend_from_slice(joins[index - 1].with(0));
                Ok(())
            })?;
        }
        number += 1;
    }
    let percentiles = latencies.percentiles().ok_or(Failure::Stuck)?;
    Ok(percentiles.p99 / 1000.0)
}
