//! How long missed events that are sent to a client which has come back hold up those who emit meanwhile.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    client::Client,
    failure::Failure,
    options::Options,
    servers::{Cores, Program, Server},
    table::{Spread, markdown},
};

/// Events that a client has missed.
const MISSED: [usize; 4] = [0, 1_000, 10_000, 50_000];

/// Events that are said in one turn.
const AT_ONCE: usize = 500;

/// For how long another client emits, in milliseconds. The client comes back in that time.
const EMITTING: u64 = 400;

/// A table of it.
pub(super) fn measure(program: &Program, options: &Options) -> Result<String, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut table = markdown(["missed events", "longest emit of others, ms"]);
    for missed in MISSED {
        if options.short && missed > 1_000 {
            continue;
        }
        let mut longest = Vec::new();
        for _ in 0..options.repetitions() {
            let arguments = ["--workers", "2", "--recovery", "60"].map(str::to_owned);
            let server = program.start(Cores::Any, &arguments, options)?;
            longest.push(runtime.block_on(longest_emit(&server, missed))?);
        }
        if let Some(spread) = Spread::of(longest.into_iter()) {
            eprintln!("{missed} missed events: {spread} ms");
            table.add_row([missed.to_string(), spread.to_string()]);
        }
    }
    Ok(format!(
        "A client comes back that has missed events, while others emit: median (min–max)\n\n{table}"
    ))
}

/// In milliseconds.
async fn longest_emit(server: &Server, missed: usize) -> Result<f64, Failure> {
    let mut away = Client::connect(server).await?;
    let mut talker = Client::connect(server).await?;
    talker.send(r#"42["cast","0"]"#.to_owned()).await?;
    talker.receive().await?;
    let seen = away.receive().await?;
    let offset = seen.trim_end_matches("\"]").rsplit('"').next();
    let pid = away.connected.split("\"pid\":\"").nth(1);
    let pid = pid.and_then(|rest| Some(rest.split('"').next()?.to_owned()));
    let (Some(pid), Some(offset)) = (pid, offset) else {
        return Err(Failure::handshake(away.connected.as_bytes()));
    };
    let auth = format!(r#"{{"pid":"{pid}","offset":"{offset}"}}"#);
    drop(away);
    // Until the server has noticed the loss. It tells no client.
    sleep(Duration::from_millis(300)).await;
    let mut said = 0;
    while said < missed {
        let now = AT_ONCE.min(missed - said);
        for number in said..said + now {
            talker.send(format!(r#"42["cast","{number}"]"#)).await?;
        }
        for _ in 0..now {
            talker.receive().await?;
        }
        said += now;
    }
    talker
        .send(format!(r#"421["emit-timed",{EMITTING}]"#))
        .await?;
    // It says nothing until it has emitted: the client comes back in the midst of that.
    sleep(Duration::from_millis(EMITTING / 4)).await;
    let mut back = Client::connect_with(server, &auth).await?;
    if !back.connected.contains(&pid) {
        return Err(Failure::unexpected(
            back.connected.as_bytes(),
            pid.as_bytes(),
        ));
    }
    for number in 0..missed {
        let text = back.receive().await?;
        let expected = format!(r#"42["news","{number}","#);
        if !text.starts_with(&expected) {
            return Err(Failure::unexpected(text.as_bytes(), expected.as_bytes()));
        }
    }
    loop {
        let text = talker.receive().await?;
        let answer = text
            .strip_prefix("431[")
            .and_then(|text| text.strip_suffix(']'));
        if let Some(nanoseconds) = answer {
            let nanoseconds: f64 = nanoseconds
                .parse()
                .map_err(|_| Failure::unexpected(text.as_bytes(), b"431"))?;
            return Ok(nanoseconds / 1e6);
        }
    }
}
