//! Mail that is being worked off. What has been handed over stays where it is until its
//! neighbours have been, too, and goes with them.

use std::collections::VecDeque;

use crate::parcel::Parcel;

/// Mail in order.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// The first `done` have been handed over; nothing of component code is left in them.
    pub(super) parcels: VecDeque<Parcel>,
    pub(super) done: usize,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.parcels.len() == self.done
    }

    pub(super) fn push_front(&mut self, parcel: Parcel) {
        self.forget_done();
        self.parcels.push_front(parcel);
    }

    pub(super) fn pop_front(&mut self) -> Option<Parcel> {
        self.forget_done();
        self.parcels.pop_front()
    }

    /// What has not been handed over.
    pub(super) fn take_all(&mut self) -> VecDeque<Parcel> {
        self.forget_done();
        std::mem::take(&mut self.parcels)
    }

    pub(super) fn forget_done(&mut self) {
        let done = std::mem::take(&mut self.done);
        if done == self.parcels.len() {
            self.parcels.clear();
        } else {
            self.parcels.drain(..done);
        }
    }
}
