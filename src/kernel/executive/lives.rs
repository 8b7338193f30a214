//! News of lives, and lives that are heard of no more (lifecycle.md 2.2, 3).

use std::borrow::Cow;
use std::time::Duration;

use contract::lifecycle::{Code, Desired, Escalate, Exit, Startup, State, Substate};
use contract::time::Moment;

use super::record::Record;
use super::{Crash, Due, Ended, Executive, Notice, PENDING_MAX, SUPERSEDED, Step};
use crate::lifecycle::{Event, next};
use crate::order::{Ending, LifeChange, LifeEvent, Order};
use crate::supervision::{Policy, Verdict};

impl Executive {
    /// News of a life. That of a life that is over or overtaken changes nothing.
    pub fn life(&mut self, now: Moment, event: LifeEvent) {
        let index = self.index(event.id);
        if event.change.is_end() {
            // It ended while its carrier was being given up: then it is no zombie any more.
            self.zombie_ended(now, event.id, event.generation);
        }
        if self.records[index].generation != event.generation {
            return;
        }
        match event.change {
            LifeChange::Started => self.started(now, index),
            LifeChange::Checkpoint(hint) => {
                let record = &mut self.records[index];
                if !record.state.is_settled() && !record.ahead.killing {
                    record.rest.checkpoint += 1;
                    record.rest.hint = hint;
                    self.set_deadline(index, now + PENDING_MAX);
                }
            }
            LifeChange::Paused => {
                if self.change(now, index, Event::PauseDone) {
                    self.reached(index, State::Paused);
                    self.tell_changes(index);
                }
            }
            LifeChange::Continued => {
                if self.change(now, index, Event::ContinueDone) {
                    self.reached(index, State::Running);
                    self.tell_changes(index);
                }
            }
            LifeChange::Stopped => self.ended(now, index, None),
            LifeChange::Ended(ending) => self.ended(now, index, Some(ending)),
        }
        self.settle(now);
    }

    fn started(&mut self, now: Moment, index: usize) {
        if !self.change(now, index, Event::Started) {
            return;
        }
        self.reached(index, State::Running);
        self.tell_changes(index);
        // What was said later wins, over a pause too.
        self.run_queued(now, index);
        let record = &self.records[index];
        if record.state != State::Running {
            return;
        }
        if record.ahead.pauses {
            // Its start order said so, and the shard is pausing it already.
            self.change(now, index, Event::PauseOrdered);
        } else if record.desired == Desired::Paused {
            let order = Order::Pause(record.id, record.generation);
            self.change(now, index, Event::PauseOrdered);
            self.order(index, order);
        }
    }

    /// A life is over, with that ending or as it was asked to: what follows is its supervisor's to
    /// say, unless it was being stopped.
    pub(super) fn ended(&mut self, now: Moment, index: usize, ending: Option<Box<Ending>>) {
        let record = &mut self.records[index];
        let from = record.state;
        if next(from, Event::Ended).is_none() || record.ahead.waiting {
            return;
        }
        let ran = record.ran(now);
        if let Some(rare) = record.rest.if_any() {
            rare.hung = None;
        }
        record.ahead.killing = false;
        let leaves = std::mem::take(&mut record.ahead.leaving);
        let ended = ending.as_deref();
        let end = ended.map_or(Ended::Stopped, |ending| Ended::from(ending.exit.clone()));
        record.set_last_exit(&end);
        let drop_panic = ended.and_then(|ending| ending.drop_panic.as_ref());
        if drop_panic.is_some() || record.rest.drop_panicked.is_some() {
            record.rest.drop_panicked = drop_panic.cloned();
        }
        // A message that fails again has been paid for the first time (lifecycle.md 3.4).
        let message = ended.and_then(|ending| ending.message);
        let first = message.is_none_or(|(_, failed)| failed <= 1);
        let charged = first && record.desired != Desired::Down;
        // What was only waiting for its dependents to be stopped is stopped now, somehow.
        let stopping = from == State::StopPending || leaves;
        let failed = end.exit().is_abnormal();
        if failed && !stopping {
            record.rest.crash_count += 1;
        }
        let went_wrong = failed || drop_panic.is_some();
        if let (true, Some(ending)) = (went_wrong, ending) {
            let (id, generation) = (record.id, record.generation);
            let charged = charged && failed && !stopping && ending.exit != Exit::Lost;
            self.steps.push(Step::Crash(Crash { at: now, id, generation, ending, charged }));
        }
        if stopping {
            return self.stop_finished(now, index, end);
        }
        self.ended_by_itself(now, index, end, ran, charged);
    }

