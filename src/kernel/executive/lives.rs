//! News of lives, and lives that are heard of no more (lifecycle.md 2.2, 3).

use std::cmp::Reverse;
use std::time::Duration;

use contract::lifecycle::{Code, Desired, Exit, State, Substate};
use contract::time::Moment;

use super::{Executive, PENDING_MAX};
use crate::lifecycle::{Event, next};
use crate::order::{LifeChange, LifeEvent, Order};
use crate::supervision::Verdict;

impl Executive {
    /// News of a life. That of a life that is over or overtaken changes nothing.
    pub fn life(&mut self, now: Moment, event: LifeEvent) {
        let index = self.index(event.id);
        if self.records[index].generation != event.generation {
            return;
        }
        match event.change {
            LifeChange::Started => {
                if self.change(now, index, Event::Started, None) {
                    self.records[index].running_since = Some(now);
                    self.reached(index, State::Running);
                    self.tell_changes(index);
                    if self.records[index].desired == Desired::Paused {
                        // Its start order said so, and the shard is pausing it already.
                        self.change(now, index, Event::PauseOrdered, None);
                    }
                }
            }
            LifeChange::Checkpoint(hint) => {
                let record = &mut self.records[index];
                if !record.state.is_settled() && !record.killing {
                    record.checkpoint += 1;
                    record.hint = hint;
                    self.set_deadline(index, now + PENDING_MAX);
                }
            }
            LifeChange::Paused => {
                if self.change(now, index, Event::PauseDone, None) {
                    self.reached(index, State::Paused);
                    self.tell_changes(index);
                }
            }
            LifeChange::Continued => {
                if self.change(now, index, Event::ContinueDone, None) {
                    self.reached(index, State::Running);
                    self.tell_changes(index);
                }
            }
            LifeChange::Ended { exit, failed_deliveries, .. } => {
                self.ended(now, index, exit, failed_deliveries);
            }
        }
        self.continue_plan(now);
    }

    pub(super) fn ended(&mut self, now: Moment, index: usize, exit: Exit, failed_deliveries: u8) {
        let record = &mut self.records[index];
        let from = record.state;
        if next(from, Event::Ended).is_none() {
            return;
        }
        let ran = record.running_since.take().map_or(Duration::ZERO, |since| now.since(since));
        let failed = exit.is_abnormal();
        record.killing = false;
        record.last_exit = Some(exit.clone());
        if from == State::StopPending {
            return self.stop_finished(now, index, exit);
        }
        if failed {
            record.crash_count += 1;
        }
        // A message that fails again has been paid for the first time (lifecycle.md 3.4).
        let charged = failed_deliveries <= 1;
        let verdict = record.crashes.after(now, &exit, ran, charged, &record.descriptor);
        let substate = match verdict {
            Verdict::RestartAfter(delay) => Substate::Backoff { until: now + delay },
            Verdict::GiveUp => Substate::Failed,
            Verdict::Leave => match &exit {
                Exit::Ignore(_) => Substate::Ignored,
                _ if failed => Substate::Failed,
                _ => Substate::Completed,
            },
        };
        let code = match &exit {
            // It ended well, but whoever wanted it paused has not got that.
            Exit::Normal if record.waits_for(State::Paused) => Code::NOT_ACTIVE,
            _ => exit.code(),
        };
        let text = exit.to_string();
        self.set_stopped(now, index, substate, Some(exit));
        if let Substate::Backoff { until } = substate {
            self.due.push(Reverse((until, index)));
        }
        self.resolve(index, code, &text);
    }

    /// A stop has finished, one way or another: what the operator or the plan wanted holds.
    pub(super) fn stop_finished(&mut self, now: Moment, index: usize, exit: Exit) {
        let starts_again = std::mem::take(&mut self.records[index].starts_again);
        let substate = match self.records[index].desired {
            Desired::Down => Substate::Operator,
            Desired::Up | Desired::Paused if self.is_held() => Substate::Held,
            Desired::Up | Desired::Paused => Substate::Operator,
        };
        let text = exit.to_string();
        self.set_stopped(now, index, substate, Some(exit));
        if starts_again && !self.is_held() {
            self.begin_life(now, index);
        } else {
            self.resolve_if(index, State::Stopped, Code::OK, &text);
        }
    }

    pub(super) fn is_held(&self) -> bool {
        matches!(self.service.state, State::StopPending | State::Stopped)
    }

    /// A pending state has lasted too long.
    pub(super) fn give_up_waiting(&mut self, now: Moment, index: usize) {
        let record = &mut self.records[index];
        record.deadline = None;
        let (id, generation) = (record.id, record.generation);
        match record.state {
            State::StartPending => {
                self.order(index, Order::Kill(id, generation, Exit::StartHang));
                // Whatever the shard still says of this life comes too late: it is fenced.
                self.ended(now, index, Exit::StartHang, 0);
            }
            State::StopPending if record.killing => self.ended(now, index, Exit::Killed, 0),
            State::StopPending => self.order_kill(now, index),
            State::PausePending | State::ContinuePending => {
                self.resolve(index, Code::REQUEST_TIMEOUT, "no answer within 30 s");
            }
            State::Stopped | State::Running | State::Paused => {}
        }
        self.continue_plan(now);
    }
}
