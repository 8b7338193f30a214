//! The benchmark's workload at smoke size: that it handles what it says it handles.

#[path = "../benches/dispatch/workload.rs"]
mod workload;

use workload::{OneShard, PlainLoop, targets};

#[test]
fn the_shard_and_the_floor_handle_every_message() {
    for size in [1, 4, 1_000] {
        let targets = targets(size, 10_000);
        assert!(targets.iter().all(|target| *target < size));

        let mut floor = PlainLoop::new(size);
        floor.run(&targets);
        assert_eq!(floor.finish(), 10_000, "plain loop over {size}");

        let mut shard = OneShard::new(size);
        shard.send(&targets);
        assert_eq!(shard.drain(), 10_000, "turns over {size}");
        assert_eq!(shard.finish(), 10_000, "what {size} components counted");
    }
}
