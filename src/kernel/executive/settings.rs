//! Settings: stored, and in effect (lifecycle.md 3.12).

use std::sync::Arc;

use contract::Settings;
use contract::id::ComponentId;
use contract::lifecycle::State;

use super::Executive;
use crate::order::Order;

impl Executive {
    /// What is stored.
    pub fn stored(&self) -> &Settings {
        &self.stored
    }

    /// Stores a text that has been checked. Running components that reload the key are told;
    /// for the others it takes effect at their next start.
    pub fn set(&mut self, key: &str, text: String) {
        if !Arc::make_mut(&mut self.stored).set_text(key, text) {
            return;
        }
        for index in 0..self.records.len() {
            if matches!(self.records[index].state, State::Running | State::Paused) {
                self.tell_changes(index);
            }
        }
    }

    /// Tells a component the stored settings, if one that it reloads differs from what it was
    /// last told.
    pub(super) fn tell_changes(&mut self, index: usize) {
        let record = &self.records[index];
        let differs = |key: &&str| record.told().text(key) != self.stored.text(key);
        if !record.descriptor().reloads.iter().any(differs) {
            return;
        }
        let order = Order::Changed(record.id, record.generation, Arc::clone(&self.stored));
        self.records[index].rest.told = Some(Arc::clone(&self.stored));
        self.order(index, order);
    }

    /// What is in effect under `key`: name and text of every live component that declares it.
    pub fn effective(&self, key: &str) -> Vec<(&str, Option<&str>)> {
        let live = self.records.iter().filter(|record| record.state != State::Stopped);
        live.filter_map(|record| Some((&**record.name(), record.effective(key)?.text(key))))
            .collect()
    }

    /// The smallest set of components to restart so that what is stored under `key` is in
    /// effect everywhere.
    pub fn restart_required(&self, key: &str) -> Vec<&str> {
        let live = self.records.iter().filter(|record| record.state != State::Stopped);
        live.filter(|record| record.descriptor().start_only.contains(&key))
            .filter(|record| record.started_with.text(key) != self.stored.text(key))
            .map(|record| &**record.name())
            .collect()
    }

    /// Keeps a value for the next lives of a component.
    pub fn remember(&mut self, id: ComponentId, name: &str, value: &str) {
        let index = self.index(id);
        let registry = self.records[index].rest.registry.get_or_insert_default();
        Arc::make_mut(registry).insert(name.to_owned(), value.to_owned());
    }
}
