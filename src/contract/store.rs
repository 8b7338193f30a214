//! What must outlive a life, and the process: one change at a time, so that a database can take
//! each as a row and a memory can take each as it comes (lifecycle.md 2.1, 2.4, 3.13).
//!
//! A host says what changed; a driver makes it last. [`Kept`] is all of it together, and
//! [`Kept::apply`] is what a change means, the same for every store.

use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};

use serde::{Deserialize, Serialize};

use crate::component::Registry;
use crate::id::{Generation, MessageId};
use crate::lifecycle::{Desired, HoldKind, Startup};
use crate::message::Message;
use crate::settings::Settings;
use crate::time::WallTime;

/// What must outlive the process. What a file of it does not name is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// The stored settings that an operator has changed since the site was installed.
    pub settings: Settings,
    /// When the site was installed, where its definition does not say: at its first start.
    pub installed: Option<WallTime>,
    /// What components keep for their next lives, by component.
    pub registries: BTreeMap<String, Registry>,
    /// What the executive keeps of its components, by name.
    pub components: BTreeMap<String, KeptComponent>,
    /// Leases that keep components down.
    pub holds: Vec<KeptHold>,
    /// The executive runs: if a store says so when it is opened, the last one did not end as
    /// it should.
    pub running: bool,
    /// Messages that were accepted and not yet handled. A memory keeps them; a file of settings
    /// does not.
    #[serde(skip)]
    pub mail: Mail,
}

/// Messages that were accepted and not yet handled, in the order of their acceptance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mail {
    messages: BTreeMap<u64, KeptMessage>,
    /// The highest number of any message that was ever accepted.
    last_number: u32,
}

impl Mail {
    /// Takes a message in, behind the others.
    pub fn accept(&mut self, message: KeptMessage) {
        let number = self.messages.last_key_value().map_or(0, |(last, _)| last + 1);
        self.last_number = self.last_number.max(message.id.number);
        self.messages.insert(number, message);
    }

    /// The highest number of any message that was ever accepted, whatever has become of it. New
    /// ones are numbered from there: a receiver may remember for ever which it has handled.
    pub fn last_number(&self) -> u32 {
        self.last_number
    }

    /// A delivery has failed; so many have now.
    pub fn fail(&mut self, to: &str, id: MessageId, failed: u8) {
        if let Some(number) = self.number_of(to, id) {
            self.messages.entry(number).and_modify(|message| message.failed = failed);
        }
    }

    /// A message was handled or set aside; answers whether it was there.
    pub fn settle(&mut self, to: &str, id: MessageId) -> bool {
        self.number_of(to, id).is_some_and(|number| self.messages.remove(&number).is_some())
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &KeptMessage> {
        self.messages.values()
    }

    /// Messages are settled more or less in the order in which they were accepted, so it is
    /// found near the front.
    fn number_of(&self, to: &str, id: MessageId) -> Option<u64> {
        let is_it = |message: &KeptMessage| message.id == id && message.to == to;
        let found = self.messages.iter().find(|(_, message)| is_it(message));
        found.map(|(number, _)| *number)
    }
}

/// What the executive keeps of one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptComponent {
    /// Its last life: the next one bears a higher number.
    pub generation: Generation,
    /// What is wanted of it.
    pub desired: Desired,
    /// It stays down over a start of the executive.
    pub persist: bool,
    /// The startup type that an operator gave it; none if it has the one that it declares.
    pub startup: Option<Startup>,
}

/// A lease that keeps components down. One that has run out is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptHold {
    /// For what.
    pub kind: HoldKind,
    /// Whom; everybody if none.
    pub component: Option<String>,
    /// Until when, whatever happens to whoever took it.
    pub until: WallTime,
}

/// A message that was accepted.
#[derive(Debug, Clone)]
pub struct KeptMessage {
    /// The receiver's name.
    pub to: String,
    /// Its identity.
    pub id: MessageId,
    /// What.
    pub message: Message,
    /// It is of no use after that.
    pub expires: Option<WallTime>,
    /// Deliveries that have failed.
    pub failed: u8,
}

/// The message is a component's own code, and so is its drop. A store outlives whatever that
/// does.
impl Drop for KeptMessage {
    fn drop(&mut self) {
        let message = std::mem::replace(&mut self.message, Message::Word(0));
        let _ = panic::catch_unwind(AssertUnwindSafe(|| drop(message)));
    }
}

