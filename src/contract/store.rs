//! What must outlive a life, and the process: one change at a time, so that a database can take
//! each as a row and a memory can take each as it comes (lifecycle.md 2.1, 2.4, 3.13).
//!
//! A host says what changed; a driver makes it last. [`Kept`] is all of it together, and
//! [`Kept::apply`] is what a change means, the same for every store.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Index;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
    pub components: KeptComponents,
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

/// What the executive keeps of its components, by name.
///
/// Whoever starts or stops everything changes one row after the other, in the order in which
/// they came about: so it looks at the row behind the last one first, and only then for the name.
#[derive(Debug, Clone, Default)]
pub struct KeptComponents {
    rows: Vec<(Arc<str>, KeptComponent)>,
    places: HashMap<Arc<str>, usize>,
    /// The row behind the one that was changed last.
    next: usize,
}

impl KeptComponents {
    /// What is kept of the component of that name.
    pub fn get(&self, name: &str) -> Option<&KeptComponent> {
        self.places.get(name).map(|place| &self.rows[*place].1)
    }

    /// Keeps that of a component, in place of what was kept before.
    pub fn insert(&mut self, name: Arc<str>, component: KeptComponent) {
        let place = match self.rows.get(self.next) {
            Some((other, _)) if Arc::ptr_eq(other, &name) || *other == name => self.next,
            _ => match self.places.get(&name) {
                Some(place) => *place,
                None => {
                    self.places.insert(Arc::clone(&name), self.rows.len());
                    self.rows.push((Arc::clone(&name), component));
                    self.rows.len() - 1
                }
            },
        };
        self.rows[place] = (name, component);
        self.next = place + 1;
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &KeptComponent)> {
        let mut rows: Vec<_> = self.rows.iter().map(|(name, kept)| (&**name, kept)).collect();
        rows.sort_unstable_by_key(|(name, _)| *name);
        rows.into_iter()
    }
}

impl<N: Into<Arc<str>>> FromIterator<(N, KeptComponent)> for KeptComponents {
    fn from_iter<T: IntoIterator<Item = (N, KeptComponent)>>(rows: T) -> Self {
        let mut components = KeptComponents::default();
        rows.into_iter().for_each(|(name, kept)| components.insert(name.into(), kept));
        components
    }
}

impl<N: Into<Arc<str>>, const M: usize> From<[(N, KeptComponent); M]> for KeptComponents {
    fn from(rows: [(N, KeptComponent); M]) -> Self {
        rows.into_iter().collect()
    }
}

impl Index<&str> for KeptComponents {
    type Output = KeptComponent;

    /// # Panics
    /// If nothing is kept of a component of that name.
    fn index(&self, name: &str) -> &KeptComponent {
        self.get(name).expect("something is kept of it")
    }
}

/// Whatever the order in which they came.
impl PartialEq for KeptComponents {
    fn eq(&self, other: &Self) -> bool {
        let is_there = |(name, kept): &(Arc<str>, _)| other.get(name) == Some(kept);
        self.rows.len() == other.rows.len() && self.rows.iter().all(is_there)
    }
}

impl Eq for KeptComponents {}

/// As a map, sorted by name: the same content is the same text.
impl Serialize for KeptComponents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for KeptComponents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rows;

        impl<'de> Visitor<'de> for Rows {
            type Value = KeptComponents;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of components")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<KeptComponents, A::Error> {
                let mut components = KeptComponents::default();
                while let Some((name, kept)) = map.next_entry::<String, KeptComponent>()? {
                    components.insert(name.into(), kept);
                }
                Ok(components)
            }
        }

        deserializer.deserialize_map(Rows)
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
    Component(Arc<str>, KeptComponent),
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
            Change::Component(name, component) => self.components.insert(name, component),
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
