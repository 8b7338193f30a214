//! What falls due when. An entry that no longer matches what it is about is void, and goes when
//! it comes to the front.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use contract::time::Moment;

/// A line of no more than this is not worth giving back.
const LINE_KEPT: usize = 1_024;

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// A backoff, or a pending state's deadline.
    Record(usize),
    /// The delay of a group's restart.
    Group(usize),
    /// The lease of a component's maintenance.
    Maintenance(usize),
    /// The lease of a backup.
    Backup,
}

/// All entries. Those of one moment fall due in the order of [`Due`].
#[derive(Debug, Default)]
pub(super) struct Dues {
    heap: BinaryHeap<Reverse<(Moment, Due)>>,
    /// Deadlines of records, which are all equally long and so come in the order in which they
    /// fall due. Every start and stop has one, and next to none ever does.
    line: VecDeque<(Moment, u32)>,
}

impl Dues {
    pub(super) fn add(&mut self, at: Moment, due: Due) {
        self.heap.push(Reverse((at, due)));
    }

    /// Adds a record's deadline, which is no earlier than those before it.
    pub(super) fn add_deadline(&mut self, at: Moment, index: usize) {
        if self.line.back().is_none_or(|(last, _)| *last <= at) {
            self.line.push_back((at, index as u32));
        } else {
            self.add(at, Due::Record(index));
        }
    }

    /// When the first entry falls due for which `counts` holds. Those before it are forgotten.
    pub(super) fn first(&mut self, counts: impl Fn(Moment, Due) -> bool) -> Option<Moment> {
        while self.line.pop_front_if(|(at, index)| !counts(*at, record(*index))).is_some() {}
        if self.line.is_empty() && self.line.capacity() > LINE_KEPT {
            self.line = VecDeque::new();
        }
        while let Some(Reverse((at, due))) = self.heap.peek()
            && !counts(*at, *due)
        {
            self.heap.pop();
        }
        let in_heap = self.heap.peek().map(|Reverse((at, _))| *at);
        in_heap.into_iter().chain(self.line.front().map(|(at, _)| *at)).min()
    }

    /// Takes the first entry that has fallen due and for which `counts` holds.
    pub(super) fn take(
        &mut self,
        now: Moment,
        counts: impl Fn(Moment, Due) -> bool,
    ) -> Option<Due> {
        while let Some((at, index)) = self.line.pop_front_if(|(at, _)| *at <= now) {
            self.add(at, record(index));
        }
        while let Some(Reverse((at, due))) = self.heap.peek().copied()
            && at <= now
        {
            self.heap.pop();
            if counts(at, due) {
                return Some(due);
            }
        }
        None
    }
}

fn record(index: u32) -> Due {
    Due::Record(index as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether deadlines lie in the line or in the heap is nobody's business.
    #[test]
    fn entries_fall_due_by_moment_and_then_by_what_they_are_about() {
        let mut dues = Dues::default();
        dues.add(Moment(5), Due::Backup);
        for (at, index) in [(4, 9), (5, 7), (5, 3), (4, 8), (9, 1)] {
            dues.add_deadline(Moment(at), index);
        }
        dues.add(Moment(5), Due::Group(0));
        dues.add(Moment(5), Due::Record(4));
        let counts = |_, due| due != Due::Record(8) && due != Due::Record(9);
        assert_eq!(dues.first(counts), Some(Moment(5)));
        assert_eq!(dues.take(Moment(4), counts), None);
        let taken: Vec<Due> = std::iter::from_fn(|| dues.take(Moment(5), counts)).collect();
        let records = [3, 4, 7].map(Due::Record);
        assert_eq!(taken, [&records[..], &[Due::Group(0), Due::Backup]].concat());
        assert_eq!(dues.first(counts), Some(Moment(9)));
        assert_eq!(dues.first(|_, _| false), None);
    }
}
