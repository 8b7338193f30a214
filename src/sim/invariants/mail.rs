//! I8: what becomes of messages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use contract::id::{ComponentId, MessageId};

use super::looking::Look;
use super::{Checked, Invariants, Violation};
use crate::event::{Event, What};
use crate::faults::{Injected, MessageVerdict};

/// By receiver and identity.
type Key = (Arc<str>, MessageId);

/// Every message that was accepted.
#[derive(Debug, Default)]
pub(super) struct Messages {
    accepted: u64,
    all: BTreeMap<Key, Tracked>,
    /// By receiver and sender: those that are open and have to come in order.
    lines: BTreeMap<(Arc<str>, ComponentId), BTreeSet<u64>>,
    kills: u32,
    /// Those that a fault rule delays or doubles, and that are told to be accepted later: what
    /// rules did in a turn comes before what came of it.
    to_be_excused: BTreeSet<Key>,
}

/// One message.
#[derive(Debug)]
struct Tracked {
    /// Its place in the order of acceptance.
    place: u64,
    /// So many kills came before it.
    kills: u32,
    fate: Fate,
    /// A fault rule has others overtake it, or has it come twice.
    meddled_with: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    SetAside,
    /// Handled, or set aside and done with: nobody keeps it any longer.
    Settled,
}

impl Invariants {
    /// I8: a message that was accepted is, in the end, exactly one of handled, set aside, and
    /// still kept. Evidence: none is accepted twice under one identity (within a process: the
    /// next one may number from the beginning what comes after all was handled); what is handed
    /// over or set aside was accepted and is not done with; it is done with once; and what one
    /// sender sends one receiver is handed over in the order of its acceptance, so that what a
    /// life died of comes before what stood behind it. Fault rules that delay or double a
    /// message, or lose it, excuse it.
    pub(super) fn i8_messages_are_not_lost(&self, event: &Event) -> Checked {
        let messages = &self.messages;
        let (to, id, problem) = match &event.what {
            What::Sent { to, id, .. } | What::Passed { to, id, .. } => {
                let tracked = messages.get(to, *id);
                let same = tracked.filter(|tracked| {
                    tracked.kills == messages.kills || tracked.fate == Fate::Open
                });
                (to, *id, same.map(|_| "is accepted twice"))
            }
            What::SetAside { to, id, .. } => {
                let open = messages.is(to, *id, |fate| fate == Fate::Open);
                (to, *id, (!open).then_some("is set aside, and was not open"))
            }
            What::Settled { to, id } => {
                let open = messages.is(to, *id, |fate| fate != Fate::Settled);
                (to, *id, (!open).then_some("is done with, and was not open"))
            }
            What::Delivered { to, what, .. } => {
                let Some(id) = what.message_id().filter(|_| self.judged(event).is_some()) else {
                    return Ok(());
                };
                (to, id, messages.problem_of_delivery(to, id))
            }
            _ => return Ok(()),
        };
        match problem {
            None => Ok(()),
            Some(problem) => Err(Violation::new(8, format!("message {id} to {to} {problem}"))),
        }
    }

    /// I8, by looking: what is open is kept, once, and nothing else is; and a component that
    /// runs when nothing is under way, and has room, has handled all that came for it.
    pub(super) fn i8_what_is_open_is_kept(&self, look: &Look) -> Checked {
        let mut kept: BTreeSet<Key> = BTreeSet::new();
        for message in look.kept.mail.iter() {
            let (to, id): (Arc<str>, _) = (message.to.as_str().into(), message.id);
            if !self.messages.is(&to, id, |fate| fate == Fate::Open) {
                let text = format!("message {id} to {to} is kept, and is done with");
                return Err(Violation::new(8, text));
            }
            if look.leaves_unhandled(&to) && !self.messages.is_meddled_with(&to, id) {
                let text = format!("message {id} waits, and {to} runs and has nothing to do");
                return Err(Violation::new(8, text));
            }
            if !kept.insert((Arc::clone(&to), id)) {
                return Err(Violation::new(8, format!("message {id} to {to} is kept twice")));
            }
        }
        let open = |(_, tracked): &(&Key, &Tracked)| tracked.fate != Fate::Settled;
        match self.messages.all.iter().filter(open).find(|(key, _)| !kept.contains(*key)) {
            None => Ok(()),
            Some(((to, id), _)) => {
                let text = format!("message {id} to {to} was accepted, and is kept by nobody");
                Err(Violation::new(8, text))
            }
        }
    }
}

