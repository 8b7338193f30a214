//! I1, I2, I3, I4, I7, I9: what a component's lives are, by the executive's account and by the
//! calls of its hooks.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::id::Generation;
use contract::lifecycle::{State, Substate};

use super::{Checked, Invariants, Violation};
use crate::event::{Event, What};
use crate::faults::{CallVerdict, Injected};

/// What the log has said of one component.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Its state, why it is Stopped, and its life: what a replay of the log gives.
    pub(super) state: Option<State>,
    pub(super) substate: Option<Substate>,
    pub(super) generation: Generation,
    /// The event with which it last left a state in which a shard may dispatch, or from which
    /// the shard goes to one by itself.
    left_open: u64,
    /// The life that was last begun, by the calls of its hooks.
    life: Life,
    /// Calls that a fault rule has hang, and by which event: they are recorded when they come
    /// back, and that is in a later turn.
    hanging: BTreeMap<(Generation, &'static str), u64>,
}

/// The calls of one life.
#[derive(Debug, Default)]
struct Life {
    generation: Generation,
    starts: u32,
    stops: u32,
    /// The executive has called it Running.
    ran: bool,
    /// It was called after the executive had ordered its stop.
    called_late: bool,
    /// Its pause hook was called, and its resume hook not since.
    paused: bool,
}

/// A call of a hook.
pub(super) struct Call<'a> {
    to: &'a Arc<str>,
    generation: Generation,
    hook: &'static str,
}

fn call(event: &Event) -> Option<Call<'_>> {
    match &event.what {
        What::Delivered { to, generation, what, .. } => {
            Some(Call { to, generation: *generation, hook: what.hook() })
        }
        _ => None,
    }
}

impl Seen {
    fn is_dead(&self) -> bool {
        matches!(self.state, None | Some(State::Stopped))
    }

    /// Whether this is the call that a rule has had hang, in a turn after event `turn`.
    fn has_hung(&self, call: &Call<'_>, turn: u64) -> bool {
        self.hanging.iter().any(|((life, hook), since)| {
            (*life, *hook) == (call.generation, call.hook) && *since <= turn
        })
    }
}

/// A state in which a shard dispatches, or from which it goes to one without being told.
fn is_open(state: Option<State>) -> bool {
    matches!(state, Some(State::Running | State::StartPending | State::ContinuePending))
}

