//! What was measured, as a table and as JSON.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::plan::{Outcome, Row, Workload};

/// Ratios are to this peer's rate where it has one.
const FLOOR: &str = "floor-loop";

const LEGEND: &str = "\
million a second, of memory bytes a component; in brackets: beside the floor, or the best
medians of three runs; of fewer where a run takes half a second, and of one at 1,000,000
components, which get one message and one question each
";

/// A figure, as it stands in JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    peer: &'static str,
    workload: &'static str,
    components: u32,
    /// Operations per second; bytes a component of `memory`.
    rate: f64,
    /// Beside the floor; beside the best peer where there is no floor.
    ratio: f64,
}

#[derive(Debug)]
pub(crate) struct Report {
    peers: Vec<&'static str>,
    lines: Vec<Line>,
    /// Of everything that the components were in the end, so that nothing of it can be left out.
    hash: u64,
}

/// A row of the table.
#[derive(Debug)]
struct Line {
    workload: Workload,
    components: u32,
    /// By peer, in order; not all of them can do everything.
    rates: Vec<Option<f64>>,
}

impl Line {
    /// What ratios are to.
    fn measure(&self, peers: &[&str]) -> f64 {
        let of_floor = peers.iter().position(|peer| *peer == FLOOR).and_then(|at| self.rates[at]);
        let rates = self.rates.iter().flatten().copied();
        of_floor.unwrap_or_else(|| match self.workload {
            Workload::Memory => rates.fold(f64::INFINITY, f64::min),
            _ => rates.fold(0.0, f64::max),
        })
    }

    fn cell(&self, rate: f64, measure: f64) -> String {
        let (millions, ratio) = (rate / 1e6, rate / measure);
        if self.workload == Workload::Memory {
            format!("{rate:.0} ({ratio:.2})")
        } else if millions < 0.1 {
            format!("{millions:.4} ({ratio:.3})")
        } else {
            format!("{millions:.2} ({ratio:.3})")
        }
    }
}

impl Report {
    pub(crate) fn new(peers: Vec<&'static str>) -> Self {
        Report { peers, lines: Vec::new(), hash: 0 }
    }

    /// Rows come one after the other, peers in any order.
    pub(crate) fn add(&mut self, row: &Row, peer: &'static str, outcome: &Outcome) {
        let (Outcome { workload, rate, hash }, components) = (*outcome, row.components);
        self.hash = self.hash.rotate_left(1) ^ hash;
        let is_it = |line: &Line| (line.workload, line.components) == (workload, components);
        let known = self.lines.iter().position(is_it).unwrap_or_else(|| {
            let rates = vec![None; self.peers.len()];
            self.lines.push(Line { workload, components, rates });
            self.lines.len() - 1
        });
        let at = self.peers.iter().position(|name| *name == peer);
        self.lines[known].rates[at.expect("a peer of this report")] = Some(rate);
    }

    /// What is in the table, below one another in the order of the workloads.
    fn in_order(&self) -> Vec<&Line> {
        let mut lines: Vec<_> = self.lines.iter().collect();
        lines.sort_by_key(|line| Workload::ALL.iter().position(|it| *it == line.workload));
        lines
    }

    /// Million operations per second, with the ratio beside one another's in brackets.
    pub(crate) fn table(&self) -> String {
        let mut table = format!("\n{LEGEND}");
        let _ = write!(table, "{:<14}{:>10}", "workload", "components");
        self.peers.iter().for_each(|peer| _ = write!(table, "{peer:>19}"));
        table.push('\n');
        for line in self.in_order() {
            let _ = write!(table, "{:<14}{:>10}", line.workload, line.components);
            let measure = line.measure(&self.peers);
            for rate in &line.rates {
                let cell = rate.map_or_else(|| "-".into(), |rate| line.cell(rate, measure));
                let _ = write!(table, "{cell:>19}");
            }
            table.push('\n');
        }
        let _ = writeln!(table, "state of all components in the end: {:016x}", self.hash);
        table
    }

    pub(crate) fn figures(&self) -> Vec<Figure> {
        let of_line = |line: &Line| {
            let (workload, components) = (line.workload.name(), line.components);
            let measure = line.measure(&self.peers);
            let figure = |(&peer, rate): (&&'static str, &Option<f64>)| {
                rate.map(|rate| Figure { peer, workload, components, rate, ratio: rate / measure })
            };
            self.peers.iter().zip(&line.rates).filter_map(figure).collect::<Vec<_>>()
        };
        self.in_order().into_iter().flat_map(of_line).collect()
    }

    /// Writes all figures to `file`.
    ///
    /// # Errors
    /// Those of the file.
    pub(crate) fn write(&self, file: &Path) -> io::Result<()> {
        let text = serde_json::to_string_pretty(&self.figures())?;
        file.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(file, text + "\n")
    }
}
