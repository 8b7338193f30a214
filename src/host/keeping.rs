//! What outlives a life, and the process: told to the driver change by change, and taken in
//! again at the start (lifecycle.md 2.1, 3.13).

use std::time::Duration;

use contract::WallTime;
use contract::control::DeadReason;
use contract::id::{ComponentId, MessageId};
use contract::lifecycle::HoldKind;
use contract::message::Message;
use contract::store::{Change, KeptHold, KeptMessage};
use contract::time::Moment;
use kernel::{Clock, MessageSlip, Parcel, Shown};

use crate::records::SetAside;
use crate::{Doing, Host};

impl Host {
    /// Has a change outlive the process, as [`Doing::Keep`] promises. What counts on it is put
    /// behind it.
    pub(crate) fn keep(&mut self, change: Change) {
        self.doings.push(Doing::Keep(change));
    }

    pub(crate) fn name_of(&self, id: ComponentId) -> String {
        self.executive.name(id).to_string()
    }

    /// A hold was taken.
    pub(crate) fn keep_hold(
        &mut self,
        clock: Clock,
        kind: HoldKind,
        id: Option<ComponentId>,
        until: Moment,
    ) {
        let until = wall_of(clock, until);
        let component = id.map(|id| self.name_of(id));
        self.keep(Change::Hold(KeptHold { kind, component, until }));
    }

    /// Takes the holds of an earlier process over, as far as their leases have not run out.
    pub(crate) fn restore_holds(&mut self, clock: Clock, holds: Vec<KeptHold>) {
        for KeptHold { kind, component, until } in holds {
            let id = component.as_deref().map(|name| self.board.find(name));
            match id {
                Some(None) => self.keep(Change::Released(kind, component)),
                _ if until <= clock.utc => self.keep(Change::Released(kind, component)),
                id => self.executive.restore_hold(kind, id.flatten(), moment_of(clock, until)),
            }
        }
    }

    /// A message was accepted by a component's shard, or by the driver from outside.
    pub fn accepted(
        &mut self,
        to: ComponentId,
        id: MessageId,
        message: Message,
        expires: Option<WallTime>,
    ) {
        let to = self.name_of(to);
        let message = KeptMessage { to, id, message, expires, failed: 0 };
        self.mail.accept(message.clone());
        self.keep(Change::Accepted(message));
    }

    pub(crate) fn failed(&mut self, to: ComponentId, id: MessageId, failed: u8) {
        let to = self.name_of(to);
        self.mail.fail(&to, id, failed);
        self.keep(Change::Failed { to, id, failed });
    }

    pub(crate) fn settled(&mut self, to: ComponentId, id: MessageId) {
        let to = self.name_of(to);
        if self.mail.settle(&to, id) {
            self.keep(Change::Settled { to, id });
        }
    }

    /// Hands messages that were accepted and not handled to their receivers: all, or those of
    /// one shard that is carried anew.
    pub(crate) fn deliver_mail(&mut self, clock: Clock, shard: Option<u8>) {
        let mut expired = Vec::new();
        for message in self.mail.iter() {
            let Some(to) = self.board.find(&message.to) else { continue };
            let held_back = self.held_back.contains(&(to, message.id));
            // With a shard is lost what waits there for room elsewhere; what waits elsewhere
            // for room in it is not, and comes by itself.
            let at = if held_back { message.id.from.shard() } else { to.shard() };
            if shard.is_some_and(|shard| shard != at) {
                continue;
            }
            self.held_back.remove(&(to, message.id));
            if message.expires.is_some_and(|expires| expires < clock.utc) {
                expired.push((to, message.id, message.message.name()));
                continue;
            }
            let slip = MessageSlip {
                id: message.id,
                message: message.message.clone(),
                expires: message.expires.map(|expires| moment_of(clock, expires)),
                failed: message.failed,
                passed: true,
            };
            self.doings.push(Doing::Deliver(Parcel::Slip { to, slip: Box::new(slip) }));
        }
        for (to, id, name) in expired {
            let (text, reason) = (Shown::Text(String::new()), DeadReason::Expired);
            self.record_dead_letter(SetAside { clock, to, id, name, text, reason });
            self.settled(to, id);
        }
    }

    /// The highest number of a message that was accepted, in an earlier process too: new ones
    /// are numbered from there.
    pub fn last_message_number(&self) -> u32 {
        self.mail.last_number()
    }
}

/// When the wall clock will show that moment, if it does not jump.
fn wall_of(clock: Clock, at: Moment) -> WallTime {
    clock.utc + at.since(clock.now)
}

/// The moment at which the wall clock shows `at`, if it does not jump; now if it has been.
fn moment_of(clock: Clock, at: WallTime) -> Moment {
    clock.now + at.since(clock.utc).max(Duration::ZERO)
}
