//! How many control frames a client may send.

use crate::engine::breach::Breach;

/// Control frames that a client may send in a second. Browsers send none, other clients one in many seconds.
const MAX_CONTROL_FRAMES: u32 = 1_000;

/// The most seconds for which control frames may have waited to be read.
const MAX_WAITED: u32 = 60;

/// Counts the control frames of one client. In 64 bits because every connection has it.
#[derive(Debug, Default)]
pub(super) struct ControlRate {
    /// The second in which one came last, by [`time::second`](crate::time::second). 0: none has come.
    second: u32,
    /// How many it has left.
    left: u32,
}

impl ControlRate {
    /// Counts one. Frames that waited because they were not read have the seconds in which they waited.
    pub(super) fn count(&mut self, second: u32) -> Result<(), Breach> {
        if second != self.second {
            let seconds = match self.second {
                0 => 1,
                last => second.saturating_sub(last).clamp(1, MAX_WAITED),
            };
            self.left = MAX_CONTROL_FRAMES * seconds;
            self.second = second;
        }
        let max = MAX_CONTROL_FRAMES;
        let left = self.left.checked_sub(1);
        self.left = left.ok_or(Breach::TooManyControlFrames { max })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(rate: &mut ControlRate, second: u32, most: u32) -> u32 {
        (0..most).take_while(|_| rate.count(second).is_ok()).count() as u32
    }

    #[test]
    fn a_thousand_control_frames_in_each_second_are_taken() {
        let mut rate = ControlRate::default();
        for second in 70..75 {
            assert_eq!(counted(&mut rate, second, 1_000), 1_000);
        }
        let max = MAX_CONTROL_FRAMES;
        assert_eq!(rate.count(74), Err(Breach::TooManyControlFrames { max }));
    }

    #[test]
    fn frames_that_waited_while_the_server_stood_still_are_taken() {
        let mut rate = ControlRate::default();
        rate.count(1).unwrap();
        assert_eq!(counted(&mut rate, 11, 20_000), 10_000);
    }
}