impl Messages {
    fn get(&self, to: &Arc<str>, id: MessageId) -> Option<&Tracked> {
        self.all.get(&(Arc::clone(to), id))
    }

    fn is(&self, to: &Arc<str>, id: MessageId, fits: impl Fn(Fate) -> bool) -> bool {
        self.get(to, id).is_some_and(|tracked| tracked.meddled_with || fits(tracked.fate))
    }

    fn is_meddled_with(&self, to: &Arc<str>, id: MessageId) -> bool {
        self.get(to, id).is_some_and(|tracked| tracked.meddled_with)
    }

    fn problem_of_delivery(&self, to: &Arc<str>, id: MessageId) -> Option<&'static str> {
        let Some(tracked) = self.get(to, id) else { return Some("was never accepted") };
        if tracked.meddled_with {
            return None;
        }
        if tracked.fate != Fate::Open {
            return Some("is handed over, and was done with");
        }
        let line = self.lines.get(&(Arc::clone(to), id.from));
        let first = line.and_then(|line| line.first().copied());
        (first != Some(tracked.place)).then_some("overtakes one that was sent before it")
    }

    pub(super) fn take_in(&mut self, event: &Event) {
        match &event.what {
            What::Sent { to, id, .. } | What::Passed { to, id, .. } => {
                self.accepted += 1;
                let (place, kills, key) = (self.accepted, self.kills, (Arc::clone(to), *id));
                let meddled_with = self.to_be_excused.remove(&key);
                let tracked = Tracked { place, kills, fate: Fate::Open, meddled_with };
                self.all.insert(key, tracked);
                if !meddled_with {
                    self.lines.entry((Arc::clone(to), id.from)).or_default().insert(place);
                }
            }
            What::SetAside { to, id, .. } => self.becomes(to, *id, Fate::SetAside),
            What::Settled { to, id } => self.becomes(to, *id, Fate::Settled),
            What::Injected { name, fault: Injected::Message { id, verdict, .. }, .. } => {
                self.meddle(name, *id, *verdict);
            }
            What::Killed => self.kills += 1,
            _ => {}
        }
    }

    fn becomes(&mut self, to: &Arc<str>, id: MessageId, fate: Fate) {
        let Some(tracked) = self.all.get_mut(&(Arc::clone(to), id)) else { return };
        tracked.fate = fate;
        let place = tracked.place;
        self.leave_line(to, id, place);
    }

    fn meddle(&mut self, to: &Arc<str>, id: MessageId, verdict: MessageVerdict) {
        if !matches!(verdict, MessageVerdict::Delay(_) | MessageVerdict::Duplicate) {
            return;
        }
        let key = (Arc::clone(to), id);
        let known = self.all.get_mut(&key).filter(|tracked| tracked.kills == self.kills);
        match known {
            Some(tracked) if tracked.fate != Fate::Settled => {
                tracked.meddled_with = true;
                let place = tracked.place;
                self.leave_line(to, id, place);
            }
            _ => drop(self.to_be_excused.insert(key)),
        }
    }

    fn leave_line(&mut self, to: &Arc<str>, id: MessageId, place: u64) {
        if let Some(line) = self.lines.get_mut(&(Arc::clone(to), id.from)) {
            line.remove(&place);
        }
    }
}
