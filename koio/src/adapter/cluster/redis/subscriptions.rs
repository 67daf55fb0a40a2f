//! What is to be subscribed.

use std::collections::{BTreeMap, HashMap};

use super::super::redis_channel::RedisChannel;

/// The channels that a node wants to hear, in the order in which they were asked for, and which of them have changed
/// since the connection was told last.
///
/// Every change has a number. A channel that changes back before the connection is told has not changed, and a connection that
/// is told everything anyway is told of no change. So what waits is bounded by the channels that are wanted and those that
/// the connection has, however many came and went.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    wanted: NumberedChannels,
    changed: NumberedChannels,
    changes: u64,
    /// Whether a connection was told all channels, and is there still.
    is_told: bool,
}

#[derive(Debug, Default)]
struct NumberedChannels {
    numbers: HashMap<RedisChannel, u64>,
    channels: BTreeMap<u64, RedisChannel>,
}

/// What to tell the connection about one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SubscriptionChange {
    Subscribe(RedisChannel),
    Unsubscribe(RedisChannel),
}

/// Changes, and the number of the last of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SubscriptionChanges {
    pub(super) changes: Vec<SubscriptionChange>,
    pub(super) last: u64,
}

impl Subscriptions {
    /// Adds channels; those that are there already keep their place.
    pub(super) fn add(&mut self, channels: impl IntoIterator<Item = RedisChannel>) {
        for channel in channels {
            if !self.wanted.numbers.contains_key(&channel) {
                let number = self.change(&channel);
                self.wanted.insert(channel, number);
            }
        }
    }

    /// Takes channels out.
    pub(super) fn remove(&mut self, channels: impl IntoIterator<Item = RedisChannel>) {
        for channel in channels {
            if self.wanted.remove(&channel) {
                self.change(&channel);
            }
        }
    }

    fn change(&mut self, channel: &RedisChannel) -> u64 {
        self.changes += 1;
        // What is there already is the opposite change.
        if self.is_told && !self.changed.remove(channel) {
            self.changed.insert(channel.clone(), self.changes);
        }
        self.changes
    }

    /// The connection that was told is gone.
    pub(super) fn lost(&mut self) {
        self.is_told = false;
        self.changed = NumberedChannels::default();
    }

    /// The number of the last change.
    pub(super) fn last(&self) -> u64 {
        self.changes
    }

    /// The channels that are wanted, in their order.
    pub(super) fn wanted(&self) -> Vec<RedisChannel> {
        self.wanted.channels.values().cloned().collect()
    }

    /// How many channels are wanted.
    pub(super) fn len(&self) -> usize {
        self.wanted.channels.len()
    }

    /// What a connection must be told that has been told everything else.
    pub(super) fn take_changes(&mut self) -> SubscriptionChanges {
        let changed = std::mem::take(&mut self.changed);
        let changes = changed.channels.into_values();
        SubscriptionChanges {
            changes: changes
                .map(|channel| {
                    if self.wanted.numbers.contains_key(&channel) {
                        SubscriptionChange::Subscribe(channel)
                    } else {
                        SubscriptionChange::Unsubscribe(channel)
                    }
                })
                .collect(),
            last: self.changes,
        }
    }

    /// What a new connection must be told.
    pub(super) fn take_all(&mut self) -> SubscriptionChanges {
        self.changed = NumberedChannels::default();
        self.is_told = true;
        let wanted = self.wanted().into_iter();
        SubscriptionChanges {
            changes: wanted.map(SubscriptionChange::Subscribe).collect(),
            last: self.changes,
        }
    }
}

impl NumberedChannels {
    fn insert(&mut self, channel: RedisChannel, number: u64) {
        self.channels.insert(number, channel.clone());
        self.numbers.insert(channel, number);
    }

    fn remove(&mut self, channel: &RedisChannel) -> bool {
        let number = self.numbers.remove(channel);
        number.is_some_and(|number| self.channels.remove(&number).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(name: &str) -> RedisChannel {
        RedisChannel::Plain(name.into())
    }

    /// With a connection that was told all channels.
    fn told() -> Subscriptions {
        let mut subscriptions = Subscriptions::default();
        subscriptions.take_all();
        subscriptions
    }

    fn subscribe(name: &str) -> SubscriptionChange {
        SubscriptionChange::Subscribe(channel(name))
    }

    fn unsubscribe(name: &str) -> SubscriptionChange {
        SubscriptionChange::Unsubscribe(channel(name))
    }

    #[test]
    fn changes_are_told_once_in_their_order() {
        let mut subscriptions = told();
        subscriptions.add([channel("b"), channel("a")]);
        subscriptions.add([channel("b"), channel("c")]);
        let told = subscriptions.take_changes();
        assert_eq!(
            told.changes,
            [subscribe("b"), subscribe("a"), subscribe("c")]
        );
        assert_eq!(told.last, subscriptions.last());
        assert_eq!(subscriptions.take_changes().changes, []);
    }

    #[test]
    fn a_channel_that_changes_back_is_not_told() {
        let mut subscriptions = told();
        subscriptions.add([channel("a"), channel("b")]);
        subscriptions.take_changes();
        subscriptions.remove([channel("a")]);
        subscriptions.remove([channel("b"), channel("unknown")]);
        subscriptions.add([channel("a"), channel("c")]);
        subscriptions.remove([channel("c")]);
        let told = subscriptions.take_changes();
        assert_eq!(told.changes, [unsubscribe("b")]);
        assert_eq!(told.last, subscriptions.last());
        subscriptions.remove([channel("a")]);
        assert_eq!(subscriptions.take_changes().changes, [unsubscribe("a")]);
    }

    #[test]
    fn channels_that_come_and_go_leave_nothing_behind() {
        let mut subscriptions = Subscriptions::default();
        for phase in ["before the first connection", "with it", "behind its loss"] {
            subscriptions.add([channel("stays")]);
            for number in 0..1_000 {
                let channel = channel(&number.to_string());
                subscriptions.add([channel.clone()]);
                subscriptions.remove([channel]);
            }
            assert_eq!(subscriptions.changed.channels.len(), 0, "{phase}");
            assert_eq!(subscriptions.changed.numbers.len(), 0, "{phase}");
            if phase == "with it" {
                subscriptions.remove([channel("stays")]);
                subscriptions.lost();
            } else {
                assert_eq!(subscriptions.take_all().changes, [subscribe("stays")]);
            }
        }
    }

    #[test]
    fn a_new_connection_is_told_all_channels_in_the_order_in_which_they_were_asked_for() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.add([channel("z"), channel("a"), channel("m")]);
        subscriptions.remove([channel("a")]);
        subscriptions.take_changes();
        subscriptions.add([channel("a")]);
        let told = subscriptions.take_all();
        assert_eq!(
            told.changes,
            [subscribe("z"), subscribe("m"), subscribe("a")]
        );
        assert_eq!(
            subscriptions.take_changes().changes,
            [],
            "nothing is told twice"
        );
        assert_eq!(subscriptions.len(), 3);
    }

    #[test]
    fn channels_of_one_name_and_of_different_kinds_are_different() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.add([channel("a"), RedisChannel::Shard("a".into())]);
        subscriptions.remove([channel("a")]);
        assert_eq!(subscriptions.len(), 1);
    }
}