    fn ended_by_itself(
        &mut self,
        now: Moment,
        index: usize,
        end: Ended,
        ran: Duration,
        charged: bool,
    ) {
        let exit = end.exit();
        let code = match exit {
            // It ended well, but whoever wanted it paused has not got that.
            Exit::Normal if self.records[index].waits_for(State::Paused) => Code::NOT_ACTIVE,
            _ => exit.code(),
        };
        let text = self.text_for(index, exit);
        let grouped = self.group_that_restarts(index);
        let verdict = match grouped {
            Some(group) => self.verdict_of_group(now, group, index, exit, ran, charged),
            None => self.verdict_of_component(now, index, exit, ran, charged),
        };
        let held = self.is_held(index);
        let disabled = self.rests_disabled(index);
        let down = self.records[index].desired == Desired::Down;
        let substate = match verdict {
            Verdict::RestartAfter(_) if disabled => Substate::Disabled,
            Verdict::RestartAfter(_) if down => Substate::Operator,
            Verdict::RestartAfter(_) if held => Substate::Held,
            Verdict::RestartAfter(delay) => Substate::Backoff { until: now + delay },
            Verdict::GiveUp => Substate::Failed,
            // With its group, however it ended.
            Verdict::Leave if self.after_stop_by_run(index) == Some(Substate::Failed) => {
                Substate::Failed
            }
            Verdict::Leave => match exit {
                Exit::Ignore(_) => Substate::Ignored,
                exit if exit.is_abnormal() => Substate::Failed,
                _ => Substate::Completed,
            },
        };
        self.set_stopped(now, index, substate, Some(end));
        self.resolve(index, code, text);
        match (grouped, verdict) {
            (_, Verdict::RestartAfter(_)) if down || held => {}
            (Some(group), Verdict::RestartAfter(delay)) => {
                self.restart_group(now, group, index, delay);
            }
            (Some(group), Verdict::GiveUp) => self.fail_group(now, group, index),
            (None, Verdict::RestartAfter(delay)) => {
                if !self.delay_run(index, now + delay) {
                    self.set_due(now + delay, Due::Record(index));
                }
            }
            (_, Verdict::Leave) | (None, Verdict::GiveUp) => {}
        }
        // What is to be down anyway has nobody to be restarted for.
        if verdict == Verdict::GiveUp && !down && !held {
            self.escalate(now, index);
        }
        self.run_queued(now, index);
    }

    fn verdict_of_component(
        &mut self,
        now: Moment,
        index: usize,
        exit: &Exit,
        ran: Duration,
        charged: bool,
    ) -> Verdict {
        let record = &mut self.records[index];
        let descriptor = record.descriptor();
        let (restart, budget) = (descriptor.restart, descriptor.budget);
        let policy = Policy { restart, budget, backoff: descriptor.backoff };
        let verdict = record.rest.crashes.after(now, exit, ran, charged, &policy);
        self.with_jitter(verdict, policy.backoff.jitter_percent)
    }

    pub(super) fn with_jitter(&mut self, verdict: Verdict, percent: u8) -> Verdict {
        match verdict {
            Verdict::RestartAfter(delay) => Verdict::RestartAfter(self.jittered(delay, percent)),
            verdict => verdict,
        }
    }

    /// A component has spent its budget: who is to hear of it?
    fn escalate(&mut self, now: Moment, index: usize) {
        match self.records[index].descriptor().escalate {
            Escalate::No => {}
            Escalate::Group => self.escalate_to_group(now, index),
            Escalate::Executive => self.escalate_to_executive(now, index),
        }
    }

    /// Whether a component whose life is over is not to begin another because its startup type
    /// is Disabled meanwhile. If so, that is what is wanted of it from now on.
    fn rests_disabled(&mut self, index: usize) -> bool {
        let Record { startup, desired, .. } = self.records[index];
        let disabled = startup == Startup::Disabled && desired != Desired::Down;
        if disabled {
            self.want(index, Desired::Down);
        }
        disabled
    }

