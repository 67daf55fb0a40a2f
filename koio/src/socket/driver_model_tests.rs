//! The order in which events start, against a model of the rule.

use super::*;

/// What the driver should do, in as few words as possible.
#[derive(Default)]
struct Model {
    waiting: Vec<(usize, usize)>,
    running: Vec<(usize, usize)>,
    started: Vec<usize>,
}

impl Model {
    fn advance(&mut self) {
        while let Some(&(number, limit)) = self.waiting.first() {
            let count = self.running.len();
            let admits = |(_, other): &(usize, usize)| count < *other;
            if count >= limit || !self.running.iter().all(admits) {
                return;
            }
            self.waiting.remove(0);
            self.running.push((number, limit));
            self.started.push(number);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn events_start_by_the_rule_whatever_their_limits_and_whoever_ends_first() {
    for seed in 1..=300_u64 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut scene, mut model) = (scene(), Model::default());
        let kinds = 1 + random.usize(..4);
        let limits: Vec<usize> = (0..kinds).map(|_| 1 + random.usize(..6)).collect();
        let mut sent = 0;
        for _ in 0..80 {
            if random.usize(..2) == 0 {
                let limit = limits[random.usize(..kinds)];
                scene.send(sent, limit);
                model.waiting.push((sent, limit));
                sent += 1;
            } else if !model.running.is_empty() {
                let (number, _) = model.running.remove(random.usize(..model.running.len()));
                scene.end(number);
            }
            model.advance();
            assert_eq!(scene.script.started(), model.started, "seed {seed}");
            assert_eq!(scene.running(), model.running.len(), "seed {seed}");
        }
        while let Some((number, _)) = model.running.pop() {
            scene.end(number);
            model.advance();
        }
        assert_eq!(scene.script.started(), (0..sent).collect::<Vec<_>>());
        assert_eq!(scene.script.dropped.load(Ordering::Relaxed), sent);
        assert!(scene.driver.is_idle());
    }
}
