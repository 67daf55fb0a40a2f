//! Broadcasts at a steady rate, from a client of one node to clients of both.

use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval, timeout};

use super::broker::Broker;
use crate::{
    client::Client,
    failure::Failure,
    latency::{Latencies, Percentiles},
    reactor::PATIENCE,
    rows::Pace,
    servers::Server,
};

/// Bytes of a message's text.
pub(super) const SIZE: usize = 100;

/// How long one broadcast may take until servers that have just started are asked for another.
const TRY: Duration = Duration::from_millis(100);

/// Two servers and what joins them.
pub(super) struct Joined {
    pub(super) near: Server,
    pub(super) far: Server,
    pub(super) broker: Broker,
}

/// What broadcasts at one rate took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steady {
    /// To the client of the same node, and to that of the other, in microseconds.
    pub(super) local: Percentiles,
    pub(super) remote: Percentiles,
    /// CPU for each broadcast, in microseconds: of the node that emits, of the other, of the broker.
    pub(super) near: f64,
    pub(super) far: f64,
    pub(super) broker: f64,
    /// All that were sent.
    pub(super) messages: u64,
}

impl Steady {
    /// CPU of both nodes.
    pub(super) fn nodes(&self) -> f64 {
        self.near + self.far
    }
}

impl Joined {
    fn cpu(&self) -> Result<[f64; 3], Failure> {
        Ok([self.near.cpu()?, self.far.cpu()?, self.broker.cpu()?])
    }

    /// A client of the first node asks for broadcasts. Each reaches a client of each node, once and in order.
    pub(super) async fn measure(&self, rate: u32, pace: &Pace) -> Result<Steady, Failure> {
        let mut sender = Client::connect(&self.near).await?;
        let mut here = Client::connect(&self.near).await?;
        let mut there = Client::connect(&self.far).await?;
        meet(&mut sender, &mut here, &mut there).await?;
        let messages = (f64::from(rate) * (pace.seconds + pace.warm_up.as_secs_f64())) as u64;
        let warm = (f64::from(rate) * pace.warm_up.as_secs_f64()) as u64;
        let began = Instant::now();
        let sending = async {
            let mut tick = interval(Duration::from_millis(1));
            tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let (mut sent, mut used) = (0, self.cpu()?);
            while sent < messages {
                tick.tick().await;
                let due = began.elapsed().as_micros() as u64 * u64::from(rate) / 1_000_000;
                while sent < due.min(messages) {
                    if sent == warm {
                        used = self.cpu()?;
                    }
                    // The time goes with the message: it is read where it arrives.
                    let now = began.elapsed().as_nanos();
                    let text = format!("{sent} {now} {}", "x".repeat(SIZE));
                    let text = text.get(..SIZE).unwrap_or_default();
                    sender.send(format!(r#"42["cast","{text}"]"#)).await?;
                    sent += 1;
                }
                // Its own copies are taken, so that it is no slow reader.
                while let Ok(text) = timeout(Duration::ZERO, sender.receive()).await {
                    text?;
                }
            }
            Ok::<_, Failure>(used)
        };
        let (used, local, remote) = tokio::try_join!(
            sending,
            receive(&mut here, began, warm, messages),
            receive(&mut there, began, warm, messages),
        )?;
        let now = self.cpu()?;
        let of_each = |who: usize| (now[who] - used[who]) / (messages - warm) as f64;
        Ok(Steady {
            local: percentiles(&local)?,
            remote: percentiles(&remote)?,
            near: of_each(0),
            far: of_each(1),
            broker: of_each(2),
            messages,
        })
    }
}

/// Broadcasts until they reach the other node: servers may have started a moment before they know each other.
async fn meet(sender: &mut Client, here: &mut Client, there: &mut Client) -> Result<(), Failure> {
    let given_up = Instant::now() + PATIENCE;
    let mut last = 0;
    loop {
        sender.send(format!(r#"42["cast","meet {last}"]"#)).await?;
        if timeout(TRY, there.receive()).await.is_ok() {
            break;
        }
        if Instant::now() > given_up {
            return Err(Failure::Stuck);
        }
        last += 1;
    }
    sender.send(r#"42["cast","met"]"#.to_owned()).await?;
    for socket in [sender, here, there] {
        while socket.receive().await? != r#"42["news","met"]"# {}
    }
    Ok(())
}

fn percentiles(latencies: &Latencies) -> Result<Percentiles, Failure> {
    latencies.percentiles().ok_or(Failure::Lost(1))
}

/// All messages, each once and in order.
async fn receive(
    socket: &mut Client,
    began: Instant,
    warm: u64,
    messages: u64,
) -> Result<Latencies, Failure> {
    let mut latencies = Latencies::new();
    let mut next = 0;
    while next < messages {
        let text = socket.receive().await.map_err(|failure| match failure {
            Failure::Stuck => Failure::Lost(messages - next),
            other => other,
        })?;
        let now = began.elapsed();
        let mut words = text
            .strip_prefix(r#"42["news",""#)
            .unwrap_or_default()
            .split(' ');
        let number = words.next().and_then(|number| number.parse::<u64>().ok());
        let sent = words.next().and_then(|sent| sent.parse::<u64>().ok());
        let (Some(number), Some(sent)) = (number, sent) else {
            return Err(Failure::unexpected(text.as_bytes(), b"news"));
        };
        if number != next {
            return Err(Failure::unexpected(
                text.as_bytes(),
                next.to_string().as_bytes(),
            ));
        }
        next += 1;
        if number >= warm {
            latencies.record(now.saturating_sub(Duration::from_nanos(sent)));
        }
    }
    Ok(latencies)
}