/// By receiver and identity: the same message is the same, whatever it holds.
impl PartialEq for KeptMessage {
    fn eq(&self, other: &Self) -> bool {
        (&self.to, self.id, self.failed) == (&other.to, other.id, other.failed)
    }
}

impl Eq for KeptMessage {}

/// One change of what must outlive the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A setting was stored.
    Setting {
        /// Its key.
        key: String,
        /// Its text.
        text: String,
    },
    /// The site was installed.
    Installed(WallTime),
    /// A component keeps a value for its next lives.
    Registry {
        /// Whose.
        component: String,
        /// Its name.
        name: String,
        /// Its text.
        value: String,
    },
    /// The executive keeps this of a component, in place of what it kept before.
    Component(String, KeptComponent),
    /// A hold was taken, or its lease lengthened.
    Hold(KeptHold),
    /// A hold was released, or its lease ran out.
    Released(HoldKind, Option<String>),
    /// The executive runs, or has stopped as it should.
    Running(bool),
    /// A message was accepted.
    Accepted(KeptMessage),
    /// A delivery of a message failed; so many have now.
    Failed {
        /// The receiver's name.
        to: String,
        /// Which message.
        id: MessageId,
        /// Failed deliveries.
        failed: u8,
    },
    /// A message was handled or set aside: it need not be kept any longer.
    Settled {
        /// The receiver's name.
        to: String,
        /// Which message.
        id: MessageId,
    },
}

impl Kept {
    /// Makes `change` part of it.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Setting { key, text } => drop(self.settings.set_text(&key, text)),
            Change::Installed(at) => self.installed = Some(at),
            Change::Registry { component, name, value } => {
                self.registries.entry(component).or_default().insert(name, value);
            }
            Change::Component(name, component) => drop(self.components.insert(name, component)),
            Change::Hold(hold) => {
                self.release(hold.kind, hold.component.as_deref());
                self.holds.push(hold);
            }
            Change::Released(kind, component) => self.release(kind, component.as_deref()),
            Change::Running(running) => self.running = running,
            Change::Accepted(message) => self.mail.accept(message),
            Change::Failed { to, id, failed } => self.mail.fail(&to, id, failed),
            Change::Settled { to, id } => drop(self.mail.settle(&to, id)),
        }
    }

    fn release(&mut self, kind: HoldKind, component: Option<&str>) {
        self.holds.retain(|hold| hold.kind != kind || hold.component.as_deref() != component);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ComponentId;

    fn message(number: u32) -> KeptMessage {
        let id = MessageId { from: ComponentId::OUTSIDE, number };
        let (message, expires) = (Message::Word(number.into()), None);
        KeptMessage { to: "A".into(), id, message, expires, failed: 0 }
    }

    #[test]
    fn messages_are_kept_in_order_until_they_are_settled() {
        let mut kept = Kept::default();
        for number in 1..=4 {
            kept.apply(Change::Accepted(message(number)));
        }
        let id = message(2).id;
        kept.apply(Change::Failed { to: "A".into(), id, failed: 1 });
        kept.apply(Change::Settled { to: "A".into(), id: message(1).id });
        kept.apply(Change::Settled { to: "B".into(), id: message(3).id });
        let left: Vec<_> = kept.mail.iter().map(|m| (m.id.number, m.failed)).collect();
        assert_eq!(left, [(2, 1), (3, 0), (4, 0)]);
        for number in 2..=4 {
            kept.apply(Change::Settled { to: "A".into(), id: message(number).id });
        }
        assert_eq!(kept.mail.last_number(), 4, "no number is used again");
    }

    #[test]
    fn a_hold_is_one_however_often_it_is_taken() {
        let mut kept = Kept::default();
        let hold = |until| KeptHold {
            kind: HoldKind::Maintenance,
            component: Some("A".into()),
            until: WallTime(until),
        };
        kept.apply(Change::Hold(hold(1)));
        kept.apply(Change::Hold(hold(2)));
        assert_eq!(kept.holds, [hold(2)]);
        kept.apply(Change::Released(HoldKind::Backup, None));
        assert_eq!(kept.holds.len(), 1);
        kept.apply(Change::Released(HoldKind::Maintenance, Some("A".into())));
        assert_eq!(kept.holds, []);
    }
}
