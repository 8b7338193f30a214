//! How mail is taken out of a lane: from the channel and from the pipes by turns, with what was
//! handed back ahead of both; and what becomes of it when the carrier that took it is lost.

use std::collections::VecDeque;
use std::sync::Arc;

use contract::effect::WordSlip;
use crossbeam_channel::Receiver;

use crate::parcel::Parcel;
use crate::pipe::{Inlet, Outlet, pipe};

/// A pipe with fewer words than this, and than were asked for, is left alone for the rest of a
/// turn.
const DRY: usize = 32;

/// How mail is taken out.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    /// The words that the carrier has taken out together, and how many parcels carriers had begun
    /// with before that. Shared with it: if it is lost, its successor goes on with those that it
    /// has not begun with.
    words: Arc<Vec<WordSlip>>,
    begun_before: u64,
    /// Of those taken out of a pipe, the ones that were too many, or that a lost carrier had not
    /// begun with.
    left: VecDeque<WordSlip>,
    /// What a lost carrier has handed back when its code came back: older than all the rest.
    returned: VecDeque<Parcel>,
    feeders: Vec<Feeder>,
    /// Which source is looked at next: the channel, then each pipe.
    next: usize,
}

/// A pipe, and the shard that sends through it, if it is one.
#[derive(Debug)]
struct Feeder {
    outlet: Outlet<WordSlip, Parcel>,
    /// What comes before that: a store had it, and the sender does not send it again.
    anew: VecDeque<Parcel>,
    shard: Option<u8>,
    /// It had little in this turn, and is left alone until the next one: a sender whose every
    /// message is fetched at once is slowed down by that.
    is_dry: bool,
}

/// What a carrier has taken out: words, or one parcel of another kind.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// None if all have been begun with.
    words: Option<Arc<Vec<WordSlip>>>,
    /// So many of them have been begun with.
    begun: usize,
    pub(crate) other: Option<Parcel>,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.words().is_empty() && self.other.is_none()
    }

    /// The words that it has not begun with.
    #[inline]
    pub(crate) fn words(&self) -> &[WordSlip] {
        self.words.as_ref().map_or(&[], |words| &words[self.begun..])
    }

    /// All its words, and how many of them have been begun with, to be counted on.
    #[inline]
    pub(crate) fn parts(&mut self) -> (&[WordSlip], &mut usize) {
        (self.words.as_ref().map_or(&[], |words| words), &mut self.begun)
    }

    /// How many of its words have been begun with.
    #[inline]
    pub(crate) fn begun(&self) -> usize {
        self.begun
    }

    /// Takes the first parcel out.
    pub(crate) fn take_first(&mut self) -> Option<Parcel> {
        let Some(word) = self.words().first().copied() else { return self.other.take() };
        self.begun += 1;
        Some(word.into())
    }
}

impl Intake {
    /// A pipe for a sender.
    pub(crate) fn lay(&mut self) -> Inlet<WordSlip, Parcel> {
        self.add(None, VecDeque::new())
    }

    /// A pipe for a shard. What came through the one that it had before is ahead of it.
    pub(crate) fn lay_from(&mut self, shard: u8) -> Inlet<WordSlip, Parcel> {
        let known = self.feeders.iter_mut().find(|feeder| feeder.shard == Some(shard));
        let before = known.map(|feeder| {
            // Nobody's from now on: a carrier that was given up at the very moment may still put
            // something in.
            feeder.shard = None;
            feeder.take_all()
        });
        self.add(Some(shard), before.unwrap_or_default())
    }

    fn add(&mut self, shard: Option<u8>, anew: VecDeque<Parcel>) -> Inlet<WordSlip, Parcel> {
        let (inlet, outlet) = pipe();
        self.feeders.push(Feeder { outlet, anew, shard, is_dry: false });
        inlet
    }

    /// Puts a parcel back in, ahead of all but what was put back before.
    pub(crate) fn put_back(&mut self, parcel: Parcel) {
        self.returned.push_back(parcel);
    }

    /// How many parcels wait, but for those in the channel.
    pub(crate) fn len(&self) -> usize {
        let pipes = self.feeders.iter().map(Feeder::len).sum::<usize>();
        self.returned.len() + self.left.len() + pipes
    }

    /// Whether none waits, but for those in the channel. By now it may be otherwise.
    pub(crate) fn is_empty(&self) -> bool {
        self.returned.is_empty()
            && self.left.is_empty()
            && self.feeders.iter().all(Feeder::is_empty)
    }