impl Invariants {
    /// The call, and what was seen of its component; none for a call that hung before.
    pub(super) fn judged<'a>(&'a self, event: &'a Event) -> Option<(Call<'a>, &'a Seen)> {
        let call = call(event)?;
        let seen = self.seen.get(call.to)?;
        (!seen.has_hung(&call, self.turn)).then_some((call, seen))
    }

    /// I1: one live incarnation at most. Evidence: a start hook is called only in the life that
    /// the executive has begun last, and in no life twice; a life is over with the change to
    /// Stopped that bears its generation, or with the process.
    pub(super) fn i1_one_life(&self, event: &Event) -> Checked {
        let Some((Call { to, generation, hook: "start" }, seen)) = self.judged(event) else {
            return Ok(());
        };
        let Life { generation: last, starts, .. } = seen.life;
        let problem = if generation != seen.generation {
            format!("{to} gen {generation} begins, and the executive is at {}", seen.generation)
        } else if last == generation && starts > 0 {
            format!("{to} gen {generation} begins twice")
        } else {
            return Ok(());
        };
        Err(Violation::new(1, problem))
    }

    /// I2: generations strictly increase over all time. Evidence: each change from Stopped to
    /// StartPending bears a higher generation than any before it, also before a kill; every
    /// other change that of the life that it is about; and a new process begins with the last.
    pub(super) fn i2_generations_increase(&self, event: &Event) -> Checked {
        let (name, generation, begins) = match &event.what {
            What::Changed { name, generation, from, to, .. } => {
                (name, *generation, (*from, *to) == (State::Stopped, State::StartPending))
            }
            What::Registered { name, generation, .. } if self.seen.contains_key(name) => {
                (name, *generation, false)
            }
            _ => return Ok(()),
        };
        let last = self.seen.get(name).map_or(Generation(0), |seen| seen.generation);
        let fits = if begins { generation > last } else { generation == last };
        if fits {
            return Ok(());
        }
        let text = format!("{name} is at generation {generation}, and was at {last} before");
        Err(Violation::new(2, text))
    }

    /// I3: only edges of the table occur. Evidence: each change leads from the state that the
    /// last one led to, and somewhere that `kernel::lifecycle::next` leads; or from Stopped to
    /// Stopped, where the reason alone has changed.
    pub(super) fn i3_only_edges_of_the_table(&self, event: &Event) -> Checked {
        if let What::Service { state } = event.what {
            return self.i3_service(state);
        }
        let What::Changed { name, from, to, substate, .. } = &event.what else { return Ok(()) };
        let known = self.seen.get(name).and_then(|seen| seen.state);
        let reason_only = (*from, *to) == (State::Stopped, State::Stopped);
        let has_edge = |event| kernel::lifecycle::next(*from, event) == Some(*to);
        let problem = if known != Some(*from) {
            format!("{name} leaves {from}, and was {known:?}")
        } else if !reason_only && !kernel::lifecycle::Event::ALL.into_iter().any(has_edge) {
            format!("{name} goes from {from} to {to}")
        } else if substate.is_some() != (*to == State::Stopped) {
            format!("{name} is {to} because of {substate:?}")
        } else {
            return Ok(());
        };
        Err(Violation::new(3, problem))
    }

    /// The same for SMS_EXECUTIVE as a whole, which is not paused.
    fn i3_service(&self, to: State) -> Checked {
        let from = self.service.unwrap_or(State::Stopped);
        let fits = match to {
            State::StartPending => from == State::Stopped,
            State::Running => from == State::StartPending,
            State::StopPending => matches!(from, State::Running | State::StartPending),
            State::Stopped => from == State::StopPending,
            _ => false,
        };
        if fits {
            return Ok(());
        }
        Err(Violation::new(3, format!("SMS_EXECUTIVE goes from {from} to {to}")))
    }

    /// I4: no dispatch in any state but Running. Evidence: no message is handed over after the
    /// stop hook of its life, nor between the pause and the resume hook; nor in a turn before
    /// which the executive had called the component anything but Running, or about to run. And
    /// no timer or answer while it is Paused.
    pub(super) fn i4_dispatch_in_running_only(&self, event: &Event) -> Checked {
        let Some((Call { to, generation, hook }, seen)) = self.judged(event) else {
            return Ok(());
        };
        let state = seen.state.unwrap_or(State::Stopped);
        if matches!(hook, "timer" | "answer") && state == State::Paused {
            return Err(Violation::new(4, format!("{to} is handed a {hook} while it is Paused")));
        }
        if hook != "message" {
            return Ok(());
        }
        let in_time = state == State::Running || seen.left_open > self.turn;
        let problem = if !in_time {
            format!("{to} gen {generation} is handed a message, and it is {state}")
        } else if seen.life.stops > 0 {
            format!("{to} gen {generation} is handed a message after its stop hook")
        } else if seen.life.paused {
            format!("{to} gen {generation} is handed a message between pause and resume")
        } else {
            return Ok(());
        };
        Err(Violation::new(4, problem))
    }

    /// I7: one start hook in each life, and one stop hook at most, after a start that went well.
    /// Evidence: the calls. That a start went well shows as Running; where the executive had
    /// ordered the stop by then, as a call of the life after that order. And a life that ran
    /// and ended as it was asked to has had its stop hook called.
    pub(super) fn i7_one_start_and_one_stop(&self, event: &Event) -> Checked {
        if let What::Changed { name, generation, exit: Some(exit), .. } = &event.what {
            let life = self.seen.get(name).map(|seen| &seen.life);
            let unasked = life
                .is_some_and(|life| life.generation == *generation && life.ran && life.stops == 0);
            if *exit == contract::lifecycle::Exit::Shutdown && unasked {
                let text = format!("{name} gen {generation} ends without its stop hook");
                return Err(Violation::new(7, text));
            }
            return Ok(());
        }
        let Some(call) = call(event) else { return Ok(()) };
        let Some(seen) = self.seen.get(call.to) else { return Ok(()) };
        let Call { to, generation, hook } = &call;
        let (generation, hook) = (*generation, *hook);
        let of_life = seen.life.generation == generation;
        if !of_life && seen.has_hung(&call, self.turn) {
            return Ok(());
        }
        let Life { starts, stops, ran, called_late, .. } = seen.life;
        let problem = match hook {
            "start" if of_life && starts > 0 => "is started twice",
            "stop" if of_life && stops > 0 => "is stopped twice",
            "stop" if !of_life || starts == 0 => "is stopped, and was not started",
            "stop" if !ran && !called_late => "is stopped, and its start has not gone well",
            "start" | "stop" => return Ok(()),
            _ if !of_life || starts == 0 => "is called, and was not started",
            _ => return Ok(()),
        };
        Err(Violation::new(7, format!("{to} gen {generation} {problem}")))
    }

    /// I9: effects of a life after its end are rejected. Evidence: what is called, asks or sends
    /// after the change to Stopped is of a later life. A message names its sender and not the
    /// life: it shows only that there is one.
    pub(super) fn i9_no_effect_of_the_dead(&self, event: &Event) -> Checked {
        let (name, generation) = match &event.what {
            What::Asked { by, generation, .. } => (by, Some(*generation)),
            What::Passed { from: Some(from), .. } => (from, None),
            _ => match self.judged(event) {
                Some((call, _)) => (call.to, Some(call.generation)),
                None => return Ok(()),
            },
        };
        let Some(seen) = self.seen.get(name) else { return Ok(()) };
        let present = generation.is_none_or(|generation| generation == seen.generation);
        if present && !seen.is_dead() {
            return Ok(());
        }
        let life = generation.unwrap_or(seen.generation);
        let text = format!("gen {life} of {name} acts after its end");
        Err(Violation::new(9, text))
    }

    pub(super) fn take_in_life(&mut self, event: &Event) {
        match &event.what {
            What::Registered { name, generation, state, substate } => {
                let seen = self.seen.entry(Arc::clone(name)).or_default();
                (seen.state, seen.substate) = (Some(*state), *substate);
                seen.generation = *generation;
            }
            What::Changed { name, generation, from, to, substate, .. } => {
                let Some(seen) = self.seen.get_mut(name) else { return };
                if is_open(Some(*from)) {
                    seen.left_open = event.number;
                }
                (seen.state, seen.substate) = (Some(*to), *substate);
                seen.generation = *generation;
                if seen.life.generation == *generation {
                    seen.life.ran |= *to == State::Running;
                }
            }
            What::Killed => {
                for seen in self.seen.values_mut() {
                    (seen.state, seen.substate, seen.life) = (None, None, Life::default());
                    seen.hanging.clear();
                }
            }
            What::Injected {
                name,
                generation,
                fault: Injected::Call { hook, verdict: CallVerdict::Hang(_) },
            } => {
                if let Some(seen) = self.seen.get_mut(name) {
                    seen.hanging.insert((*generation, hook), event.number);
                }
            }
            _ => self.take_in_call(event),
        }
    }

    fn take_in_call(&mut self, event: &Event) {
        let Some(call) = call(event) else { return };
        let Some(seen) = self.seen.get_mut(call.to) else { return };
        let Call { generation, hook, .. } = call;
        if seen.has_hung(&call, self.turn) {
            seen.hanging.retain(|(life, hanging), _| (*life, *hanging) != (generation, hook));
        }
        if hook == "start" && generation == seen.generation {
            seen.life = Life { generation, ..Life::default() };
        }
        if seen.life.generation != generation {
            return;
        }
        let life = &mut seen.life;
        life.called_late |= !is_open(seen.state) || seen.state == Some(State::ContinuePending);
        match hook {
            "start" => life.starts += 1,
            "stop" => life.stops += 1,
            "pause" => life.paused = true,
            "resume" => life.paused = false,
            _ => {}
        }
    }
}
