//! The store of a simulated site: a memory that outlives the executive, as the database of a
//! real one does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contract::store::{Change, Kept};

/// What outlives a simulated executive. A clone is the same store, so a test can hold one, kill
/// the executive at any moment, and look at what is there.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Kept>>);

impl MemoryStore {
    /// A store that holds this.
    pub fn holding(kept: Kept) -> Self {
        MemoryStore(Arc::new(Mutex::new(kept)))
    }

    /// A copy of what it holds.
    pub fn kept(&self) -> Kept {
        self.lock().clone()
    }

    /// Takes a change in. At once: whoever is told of something afterwards can count on it.
    pub fn apply(&self, change: Change) {
        self.lock().apply(change);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // A change is applied or not; a panic elsewhere leaves nothing half done here.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