    /// A stop has finished, one way or another: what the operator or the plan wanted holds.
    pub(super) fn stop_finished(&mut self, now: Moment, index: usize, end: Ended) {
        let held = self.is_held(index);
        let disabled = self.rests_disabled(index);
        let record = &mut self.records[index];
        let starts_again = std::mem::take(&mut record.ahead.starts_again);
        let deprived_of = record.rest.if_any().and_then(|rare| rare.deprived_of.take());
        let down = record.desired == Desired::Down;
        let removed = record.removed;
        let text = self.text_for(index, end.exit());
        if let (Some(name), false) = (deprived_of, starts_again || down) {
            let end = Ended::from(Exit::Dependency(name));
            self.records[index].set_last_exit(&end);
            self.set_stopped(now, index, Substate::Failed, Some(end));
            self.resolve(index, Code::DEPENDENCY_FAIL, text);
            return self.run_queued(now, index);
        }
        let substate = match self.after_stop_by_run(index) {
            _ if removed => Substate::Removed,
            _ if disabled => Substate::Disabled,
            _ if down => Substate::Operator,
            _ if held => Substate::Held,
            Some(substate) => substate,
            None if starts_again => Substate::Operator,
            // What it was stopped for is over by now.
            None => Substate::Held,
        };
        self.set_stopped(now, index, substate, Some(end));
        if removed {
            self.removed(index);
        }
        // A restart takes its dependents along, but not those that an operator is stopping.
        if starts_again && !held && !down {
            self.begin_life(now, index);
        } else {
            self.resolve_if(index, State::Stopped, Code::OK, text);
            if !self.records[index].is_backing_off() {
                // A pause, say, of what was waiting for its dependents to be stopped.
                self.resolve(index, Code::CANCELLED, "it was stopped meanwhile");
            }
            self.run_queued(now, index);
            self.start_if_held(now, index);
        }
    }

    /// What is said to whoever waits for the component, of how its life has ended; nothing if
    /// nobody waits.
    fn text_for(&self, index: usize, exit: &Exit) -> Cow<'static, str> {
        let waits = self.records[index].rest.operation.is_some();
        if waits { exit.words() } else { Cow::Borrowed("") }
    }

    /// A restart that is due by itself begins, unless something has come in between.
    pub(super) fn begin_by_itself(&mut self, now: Moment, index: usize) {
        if self.is_kept_down(index) {
            self.set_stopped(now, index, Substate::Held, None);
        } else {
            self.begin_life(now, index);
        }
    }

    /// A start or restart that was queued has its moment.
    pub(super) fn run_queued(&mut self, now: Moment, index: usize) {
        let record = &mut self.records[index];
        let state = record.state;
        if !matches!(state, State::Stopped | State::Running) {
            return;
        }
        let Some(queued) = record.take_queued() else { return };
        let operation = super::Operation { id: queued.operation, target: State::Running };
        if let Err(refusal) = self.check_start(index) {
            return self.resolve_operation(queued.operation, refusal.code, refusal.reason);
        }
        self.resolve(index, Code::CANCELLED, SUPERSEDED);
        self.records[index].rest.operation = Some(operation);
        self.want(index, Desired::Up);
        match state {
            State::Stopped => self.start_now(now, index, queued.options),
            _ if queued.restart => self.restart_now(now, index, queued.options),
            _ => self.reached(index, State::Running),
        }
    }

    /// A start waits for what may never come: SMS_EXECUTIVE and whoever asked for it wait no
    /// longer. It goes on waiting, and so does what depends on it.
    pub(super) fn waits_too_long(&mut self, index: usize, text: &str) {
        self.starting -= usize::from(self.records[index].is_starting());
        self.records[index].ahead.overdue = true;
        self.resolve(index, Code::REQUEST_TIMEOUT, text);
        self.changed.push_back(index);
    }

    /// A pending state has lasted too long.
    pub(super) fn give_up_waiting(&mut self, now: Moment, index: usize) {
        let record = &mut self.records[index];
        record.set_deadline(None);
        let (id, generation, killing) = (record.id, record.generation, record.ahead.killing);
        let state = record.state;
        match state {
            State::StartPending if record.ahead.waiting => {
                self.notice(Notice::ControlTimedOut(id, state));
                self.waits_too_long(index, "code of an earlier life has not come back in 30 s");
            }
            State::StartPending if self.lose_carrier_to_another(now, id) => {}
            State::StartPending => {
                // Whatever the shard still says of this life comes too late: it is fenced.
                self.order(index, Order::Kill(id, generation, Box::new(Exit::StartHang)));
                self.give_up_life(now, index, Ending::plain(Exit::StartHang));
            }
            State::StopPending if killing => {
                self.give_up_life(now, index, Ending::plain(Exit::Killed));
            }
            State::StopPending => self.order_kill(now, index),
            State::PausePending | State::ContinuePending => {
                self.notice(Notice::ControlTimedOut(id, state));
                self.resolve(index, Code::REQUEST_TIMEOUT, "no answer within 30 s");
            }
            State::Stopped | State::Running | State::Paused => {}
        }
    }
}
