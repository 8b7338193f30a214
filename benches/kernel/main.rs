//! The parts of the kernel, each beside its floor: the least that anybody would need for the
//! same, with nothing of what the kernel does besides.
//!
//! `cargo bench` measures everything, `cargo bench -- timers` one subject: dispatch, lanes,
//! query, lifecycle, timers, storm. Criterion's report comes first, then a table of ratios taken
//! in pairs, which are the figures to quote; they are written to `bench/<subject>.json` in the
//! target folder too. `-- --test` runs everything once, small, and measures nothing;
//! `tests/benches.rs` does the same.
//!
//! Not goals: latency, more than one shard. Other actor frameworks are measured in
//! `benches/peers`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};

mod subjects;
use subjects::{Case, SUBJECTS, Scale, Sides, Subject, hash_of};

/// So many pairs are taken; a quarter of them is enough if more would take longer than this.
const PAIRS: usize = 15;
const PAIRS_TAKE: Duration = Duration::from_secs(4);

/// What a case has come to.
struct Figure {
    subject: &'static str,
    case: &'static str,
    floor: &'static str,
    components: u32,
    floor_per_s: f64,
    ours_per_s: f64,
    hash: u64,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let is_told = |word: &str| words.iter().any(|told| told == word);
    // `--test` is how criterion is asked for a smoke run.
    let scale = if is_told("--test") { Scale::Smoke } else { Scale::Full };
    let names_one = SUBJECTS.iter().any(|subject| is_told(subject.name));
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .configure_from_args();
    let subjects = SUBJECTS.iter().filter(|subject| !names_one || is_told(subject.name));
    let figures: Vec<Figure> =
        subjects.flat_map(|subject| measure(&mut criterion, subject, scale)).collect();
    criterion.final_summary();
    match scale {
        Scale::Smoke => figures.iter().for_each(|figure| {
            let Figure { subject, case, components, hash, .. } = figure;
            println!("{subject}, {case}, {components} components: {hash:016x}");
        }),
        Scale::Full => {
            print_table(&figures);
            write_files(&figures).expect("the target folder takes files");
        }
    }
}

fn measure(criterion: &mut Criterion, subject: &Subject, scale: Scale) -> Vec<Figure> {
    let mut group = criterion.benchmark_group(subject.name);
    let mut figures = Vec::new();
    for case in (subject.cases)(scale) {
        let Case { name, floor, components, operations, make } = case;
        let mut sides = make();
        group.throughput(Throughput::Elements(operations));
        let floor_id = BenchmarkId::new(format!("{name}, {floor}"), components);
        group.bench_function(floor_id, |bencher| {
            bencher.iter_custom(|rounds| (0..rounds).map(|_| sides.floor.run()).sum());
        });
        group.bench_function(BenchmarkId::new(name, components), |bencher| {
            bencher.iter_custom(|rounds| (0..rounds).map(|_| sides.ours.run()).sum());
        });
        let (floor_per_s, ours_per_s) = median_pair(&mut sides, operations, scale);
        figures.push(Figure {
            subject: subject.name,
            case: name,
            floor,
            components,
            floor_per_s,
            ours_per_s,
            hash: hash_of(sides),
        });
    }
    group.finish();
    figures
}

/// Floor and ours in turn, so that a machine whose speed drifts does not matter.
fn median_pair(sides: &mut Sides, operations: u64, scale: Scale) -> (f64, f64) {
    let begun = Instant::now();
    let rate = |taken: Duration| operations as f64 / taken.as_secs_f64();
    let mut pairs: Vec<(f64, f64)> = Vec::new();
    while pairs.len() < if scale == Scale::Smoke { 1 } else { PAIRS } {
        pairs.push((rate(sides.floor.run()), rate(sides.ours.run())));
        if pairs.len() >= PAIRS.div_ceil(4) && begun.elapsed() > PAIRS_TAKE {
            break;
        }
    }
    pairs.sort_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)));
    pairs[pairs.len() / 2]
}

fn print_table(figures: &[Figure]) {
    println!(
        "\n{:<10}{:<18}{:<22}{:>10} | {:>10} | {:>10} | {:>8} | {:>16}",
        "subject", "case", "floor", "components", "floor M/s", "ours M/s", "ratio", "final state"
    );
    for figure in figures {
        let Figure { subject, case, floor, components, floor_per_s, ours_per_s, hash } = figure;
        println!(
            "{subject:<10}{case:<18}{floor:<22}{components:>10} | {:>10.3} | {:>10.3} | {:>8.3} | {hash:016x}",
            floor_per_s / 1e6,
            ours_per_s / 1e6,
            ours_per_s / floor_per_s
        );
    }
}

/// A file for each subject, so that documentation can be made of them.
fn write_files(figures: &[Figure]) -> std::io::Result<()> {
    // The binary lies in `<target>/<profile>/deps`.
    let binary = std::env::current_exe()?;
    let target = binary.ancestors().nth(3).map_or_else(PathBuf::new, PathBuf::from);
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder)?;
    for figures in figures.chunk_by(|a, b| a.subject == b.subject) {
        let rows: Vec<serde_json::Value> = figures.iter().map(to_json).collect();
        let file = folder.join(figures[0].subject).with_extension("json");
        std::fs::write(&file, serde_json::to_string_pretty(&rows)? + "\n")?;
        println!("{}", file.display());
    }
    Ok(())
}

fn to_json(figure: &Figure) -> serde_json::Value {
    let Figure { subject, case, components, floor_per_s, ours_per_s, .. } = figure;
    serde_json::json!({
        "subject": subject,
        "case": case,
        "components": components,
        "floor_per_s": floor_per_s,
        "ours_per_s": ours_per_s,
        "ratio": ours_per_s / floor_per_s,
    })
}
