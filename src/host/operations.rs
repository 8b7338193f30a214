//! Which operations are under way, and how those that are over have ended: for whoever waits,
//! and for whoever asks late.

use std::collections::{BTreeSet, HashMap, VecDeque};

use contract::control::Outcome;
use contract::id::OpId;
use contract::lifecycle::Code;

/// So many outcomes are remembered, those that came about last.
pub(crate) const OUTCOMES_MAX: usize = 10_000;

/// Operations are numbered from 1.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    /// The newest number that was given.
    last: u64,
    /// An operation may be under way for long while thousands come and go: its number says
    /// nothing about whether it is over.
    under_way: BTreeSet<OpId>,
    outcomes: HashMap<OpId, Outcome>,
    /// Those that are remembered, in the order in which they ended.
    ended: VecDeque<OpId>,
}

impl Operations {
    /// Numbers up to `last` have been given.
    pub(crate) fn given(&mut self, last: OpId) {
        self.under_way.extend((self.last + 1..=last.0).map(OpId));
        self.last = self.last.max(last.0);
    }

    /// The newest number that was given; 0 before the first.
    pub(crate) fn last(&self) -> OpId {
        OpId(self.last)
    }

    /// An operation has ended. Of too many outcomes the oldest is forgotten.
    pub(crate) fn end(&mut self, outcome: Outcome) {
        let operation = outcome.operation;
        let was_under_way = self.under_way.remove(&operation);
        debug_assert!(was_under_way, "operation {operation} ends once");
        if self.ended.len() == OUTCOMES_MAX
            && let Some(oldest) = self.ended.pop_front()
        {
            self.outcomes.remove(&oldest);
        }
        self.ended.push_back(operation);
        self.outcomes.insert(operation, outcome);
    }

    /// All that are under way end with the process.
    pub(crate) fn abort(&mut self, text: &str) {
        for operation in std::mem::take(&mut self.under_way) {
            self.under_way.insert(operation);
            let (code, text) = (Code::PROCESS_ABORTED, text.to_owned());
            self.end(Outcome { operation, code, text });
        }
    }

    /// How an operation has ended, 1060 if nobody can tell; none while it is under way.
    pub(crate) fn outcome(&self, operation: OpId) -> Option<Outcome> {
        if self.under_way.contains(&operation) {
            return None;
        }
        Some(self.outcomes.get(&operation).cloned().unwrap_or_else(|| self.unknown(operation)))
    }

    fn unknown(&self, operation: OpId) -> Outcome {
        let text = if operation.0 == 0 || operation.0 > self.last {
            format!("there is no operation {operation}; the newest is {}", self.last())
        } else {
            format!(
                "operation {operation} ended too long ago: the last {OUTCOMES_MAX} outcomes are \
                 remembered"
            )
        };
        Outcome { operation, code: Code::DOES_NOT_EXIST, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(number: u64) -> Outcome {
        Outcome { operation: OpId(number), code: Code::OK, text: "Running".into() }
    }

    #[track_caller]
    fn check_unknown(operations: &Operations, number: u64, text: &str) {
        let outcome = operations.outcome(OpId(number)).expect("nobody is to wait for that");
        assert_eq!((outcome.code, &*outcome.text), (Code::DOES_NOT_EXIST, text));
    }

    #[test]
    fn an_operation_that_never_was_is_not_waited_for() {
        let mut operations = Operations::default();
        check_unknown(&operations, 0, "there is no operation #0; the newest is #0");
        operations.given(OpId(2));
        check_unknown(&operations, 0, "there is no operation #0; the newest is #2");
        check_unknown(&operations, 3, "there is no operation #3; the newest is #2");
        check_unknown(
            &operations,
            u64::MAX,
            "there is no operation #18446744073709551615; the newest is #2",
        );
    }

    #[test]
    fn the_outcomes_that_came_about_last_are_remembered_and_what_is_under_way_is_waited_for() {
        let mut operations = Operations::default();
        let max = OUTCOMES_MAX as u64;
        operations.given(OpId(max + 3));
        // #1 takes its time, and so does #2, which is the last to end.
        (3..=max + 2).for_each(|number| operations.end(ended(number)));
        assert_eq!(operations.outcome(OpId(3)), Some(ended(3)));
        assert_eq!(operations.outcome(OpId(1)), None);
        operations.end(ended(2));
        operations.end(ended(max + 3));
        for number in [3, 4] {
            let text = format!(
                "operation #{number} ended too long ago: the last 10000 outcomes are remembered"
            );
            check_unknown(&operations, number, &text);
        }
        for number in [2, 5, max + 3] {
            assert_eq!(operations.outcome(OpId(number)), Some(ended(number)));
        }
        operations.abort("the process was killed");
        assert_eq!(operations.outcome(OpId(1)).unwrap().code, Code::PROCESS_ABORTED);
    }
}
