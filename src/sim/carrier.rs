//! What carries a shard: in simulation a number and the shard itself. A hook that hangs keeps
//! its carrier; one that is lost is set aside, and another carries the shard on.

use std::sync::Arc;
use std::time::Duration;

use kernel::{LaneEnd, Shard};

use crate::run::{Due, Site};

/// A thread, so to speak.
#[derive(Debug)]
pub(crate) struct Carrier {
    /// Its number: another one for every carrier of the site.
    pub(crate) number: u64,
    pub(crate) shard: Shard,
}

impl Site {
    pub(crate) fn new_carrier(&mut self, number: u8, end: LaneEnd) -> Carrier {
        let lanes = Arc::clone(&self.lanes);
        let mut shard = Shard::new(number, end, lanes, Arc::clone(self.host.board()));
        shard.set_trace(true);
        shard.set_keeping(true);
        shard.set_interposer(Some(self.interposer()));
        self.carriers_made += 1;
        Carrier { number: self.carriers_made, shard }
    }

    /// Carries a shard on another thread, so to speak. What was on its way to it is delivered
    /// anew from what the executive has kept.
    pub(crate) fn replace_carrier(&mut self, number: u8) {
        let end = self.lanes[usize::from(number)].replace_end();
        end.discard_parcels();
        let carrier = self.new_carrier(number, end);
        let before = std::mem::replace(&mut self.carriers[usize::from(number)], carrier);
        self.lost.push(before);
    }

    /// A hook on that carrier does not come back, for as long as the rule says.
    pub(crate) fn stalled(&mut self, number: usize) {
        self.watches = true;
        let carrier = self.carriers[number].number;
        if let Some(Some(lasting)) = self.faults.take_hang() {
            self.schedule(lasting, Due::ComesBack(carrier));
        }
    }

    /// Code that hung comes back, and finds its carrier as it was, or lost.
    pub(crate) fn comes_back(&mut self, number: u64) {
        let clock = self.clock();
        let carriers = self.carriers.iter_mut().chain(&mut self.lost);
        let Some(carrier) = carriers.into_iter().find(|carrier| carrier.number == number) else {
            return;
        };
        let mut outputs = Vec::new();
        let turn = carrier.shard.unstall(clock, &mut outputs);
        let shard = usize::from(carrier.shard.number());
        self.hear(&mut outputs);
        if turn.stalled {
            self.stalled(shard);
        }
        self.lost.retain(|carrier| carrier.number != number);
    }

    /// Has the code that hangs without end on behalf of a rule come back now.
    pub fn end_hangs(&mut self) {
        let carriers = self.carriers.iter().chain(&self.lost);
        let stalled: Vec<u64> = carriers
            .filter(|carrier| carrier.shard.stalled().is_some())
            .map(|carrier| carrier.number)
            .collect();
        for carrier in stalled {
            self.schedule(Duration::ZERO, Due::ComesBack(carrier));
        }
    }
}