    /// Puts a message in that a store has kept: behind what its sender's shard has put in, ahead
    /// of what that puts in later.
    pub(crate) fn add_anew(&mut self, shard: u8, parcel: Parcel) {
        if !self.feeders.iter().any(|feeder| feeder.shard == Some(shard)) {
            self.add(Some(shard), VecDeque::new());
        }
        if let Some(feeder) = self.feeders.iter_mut().find(|feeder| feeder.shard == Some(shard)) {
            feeder.anew = feeder.take_all();
            feeder.anew.push_back(parcel);
        }
    }

    /// Pipes that are over are forgotten here, and not while mail is looked for: none of the others
    /// is passed over for that.
    pub(crate) fn begin_turn(&mut self) {
        self.feeders.retain_mut(|feeder| {
            feeder.is_dry = false;
            !feeder.is_over()
        });
        self.next = self.next.min(self.feeders.len());
    }

    /// Takes mail out into `batch`, which is empty: words of one source, `most` at most, or one
    /// other parcel. `mail` is the channel, and `begun` how many parcels carriers have begun with.
    pub(crate) fn take(
        &mut self,
        most: usize,
        mail: &Receiver<Parcel>,
        begun: u64,
        batch: &mut Batch,
    ) {
        batch.words = None;
        // A lost carrier may still hold the list of before.
        let mut words = Arc::get_mut(&mut self.words).map(std::mem::take).unwrap_or_default();
        words.clear();
        if let Some(returned) = self.returned.pop_front() {
            batch.other = Some(returned);
        } else if self.left.is_empty() {
            batch.other = self.take_from_next(most, mail, &mut words);
        } else {
            words.extend(self.left.drain(..most.min(self.left.len())));
        }
        if words.len() > most {
            self.left.extend(words.drain(most..));
        }
        match Arc::get_mut(&mut self.words) {
            Some(empty) => *empty = words,
            None => self.words = Arc::new(words),
        }
        self.begun_before = begun;
        (batch.words, batch.begun) = (Some(Arc::clone(&self.words)), 0);
    }

    /// Takes mail of the next source that has any.
    fn take_from_next(
        &mut self,
        most: usize,
        mail: &Receiver<Parcel>,
        words: &mut Vec<WordSlip>,
    ) -> Option<Parcel> {
        for _ in 0..=self.feeders.len() {
            let source = self.next;
            self.next = (source + 1) % (self.feeders.len() + 1);
            let other = match source.checked_sub(1) {
                None => mail.try_recv().ok(),
                Some(index) => self.take_from(index, most, words),
            };
            if other.is_some() || !words.is_empty() {
                return other;
            }
        }
        None
    }

    fn take_from(
        &mut self,
        index: usize,
        most: usize,
        words: &mut Vec<WordSlip>,
    ) -> Option<Parcel> {
        let Feeder { outlet, anew, is_dry, .. } = &mut self.feeders[index];
        if let Some(parcel) = anew.pop_front() {
            return Some(parcel);
        }
        if *is_dry {
            return None;
        }
        let other = outlet.take(most, words);
        *is_dry = other.is_none() && words.len() < DRY.min(most);
        other
    }

    /// The carrier is lost: the words that it has taken out and not begun with are there again.
    pub(crate) fn take_back(&mut self, begun: u64) {
        // Too low a count, of one that was lost before, has some of them come again; none is lost.
        let begun = usize::try_from(begun.saturating_sub(self.begun_before)).unwrap_or(usize::MAX);
        for word in self.words.get(begun..).unwrap_or_default().iter().rev() {
            self.left.push_front(*word);
        }
        self.words = Arc::default();
    }
}

impl Feeder {
    fn len(&self) -> usize {
        self.anew.len() + self.outlet.len()
    }

    fn is_empty(&self) -> bool {
        self.anew.is_empty() && self.outlet.is_empty()
    }

    fn is_over(&self) -> bool {
        self.anew.is_empty() && self.outlet.is_over()
    }

    fn take_all(&mut self) -> VecDeque<Parcel> {
        let (mut all, mut words) = (std::mem::take(&mut self.anew), Vec::new());
        while !self.outlet.is_empty() {
            let other = self.outlet.take(usize::MAX, &mut words);
            all.extend(words.drain(..).map(Parcel::from));
            all.extend(other);
        }
        all
    }
}
