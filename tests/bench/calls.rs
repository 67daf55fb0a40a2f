//! How often the koio server asks the system to write, counted by strace: once for each burst of answers, and once for
//! each recipient of a broadcast.
//!
//! From inside one sees only the writes on streams that are not koio's own (`tests/counts`).

use std::path::Path;

use crate::{
    crowd::Crowd,
    failure::Failure,
    frames::{FIRST, Template},
    options::Options,
    servers::{Cores, Kind, Program},
};

/// The calls that write to a socket.
const CALLS: &str = "sendto,sendmsg,sendmmsg,writev";
/// Calls for each of them. What is above one is room for a handshake that takes a write more.
const MOST: f64 = 1.05;
/// Messages in a burst.
const BURST: u64 = 16;
const ROUNDS: u64 = 20;
const RECIPIENTS: usize = 50;

/// Some work, and how many units of it there were.
type Work = fn(&mut Crowd) -> Result<u64, Failure>;

/// Counts, prints what it has found, and fails if it is too much.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let program = Program::build(Kind::Koio, options)?;
    let file = std::env::temp_dir().join(format!("koio-calls-{}", std::process::id()));
    let traced = format!("strace -f -qq -e trace={CALLS} -o {}", file.display());
    let options = options.with_tool(traced);
    let count = |work: Work| {
        let server = program.start(Cores::Any, &[], &options)?;
        let mut crowd = Crowd::new(&server)?;
        crowd.open(RECIPIENTS)?;
        let units = work(&mut crowd)?;
        drop(server);
        Ok::<_, Failure>((calls(&file)?, units))
    };
    let measured = || {
        let (handshakes, _) = count(|_| Ok(0))?;
        let works: [(&str, Work, bool); 3] = [
            ("a burst of answers", echoes, true),
            (
                "a broadcast, for each recipient",
                |crowd| broadcasts(crowd, 1),
                true,
            ),
            // How many of a burst leave together is a matter of time, and here each call takes long.
            (
                "a burst of broadcasts, for each recipient",
                |crowd| broadcasts(crowd, BURST),
                false,
            ),
        ];
        for (what, work, judged) in works {
            let (calls, units) = count(work)?;
            let of_each = calls.saturating_sub(handshakes) as f64 / units as f64;
            println!("{what}: {of_each:.2} write calls");
            if judged && of_each > MOST {
                return Err(Failure::TooManyCalls { what, of_each });
            }
        }
        Ok(())
    };
    let result = measured();
    // It is gone already if strace did not start.
    let _ = std::fs::remove_file(&file);
    result
}

fn calls(file: &Path) -> Result<usize, Failure> {
    let lines = std::fs::read_to_string(file)?;
    let is_call = |line: &&str| line.contains('(') && !line.contains("resumed>");
    Ok(lines.lines().filter(is_call).count())
}

fn echoes(crowd: &mut Crowd) -> Result<u64, Failure> {
    let mut request = Template::text(r##"42#["echo","text"]"##);
    let mut answer = Template::plain(r##"43#["text"]"##);
    for _ in 0..ROUNDS {
        for client in 0..RECIPIENTS {
            let numbers = FIRST..FIRST + BURST;
            let burst = numbers.flat_map(|number| request.with(number).to_vec());
            crowd.send(client, &burst.collect::<Vec<_>>())?;
            let mut next = FIRST;
            while next < FIRST + BURST {
                crowd.turn(&mut |index, frame, _, _| {
                    let expected = answer.with(next);
                    if index != client || frame.payload != expected {
                        return Err(Failure::unexpected(frame.payload, expected));
                    }
                    next += 1;
                    Ok(())
                })?;
            }
        }
    }
    Ok(ROUNDS * RECIPIENTS as u64)
}

fn broadcasts(crowd: &mut Crowd, burst: u64) -> Result<u64, Failure> {
    let mut request = Template::text(r##"42["cast","#"]"##);
    let mut news = Template::plain(r##"42["news","#"]"##);
    for _ in 0..ROUNDS {
        let requests = (0..burst).flat_map(|number| request.with(number).to_vec());
        crowd.send(0, &requests.collect::<Vec<_>>())?;
        let mut next = [0; RECIPIENTS];
        while next.iter().any(|next| *next < burst) {
            crowd.turn(&mut |index, frame, _, _| {
                let expected = news.with(next[index]);
                if frame.payload != expected {
                    return Err(Failure::unexpected(frame.payload, expected));
                }
                next[index] += 1;
                Ok(())
            })?;
        }
    }
    Ok(ROUNDS * RECIPIENTS as u64)
}
