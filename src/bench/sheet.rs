//! A report as tables and plots, whatever they are shown on.

use crate::plot::{Axis, Plot, Series};
use crate::report::{Idle, Latency, Report, Stops, Throughput};
use crate::settings::Tuning;
use crate::tune::Tuned;

/// A table, and the plots that belong to it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sheet {
    pub(crate) title: &'static str,
    /// How to read it.
    pub(crate) note: String,
    pub(crate) headings: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) plots: Vec<Plot>,
}

/// What a report says of where and how it came about.
pub(crate) fn circumstances(report: &Report) -> Vec<(&'static str, String)> {
    let (machine, workload) = (&report.machine, &report.workload);
    let cores = match machine.cores {
        1 => "one processor".into(),
        cores => format!("{cores} processors"),
    };
    let payload = match workload.payload {
        0 => "a bare word".into(),
        bytes => format!("{} bytes", count(bytes as u64)),
    };
    let mut lines = vec![
        ("machine", format!("{}, {cores}", machine.processor)),
        ("system", machine.system.clone()),
        ("compiler", machine.compiler.clone()),
        ("settings", report.tuning.to_string()),
        (
            "messages",
            format!(
                "{payload} each, receivers {}, {} producer{}, seed {}",
                workload.skew,
                workload.producers,
                if workload.producers == 1 { "" } else { "s" },
                workload.seed
            ),
        ),
    ];
    if !machine.optimised {
        lines.push(("warning", "the program was not optimised: the figures say nothing".into()));
    }
    lines
}

/// Its tables, in order; those that were measured.
pub(crate) fn sheets(report: &Report) -> Vec<Sheet> {
    let sheets = [
        (!report.throughput.is_empty()).then(|| throughput(&report.throughput)),
        (!report.latency.is_empty()).then(|| latency(&report.latency)),
        (!report.idle.is_empty()).then(|| idle(&report.idle)),
        (!report.stops.is_empty()).then(|| stops(&report.stops)),
        report.tuned.as_ref().map(tuned),
    ];
    sheets.into_iter().flatten().collect()
}

fn throughput(rows: &[Throughput]) -> Sheet {
    let runs = rows.iter().map(|row| row.runs).max().unwrap_or_default();
    let cells = |row: &Throughput| {
        vec![
            count(row.components.into()),
            millions(row.host.median),
            format!("{} to {}", millions(row.host.least), millions(row.host.most)),
            millions(row.plain_loop.median),
            millions(row.channel.median),
            format!("{:.3}", row.beside_loop),
            format!("{:.3}", row.beside_channel),
            row.hash.clone(),
        ]
    };
    let series = |name, rate: fn(&Throughput) -> u64| {
        let point = |row: &Throughput| (f64::from(row.components).log10(), rate(row) as f64);
        Series { name, points: rows.iter().map(point).collect() }
    };
    let plot = Plot {
        title: "Throughput".into(),
        across: by_components(rows.iter().map(|row| row.components)),
        up: Axis::logarithmic("messages a second"),
        series: vec![
            series("host", |row| row.host.median),
            series("plain loop", |row| row.plain_loop.median),
            series("channel", |row| row.channel.median),
        ],
    };
    Sheet {
        title: "Throughput",
        note: format!(
            "Million messages a second, from the first one sent to the last one handled: the median \
             of {runs} runs. Host and floors took turns; the ratios are medians of those pairs."
        ),
        headings: vec![
            "components",
            "host",
            "slowest to fastest",
            "plain loop",
            "channel",
            "host / loop",
            "host / channel",
            "final state",
        ],
        rows: rows.iter().map(cells).collect(),
        plots: vec![plot],
    }
}

fn latency(rows: &[Latency]) -> Sheet {
    let cells = |row: &Latency| {
        let reached = millions(row.reached);
        let mut cells = vec![
            count(row.components.into()),
            format!("{} %", row.load),
            millions(row.wanted),
            if row.is_overload() { format!("{reached} (overload)") } else { reached },
        ];
        let delay = &row.delay;
        cells.extend([delay.p50, delay.p99, delay.p99_9, delay.max].map(micros));
        cells
    };
    let mut loads: Vec<u32> = rows.iter().map(|row| row.load).collect();
    loads.sort_unstable();
    loads.dedup();
    let plot = |load| {
        let of_load = || rows.iter().filter(move |row| row.load == load);
        let series = |name, delay: fn(&Latency) -> u64| {
            let point =
                |row: &Latency| (f64::from(row.components).log10(), delay(row) as f64 / 1_000.0);
            Series { name, points: of_load().map(point).collect() }
        };
        Plot {
            title: format!("Queue delay at {load} % of the peak"),
            across: by_components(of_load().map(|row| row.components)),
            up: Axis::logarithmic("microseconds"),
            series: vec![
                series("p50", |row| row.delay.p50),
                series("p99", |row| row.delay.p99),
                series("p99.9", |row| row.delay.p99_9),
            ],
        }
    };
    Sheet {
        title: "Queue delay",
        note: "Microseconds from when a message was to be sent until it was handled, at a part of \
               the measured peak. Sent and handled are million messages a second; where less was \
               handled than sent, the queue grew, and its delays say how long that lasted."
            .into(),
        headings: vec!["components", "load", "sent", "handled", "p50", "p99", "p99.9", "max"],
        rows: rows.iter().map(cells).collect(),
        plots: loads.into_iter().map(plot).collect(),
    }
}

