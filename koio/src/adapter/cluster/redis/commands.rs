//! The commands that are sent, and what their answers say.

use redis::{Cmd, Pipeline, Value, cmd, pipe};

use super::{
    super::redis_channel::RedisChannel, publication::RedisPublication,
    subscriptions::SubscriptionChange,
};

impl RedisChannel {
    /// Its name without its kind.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Plain(name) | Self::Pattern(name) | Self::Shard(name) => name,
        }
    }
}

/// One `PUBLISH` or `SPUBLISH` each.
pub(super) fn publish(batch: &[RedisPublication]) -> Pipeline {
    let mut pipeline = pipe();
    for publication in batch {
        let name = match publication.channel {
            RedisChannel::Plain(_) | RedisChannel::Pattern(_) => "PUBLISH",
            RedisChannel::Shard(_) => "SPUBLISH",
        };
        let mut command = cmd(name);
        command
            .arg(publication.channel.name())
            .arg(publication.payload.as_ref());
        pipeline.add_command(command);
    }
    pipeline
}

/// One command for each channel: those of sharded pub/sub may not share one, and each gets one answer.
pub(super) fn subscribe(changes: &[SubscriptionChange]) -> Pipeline {
    let mut pipeline = pipe();
    for change in changes {
        pipeline.add_command(change_command(change));
    }
    pipeline
}

fn change_command(change: &SubscriptionChange) -> Cmd {
    let (name, channel) = match change {
        SubscriptionChange::Subscribe(channel) => match channel {
            RedisChannel::Plain(_) => ("SUBSCRIBE", channel),
            RedisChannel::Pattern(_) => ("PSUBSCRIBE", channel),
            RedisChannel::Shard(_) => ("SSUBSCRIBE", channel),
        },
        SubscriptionChange::Unsubscribe(channel) => match channel {
            RedisChannel::Plain(_) => ("UNSUBSCRIBE", channel),
            RedisChannel::Pattern(_) => ("PUNSUBSCRIBE", channel),
            RedisChannel::Shard(_) => ("SUNSUBSCRIBE", channel),
        },
    };
    let mut command = cmd(name);
    command.arg(channel.name());
    command
}

/// Asks how many connections have subscribed a channel. A pattern has no such number.
pub(super) fn count_subscribers(channels: &[RedisChannel]) -> Pipeline {
    let mut pipeline = pipe();
    for channel in channels {
        let name = match channel {
            RedisChannel::Plain(_) | RedisChannel::Pattern(_) => "NUMSUB",
            RedisChannel::Shard(_) => "SHARDNUMSUB",
        };
        let mut command = cmd("PUBSUB");
        command.arg(name).arg(channel.name());
        pipeline.add_command(command);
    }
    pipeline
}

/// The number in the answer to one `NUMSUB` of one channel.
pub(super) fn subscriber_count(answer: &Value) -> Option<usize> {
    let count = match answer {
        Value::Array(pair) => pair.get(1),
        Value::Map(pairs) => pairs.first().map(|(_, count)| count),
        _ => None,
    };
    match count {
        Some(Value::Int(count)) => usize::try_from(*count).ok(),
        _ => None,
    }
}
