//! The end of a carrier that was given up (lifecycle.md 3.9): some hook did not come back in
//! time, and another carrier has taken this one's place. When the hook does come back, nothing
//! that it did counts, and what waited here goes to the successor.

use contract::id::{ComponentId, Generation};

use super::dispatch::passed;
use super::slot::Slot;
use super::{Life, Shard};
use crate::intake::Batch;
use crate::order::Output;
use crate::parcel::{MessageSlip, Parcel};
use crate::unwind::discard;

impl Shard {
    /// Whether another carrier has taken this shard's place. Its driver takes a last turn, or
    /// unstalls it, and drops it.
    pub fn is_retired(&self) -> bool {
        self.end.is_retired()
    }

    /// Hands back what waited, and drops the lives. `zombie` is the life whose hook has come
    /// back, and `in_hand` the message that it was handed: its delivery has failed.
    ///
    /// Cells are the successor's: nothing is written there. Nothing is handed back either if a
    /// store keeps the messages, for the successor has them from there.
    pub(super) fn retire(
        &mut self,
        zombie: Option<(ComponentId, Generation)>,
        in_hand: Option<MessageSlip>,
        out: &mut Vec<Output>,
    ) {
        self.gone = true;
        self.local.forget_asked();
        if let Some((id, generation)) = zombie {
            out.push(Output::ZombieEnded { id, generation });
        }
        // A hook may have come back at the very moment at which its carrier was given up; then
        // nobody else can say so. Of lives that are no zombies it means nothing.
        let living =
            self.slots.iter().filter_map(Slot::living).filter(|life| zombie != Some(*life));
        out.extend(living.map(|(id, generation)| Output::ZombieEnded { id, generation }));
        if let (Some((to, _)), Some(mut slip)) = (zombie, in_hand) {
            slip.failed = slip.failed.saturating_add(1);
            self.hand_back(Parcel::Slip { to, slip: Box::new(slip) });
        }
        self.empty_slots();
        self.ready.clear();
        self.waiting.clear();
        self.askers.clear();
        self.timers.clear();
    }

    /// Inboxes first, then what was on its way to them: the order in which it would have come.
    fn empty_slots(&mut self) {
        for number in 0..self.slots.len() {
            let slot = &mut self.slots[number];
            if let Some(Life { component, .. }) = slot.life.take() {
                discard(component);
            }
            let inbox = self.slots[number].rest.take_inbox();
            inbox.into_iter().for_each(|parcel| self.hand_back_asked(parcel));
        }
        for number in std::mem::take(&mut self.waiting) {
            let outbox = std::mem::take(&mut self.slots[number as usize].rest.outbox);
            outbox.into_parcels().for_each(|parcel| self.hand_back_asked(parcel));
        }
        let waiting = [self.near.take_all(), self.local.take_all()];
        waiting.into_iter().flatten().for_each(|parcel| self.hand_back(parcel));
        // Of the words the successor has copies.
        let Batch { other, .. } = std::mem::take(&mut self.batch);
        other.into_iter().for_each(|parcel| self.hand_back(parcel));
    }

    /// Hands back what an interposer has been asked about already.
    fn hand_back_asked(&self, parcel: Parcel) {
        // Those for other shards have not come to the place where it is asked.
        let asked = self.interposer.is_some() && parcel.to().shard() == self.number;
        self.hand_back(if asked { passed(parcel) } else { parcel });
    }

    pub(super) fn hand_back(&self, parcel: Parcel) {
        match self.lanes.get(usize::from(self.number)) {
            Some(lane) if !self.keeping && parcel.is_message() => lane.put_back(parcel),
            _ => discard(parcel),
        }
    }
}
