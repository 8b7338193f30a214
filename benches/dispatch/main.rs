//! The dispatch turn beside a plain loop over the same boxed components.
//!
//! `cargo bench --bench dispatch` measures at full size; criterion's report comes first, then
//! a table of ratios taken in pairs, which is the figure to quote. Not goals: latency, more
//! than one shard. Other actor frameworks are measured in `benches/peers`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};

mod workload;
use workload::{OneShard, PlainLoop, targets};

const SIZES: [u32; 3] = [4, 1_000, 100_000];
const MESSAGES: usize = 200_000;
const PAIRS: usize = 15;

fn dispatch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dispatch");
    group.throughput(Throughput::Elements(MESSAGES as u64));
    for size in SIZES {
        let targets = targets(size, MESSAGES);
        let mut floor = PlainLoop::new(size);
        group.bench_function(BenchmarkId::new("plain loop", size), |bencher| {
            bencher.iter(|| floor.run(black_box(&targets)));
        });
        let mut shard = OneShard::new(size);
        group.bench_function(BenchmarkId::new("turn", size), |bencher| {
            bencher.iter_custom(|rounds| {
                (0..rounds).map(|_| time_of_turns(&mut shard, &targets)).sum()
            });
        });
    }
    group.finish();
}

/// The time that draining the lane takes; filling it is the sender's.
fn time_of_turns(shard: &mut OneShard, targets: &[u32]) -> Duration {
    shard.send(targets);
    let begun = Instant::now();
    let handled = shard.drain();
    let taken = begun.elapsed();
    assert_eq!(handled, targets.len(), "every message is handed over");
    taken
}

/// Floor and turn in pairs, so that a machine whose speed drifts does not matter.
fn print_ratios() {
    println!("\ncomponents | plain loop M/s | turn M/s | turn / plain loop (median of {PAIRS})");
    for size in SIZES {
        let targets = targets(size, MESSAGES);
        let (mut floor, mut shard) = (PlainLoop::new(size), OneShard::new(size));
        let mut pairs: Vec<(f64, f64)> = (0..PAIRS)
            .map(|_| {
                let begun = Instant::now();
                floor.run(&targets);
                let plain = rate(begun.elapsed());
                (plain, rate(time_of_turns(&mut shard, &targets)))
            })
            .collect();
        let expected = (PAIRS * MESSAGES) as u64;
        assert_eq!(floor.finish(), expected, "the floor handled everything");
        assert_eq!(shard.finish(), expected, "the shard handled everything");
        pairs.sort_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)));
        let (plain, turn) = pairs[PAIRS / 2];
        println!("{size:>10} | {plain:>14.1} | {turn:>8.1} | {:.2}", turn / plain);
    }
}

fn rate(taken: Duration) -> f64 {
    MESSAGES as f64 / taken.as_secs_f64() / 1e6
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    dispatch(&mut criterion);
    criterion.final_summary();
    // `--test` is how criterion is asked for a smoke run.
    if !std::env::args().any(|arg| arg == "--test") {
        print_ratios();
    }
}
