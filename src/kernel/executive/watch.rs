//! Liveness (lifecycle.md 3.9, 3.10): hooks that do not come back, the threads they take along,
//! and the code of lives that were given up.

use std::time::Duration;

use contract::id::{ComponentId, Generation};
use contract::lifecycle::{Exit, WhenHung};
use contract::time::Moment;

use super::record::Record;
use super::{Executive, KILL_GRACE, Notice, Step};
use crate::board::Busy;
use crate::order::{Ending, Order};

/// A dispatch loop that has called no other hook for so long has missed a heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// So many missed heartbeats, and the component is hung.
const MISSED_MAX: u32 = 3;

impl Executive {
    /// When [`Executive::watch`] will find a component hung that is not yet, if its hook does
    /// not come back before: after three heartbeats, or when its lease has run out. Long ago, if
    /// a hook has come back whose component is still called hung.
    pub fn watch_due(&self) -> Option<Moment> {
        if self.hung.iter().any(|index| self.has_recovered(*index)) {
            return Some(Moment::ZERO);
        }
        let busy = (0..self.shards()).filter_map(|shard| self.board.busy(shard));
        let silent = busy.filter(|busy| !self.is_hung(busy));
        silent.map(|busy| hung_at(&busy)).min()
    }

    fn is_hung(&self, busy: &Busy) -> bool {
        let record = &self.records[self.index(busy.id)];
        record.rest.hung.is_some() || record.generation != busy.generation || !record.has_life()
    }

    /// Looks for components whose hook has not come back. A pending state has a deadline of its
    /// own; a pause that hangs is hung too.
    pub fn watch(&mut self, now: Moment) {
        for shard in 0..self.shards() {
            if let Some(busy) = self.board.busy(shard)
                && !self.is_hung(&busy)
                && hung_at(&busy) <= now
            {
                self.found_hung(now, &busy);
            }
        }
        let recovered = self.hung.iter().filter(|index| self.has_recovered(**index));
        for index in recovered.copied().collect::<Vec<usize>>() {
            let record = &mut self.records[index];
            let (id, since) = (record.id, record.rest.hung.take().unwrap_or(now));
            self.notice(Notice::Recovered(id, now.since(since)));
        }
        self.hung.retain(|index| self.records[*index].rest.hung.is_some());
        self.settle(now);
    }

    /// Whether a component is called hung whose code has come back.
    fn has_recovered(&self, index: usize) -> bool {
        let Record { id, generation, ref rest, .. } = self.records[index];
        let busy = self.board.busy(id.shard());
        rest.hung.is_some()
            && busy.is_none_or(|busy| (busy.id, busy.generation) != (id, generation))
    }

    fn found_hung(&mut self, now: Moment, busy: &Busy) {
        let index = self.index(busy.id);
        self.records[index].rest.hung = Some(busy.since);
        self.hung.insert(index);
        self.notice(Notice::Hung(busy.id, now.since(busy.since)));
        if self.records[index].descriptor().when_hung == WhenHung::Restart {
            self.lose_carrier(now, busy, None);
        }
    }

    /// A life has not got on because the code of another component holds its thread: that one
    /// is to blame, and the thread is lost to it. False if it is not so.
    pub(super) fn lose_carrier_to_another(&mut self, now: Moment, id: ComponentId) -> bool {
        match self.board.busy(id.shard()) {
            Some(busy) if busy.id != id && now.since(busy.since) >= KILL_GRACE => {
                self.lose_carrier(now, &busy, None);
                true
            }
            _ => false,
        }
    }

    /// A life is given up. If its shard is stuck in a hook, whosever it is, and has been for
    /// longer than anybody need wait, its thread is lost as well: before the life is over, for
    /// the next one is to begin on the fresh thread.
    pub(super) fn give_up_life(&mut self, now: Moment, index: usize, ending: Ending) {
        let busy = self.board.busy(self.records[index].id.shard());
        match busy.filter(|busy| now.since(busy.since) >= KILL_GRACE) {
            Some(busy) => self.lose_carrier(now, &busy, Some((index, ending))),
            None => self.ended(now, index, Some(Box::new(ending))),
        }
    }

    /// Gives the thread up in which that hook is stuck, and carries the shard on a fresh one.
    /// The others on it begin anew, at nobody's charge; one of them may have an ending of its own.
    fn lose_carrier(&mut self, now: Moment, busy: &Busy, own: Option<(usize, Ending)>) {
        let (shard, culprit) = (busy.id.shard(), self.index(busy.id));
        if !self.records[culprit].rest.zombies.contains(&busy.generation) {
            self.records[culprit].rest.zombies.push(busy.generation);
            self.haunted.insert(culprit);
            self.notice(Notice::Zombie(busy.id, busy.generation));
        }
        self.notice(Notice::CarrierLost(shard, busy.id));
        if let Some((message, delivery)) = busy.message {
            self.steps.push(Step::Failed(busy.id, message, delivery));
        }
        self.steps.push(Step::Replace(shard));
        // The fresh carrier is not stuck in anything.
        drop(self.board.pulse(shard));
        let carried: Vec<usize> =
            self.layout[usize::from(shard)].iter().map(|index| *index as usize).collect();
        for index in &carried {
            self.order(*index, Order::Place(self.records[*index].id));
            if self.records[*index].removed {
                self.order(*index, Order::Remove(self.records[*index].id));
            }
        }
        let lives = carried.into_iter().filter(|index| self.records[*index].has_life());
        let lives: Vec<(usize, Generation)> =
            lives.map(|index| (index, self.records[index].generation)).collect();
        for (index, generation) in lives {
            let Record { id, generation: present, .. } = self.records[index];
            // A life that has begun since is on the fresh thread.
            if present == generation && self.records[index].has_life() {
                let ending = match &own {
                    Some((other, ending)) if *other == index => ending.clone(),
                    _ if (id, generation) == (busy.id, busy.generation) => hung(busy),
                    _ => Ending::plain(Exit::Lost),
                };
                self.ended(now, index, Some(Box::new(ending)));
            }
        }
    }

    /// The code of a life that was given up has come back.
    pub fn zombie_ended(&mut self, now: Moment, id: ComponentId, generation: Generation) {
        let index = self.index(id);
        if self.records[index].rest.zombies.contains(&generation) {
            let zombies = &mut self.records[index].rest.zombies;
            zombies.retain(|zombie| *zombie != generation);
            if zombies.is_empty() {
                self.haunted.remove(&index);
            }
            self.notice(Notice::ZombieEnded(id, generation));
            // Its next life may have waited for that.
            self.changed.push_back(index);
            self.settle(now);
        }
    }

    /// Lives that were given up and whose code has not come back.
    pub(super) fn zombies(&self) -> Vec<(String, Generation)> {
        let haunted = self.haunted.iter().map(|index| &self.records[*index]);
        let all = haunted.flat_map(|record| {
            record.rest.zombies.iter().map(|zombie| (record.name().to_string(), *zombie))
        });
        all.collect()
    }
}

/// The end of a life whose hook does not come back. A message that it was handed has failed.
fn hung(busy: &Busy) -> Ending {
    Ending { message: busy.message, ..Ending::plain(Exit::Hung) }
}

fn hung_at(busy: &Busy) -> Moment {
    (busy.since + HEARTBEAT * MISSED_MAX).max(busy.lease)
}