fn idle(rows: &[Idle]) -> Sheet {
    let share = |share: Option<f64>| match share {
        Some(share) => format!("{share:.2} %"),
        None => "not measured".into(),
    };
    let cells = |row: &Idle| {
        vec![
            format!("{} µs", count(row.spin)),
            share(row.idle),
            share(row.busy),
            micros(row.delay.p50),
            micros(row.delay.p99),
        ]
    };
    let across = || {
        let mark = |(at, row): (u32, &Idle)| (f64::from(at), count(row.spin));
        Axis::marked("microseconds of spinning", (0..).zip(rows).map(mark).collect())
    };
    let series = |name, value: fn(&Idle) -> Option<f64>| {
        let point = |(at, row): (u32, &Idle)| value(row).map(|value| (f64::from(at), value));
        Series { name, points: (0..).zip(rows).filter_map(point).collect() }
    };
    let trickle = rows.first().map_or(0, |row| row.trickle);
    let cost = Plot {
        title: "What spinning costs".into(),
        across: across(),
        up: Axis::linear("percent of a processor"),
        series: vec![series("nothing sent", |row| row.idle), series("few sent", |row| row.busy)],
    };
    let gain = Plot {
        title: "What spinning brings".into(),
        across: across(),
        up: Axis::logarithmic("queue delay, microseconds"),
        series: vec![
            series("p50", |row| Some(row.delay.p50 as f64 / 1_000.0)),
            series("p99", |row| Some(row.delay.p99 as f64 / 1_000.0)),
        ],
    };
    Sheet {
        title: "Idle wake-up",
        note: format!(
            "A shard with nothing to do looks out for mail for so long, then sleeps. Processor time \
             of the host, of one processor, while nothing was sent and while {} messages a second \
             were; their queue delay in microseconds.",
            count(trickle)
        ),
        headings: vec!["spin", "nothing sent", "few sent", "p50", "p99"],
        rows: rows.iter().map(cells).collect(),
        plots: vec![cost, gain],
    }
}

fn stops(rows: &[Stops]) -> Sheet {
    let cells = |row: &Stops| {
        let mut cells = vec![
            row.queued.for_whom().to_owned(),
            count(row.waiting),
            count(row.in_effect.samples),
            count(row.messages),
        ];
        let (effect, told) = (&row.in_effect, &row.told);
        cells
            .extend([effect.p50, effect.p99, effect.max, told.p50, told.p99, told.max].map(micros));
        cells
    };
    Sheet {
        title: "Stop under load",
        note:
            "Microseconds from the command until no message is handled any more, and until it is \
               known that the component is Stopped, while more messages flood in. All of them were \
               handled in order in the end, and none was lost."
                .into(),
        headings: vec![
            "messages wait for",
            "at least",
            "stops",
            "messages",
            "in effect p50",
            "p99",
            "max",
            "told p50",
            "p99",
            "max",
        ],
        rows: rows.iter().map(cells).collect(),
        plots: Vec::new(),
    }
}

fn tuned(tuned: &Tuned) -> Sheet {
    let mut rows = Vec::new();
    for trial in tuned.trials.iter().chain(&tuned.check) {
        let decision = &trial.decision;
        for (at, candidate) in trial.candidates.iter().enumerate() {
            let verdict = match at == decision.taken {
                true if decision.within_noise => {
                    format!("kept: {:+.1} % is within {:.1} %", decision.gain, decision.noise)
                }
                true => format!("taken: {:+.1} %", decision.gain),
                false => String::new(),
            };
            rows.push(vec![
                trial.setting.clone(),
                value_of(&candidate.tuning, &trial.setting),
                millions(candidate.rates.median),
                format!("{:.1} %", candidate.spread),
                verdict,
            ]);
        }
    }
    Sheet {
        title: "Settings",
        note: format!(
            "{} What was tried, at {} components and {} messages a run: million messages a second \
             in the run in the middle, and how far the middle half of the runs is spread. A value is \
             taken where it is better by more than that.",
            tuned.verdict(),
            count(tuned.components.into()),
            count(tuned.messages)
        ),
        headings: vec!["setting", "tried", "rate", "spread", "decision"],
        rows,
        plots: Vec::new(),
    }
}

/// What is typed after that setting; all of it where it is no single one.
fn value_of(tuning: &Tuning, setting: &str) -> String {
    let typed = tuning.to_string();
    let mut words = typed.split(' ').skip_while(|word| *word != setting).skip(1);
    words.next().map_or_else(|| typed.clone(), str::to_owned)
}

fn by_components(components: impl Iterator<Item = u32>) -> Axis {
    let mark = |components: u32| (f64::from(components).log10(), count(components.into()));
    Axis::marked("components", components.map(mark).collect())
}

/// A number with commas.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Million, to three digits or so.
fn millions(number: u64) -> String {
    let millions = number as f64 / 1e6;
    match millions {
        100.0.. => format!("{millions:.0}"),
        10.0.. => format!("{millions:.1}"),
        1.0.. => format!("{millions:.2}"),
        _ => format!("{millions:.3}"),
    }
}

/// Nanoseconds as microseconds, to three digits or so.
fn micros(nanoseconds: u64) -> String {
    match nanoseconds {
        0..10_000 => format!("{:.2}", nanoseconds as f64 / 1_000.0),
        10_000..100_000 => format!("{:.1}", nanoseconds as f64 / 1_000.0),
        _ => count((nanoseconds + 500) / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_of_one_setting_shows_its_value_and_one_of_all_shows_all() {
        let tuning = Tuning { batch: 16, ..Tuning::default() };
        assert_eq!(value_of(&tuning, "--batch"), "16");
        assert_eq!(value_of(&tuning, "all"), tuning.to_string());
    }

    #[test]
    fn numbers_are_written_to_be_read() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [305_900_000, 15_100_000, 7_600_000, 12_345].map(millions),
            ["306", "15.1", "7.60", "0.012"]
        );
        assert_eq!(
            [1_500, 45_678, 123_456, 1_234_567].map(micros),
            ["1.50", "45.7", "123", "1,235"]
        );
    }
}
