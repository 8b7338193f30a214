//! The way into a shard: a crossbeam channel for messages and answers, and a queue for orders,
//! so that a full inbox never delays a stop. Whoever sends much has a pipe of its own beside
//! them. A bell wakes the shard's driver, if it sleeps.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crossbeam_channel::{Receiver, Sender, unbounded};

use contract::effect::WordSlip;
use contract::id::ComponentId;
use contract::message::Message;

use crate::bell::Bell;
use crate::intake::{Batch, Intake};
use crate::order::Order;
use crate::parcel::Parcel;
use crate::pipe::Inlet;
use crate::unwind::discard;

/// Room for so many orders is kept.
const ORDERS_KEPT: usize = 1_024;
/// A shard takes the numbers of its components' messages in blocks of so many.
pub(crate) const NUMBER_BLOCK: u32 = 1_024;

/// The senders' end: cheap to clone, usable from any thread.
#[derive(Debug, Clone)]
pub struct Lane {
    mail: Sender<Parcel>,
    shared: Arc<Shared>,
}

/// A value in cache lines of its own: what one thread writes all the time must not take others'
/// copies of its neighbours away.
#[derive(Debug)]
#[repr(align(128))]
struct Apart<T>(T);

/// The shard's end.
#[derive(Debug, Clone)]
pub struct LaneEnd {
    orders: Arc<Orders>,
    shared: Arc<Shared>,
    /// Which end this is; the present one bears the lane's epoch.
    epoch: u32,
}

/// What all ends of a lane share.
#[derive(Debug)]
struct Shared {
    bell: Bell,
    /// +1 whenever the receiving end is replaced.
    epoch: AtomicU32,
    /// The shard is gone with its host: nobody takes anything out any more.
    closed: AtomicBool,
    /// The number of the last message from outside.
    outside: Apart<AtomicU32>,
    /// The number after the last one that a carrier of the shard has taken.
    inside: AtomicU32,
    /// How many parcels carriers have begun to hand over.
    begun: Apart<AtomicU64>,
    /// What has been sent by no pipe.
    mail: Receiver<Parcel>,
    /// The shard takes mail out under this lock, and nobody else wants it for long.
    intake: Mutex<Intake>,
    /// There may be mail in there: somebody has a pipe, or has put something back.
    is_intake_used: AtomicBool,
    /// Each end has a queue of its own, so that a retired one takes none of its successor's.
    orders: Mutex<Arc<Orders>>,
}

/// Orders that wait, and how many: that is looked at after each hook.
#[derive(Debug, Default)]
struct Orders {
    queue: Mutex<VecDeque<Order>>,
    /// [`RETIRED`] if they are those of an end that has been replaced.
    waiting: AtomicUsize,
}

const RETIRED: usize = usize::MAX;

impl Orders {
    fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }

    /// Puts orders in, one behind the other.
    fn send(&self, orders: impl IntoIterator<Item = Order>) {
        let mut queue = self.queue();
        queue.extend(orders);
        self.waiting.store(queue.len(), Ordering::Release);
    }

    fn take(&self) -> Option<Order> {
        if self.is_empty() {
            return None;
        }
        let mut queue = self.queue();
        // There is none in that of a replaced end, which goes on to look as if.
        let order = queue.pop_front()?;
        self.waiting.store(queue.len(), Ordering::Release);
        if queue.is_empty() && queue.capacity() > ORDERS_KEPT {
            *queue = VecDeque::new();
        }
        Some(order)
    }

    /// Looks as if there were orders from now on: a look at that is all that a carrier takes after
    /// each hook, and one that is given up is to look more closely. What waits is answered.
    fn retire(&self) -> VecDeque<Order> {
        let mut queue = self.queue();
        self.waiting.store(RETIRED, Ordering::Release);
        std::mem::take(&mut *queue)
    }

    /// Drops what waits, one by one: orders hold component code.
    fn discard_all(&self) {
        while let Some(order) = self.take() {
            discard(order);
        }
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Order>> {
        // A panic between lock and unlock is impossible: orders are moved there, never dropped.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sender's own way into a lane.
#[derive(Debug)]
pub(crate) struct Way {
    lane: Lane,
    inlet: Inlet<WordSlip, Parcel>,
}

/// A new lane: the end to send by, and the end to receive by.
pub fn lane() -> (Lane, LaneEnd) {
    let (mail_sender, mail) = unbounded();
    let shared = Arc::new(Shared {
        bell: Bell::default(),
        epoch: AtomicU32::new(0),
        closed: AtomicBool::new(false),
        outside: Apart(AtomicU32::new(0)),
        inside: AtomicU32::new(1),
        begun: Apart(AtomicU64::new(0)),
        mail,
        intake: Mutex::default(),
        is_intake_used: AtomicBool::new(false),
        orders: Mutex::default(),
    });
    let end = shared.end(0);
    (Lane { mail: mail_sender, shared }, end)
}

impl Lane {
    /// Puts a parcel in. When the shard is gone with its host, the parcel is dropped.
    pub fn send(&self, parcel: Parcel) {
        if self.shared.closed.load(Ordering::Relaxed) {
            return discard(parcel);
        }
        if self.mail.send(parcel).is_ok() {
            self.shared.bell.ring();
        }
    }

    /// A way of its own for a sender. What goes through it stays in order; between it and other
    /// ways into the lane there is none.
    pub(crate) fn way(&self) -> Way {
        Way { lane: self.clone(), inlet: self.shared.used_intake().lay() }
    }

    /// The way for the messages of a shard's components. What an earlier carrier of the shard
    /// has sent stays ahead of it.
    pub(crate) fn way_from(&self, shard: u8) -> Way {
        Way { lane: self.clone(), inlet: self.shared.used_intake().lay_from(shard) }
    }

    /// Puts a message in that a store has kept. It stays behind what its sender's shard has put in
    /// by now, and ahead of what that puts in later.
    pub fn send_anew(&self, parcel: Parcel) {
        let Some(from) = parcel.message_id().map(|id| id.from) else { return self.send(parcel) };
        if from == ComponentId::OUTSIDE || self.shared.closed.load(Ordering::Relaxed) {
            return self.send(parcel);
        }
        self.shared.used_intake().add_anew(from.shard(), parcel);
        self.shared.bell.ring();
    }

    /// Puts a parcel back in that a lost carrier had: ahead of what waits there, which is younger,
    /// but behind what was put back before. When the shard is gone with its host, the parcel is
    /// dropped.
    pub(crate) fn put_back(&self, parcel: Parcel) {
        if self.shared.closed.load(Ordering::Relaxed) {
            return discard(parcel);
        }
        self.shared.used_intake().put_back(parcel);
        self.shared.bell.ring();
    }

    /// Whether the shard sleeps, or is about to.
    #[inline]
    pub(crate) fn is_parked(&self) -> bool {
        self.shared.bell.is_parked()
    }

    /// Sends a message from outside the host.
    pub fn tell(&self, to: ComponentId, message: impl Into<Message>) {
        let (from, number) = (ComponentId::OUTSIDE, self.next_number());
        self.send(Parcel::Message { to, from, number, message: message.into() });
    }

    /// The number of the next message from outside the host.
    pub fn next_number(&self) -> u32 {
        self.next_numbers(1)
    }

    /// The first of the next so many numbers for messages from outside the host.
    pub(crate) fn next_numbers(&self, many: u32) -> u32 {
        self.shared.outside.0.fetch_add(many, Ordering::Relaxed).wrapping_add(1)
    }

    /// Numbers begin after this one: a store still has messages that bear those up to it. To
    /// be called before the shard's first turn, and before any message from outside.
    pub fn begin_numbers_after(&self, number: u32) {
        self.shared.outside.0.store(number, Ordering::Relaxed);
        self.shared.inside.store(number.wrapping_add(1), Ordering::Relaxed);
    }

    /// Whether nothing waits in the lane.
    pub fn is_empty(&self) -> bool {
        self.shared.orders().is_empty() && self.shared.has_no_mail()
    }

    /// How many parcels wait in the lane, for whichever component.
    pub fn mail(&self) -> usize {
        self.shared.mail.len() + self.shared.intake().len()
    }

    /// Puts an order in. When the shard is gone with its host, the order is dropped.
    pub fn order(&self, order: Order) {
        if self.shared.closed.load(Ordering::Relaxed) {
            return discard(order);
        }
        self.shared.orders().send([order]);
        self.shared.bell.ring();
    }

    /// Puts in orders that were gathered, one behind the other, many of them at little more than
    /// the cost of one, and leaves an empty list.
    pub fn orders(&self, orders: &mut Vec<Order>) {
        if self.shared.closed.load(Ordering::Relaxed) {
            return orders.drain(..).for_each(discard);
        }
        self.shared.orders().send(orders.drain(..));
        self.shared.bell.ring();
    }

    /// Gives the lane a new receiving end; the present one is retired. Its carrier is lost: it
    /// does nothing more with what is in the lane, even if its code comes back.
    ///
    /// Parcels stay in the lane. Orders that wait are dropped: the executive gives them anew,
    /// before the new carrier's first turn, for what comes for a slot that is not there is lost.
    pub fn replace_end(&self) -> LaneEnd {
        let mut epoch = 0;
        // First of all: its hook may come back at this very moment, and what lies behind the message
        // in its hands is not to be begun with once it has been taken back.
        let old = std::mem::take(&mut *self.shared.orders());
        let orders = old.retire();
        // Nothing is taken out meanwhile.
        let mut intake = self.shared.intake();
        self.shared.bell.pass_on(|| {
            epoch = self.shared.epoch.fetch_add(1, Ordering::AcqRel).wrapping_add(1);
        });
        intake.take_back(self.shared.begun());
        drop(intake);
        orders.into_iter().for_each(discard);
        self.shared.end(epoch)
    }
}

impl Shared {
    fn end(self: &Arc<Self>, epoch: u32) -> LaneEnd {
        LaneEnd { orders: Arc::clone(&self.orders()), shared: Arc::clone(self), epoch }
    }

    /// Whether no parcel waits. By now it may be otherwise.
    fn has_no_mail(&self) -> bool {
        // In this order: whoever uses it says so before the first mail is in there.
        self.mail.is_empty()
            && (!self.is_intake_used.load(Ordering::Acquire) || self.intake().is_empty())
    }

    fn discard_parcels(&self) {
        let mut batch = Batch::default();
        while {
            let mut intake = self.intake();
            intake.begin_turn();
            intake.take(usize::MAX, &self.mail, self.begun(), &mut batch);
            !batch.is_empty()
        } {
            // Payloads are component code, and nobody else catches what their drop panics with.
            discard(std::mem::take(&mut batch));
        }
    }

    /// How many parcels carriers have begun to hand over.
    fn begun(&self) -> u64 {
        self.begun.0.load(Ordering::Acquire)
    }

    fn clear(&self) {
        self.discard_parcels();
        let orders = Arc::clone(&self.orders());
        orders.discard_all();
    }

    fn orders(&self) -> MutexGuard<'_, Arc<Orders>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The intake, from which mail may come from now on.
    fn used_intake(&self) -> MutexGuard<'_, Intake> {
        self.is_intake_used.store(true, Ordering::Release);
        self.intake()
    }

    fn intake(&self) -> MutexGuard<'_, Intake> {
        // A panic between lock and unlock is impossible: parcels are moved there, never dropped.
        self.intake.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Way {
    /// Puts a parcel in. When the shard is gone with its host, the parcel is dropped.
    pub(crate) fn send(&mut self, parcel: Parcel) {
        match parcel.into_word() {
            Ok(word) => self.send_word(word),
            Err(parcel) if self.is_closed() => discard(parcel),
            Err(parcel) => {
                self.inlet.send(parcel);
                self.lane.shared.bell.ring();
            }
        }
    }

    /// The same for a word.
    #[inline]
    pub(crate) fn send_word(&mut self, word: WordSlip) {
        if !self.is_closed() {
            self.inlet.send_word(word);
            self.lane.shared.bell.ring();
        }
    }

    /// Puts in words that were gathered, in this order, at the cost of one, and leaves an empty
    /// list.
    pub(crate) fn send_words(&mut self, words: &mut Vec<WordSlip>) {
        if self.is_closed() {
            return words.clear();
        }
        self.inlet.send_words(words);
        self.lane.shared.bell.ring();
    }

    /// How much of what was put in waits.
    pub(crate) fn waiting(&self) -> usize {
        self.inlet.len()
    }

    #[inline]
    fn is_closed(&self) -> bool {
        self.lane.shared.closed.load(Ordering::Relaxed)
    }
}

/// All ends are gone, and so is whoever would have taken out what lies in the lane.
impl Drop for Shared {
    fn drop(&mut self) {
        self.clear();
    }
}

impl LaneEnd {
    /// Whether nothing waits in the lane.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty() && self.shared.has_no_mail()
    }

    /// Drops what waits in the lane but orders: a store has it, and it is delivered from there.
    pub fn discard_parcels(&self) {
        self.shared.discard_parcels();
    }

    /// Whether another end has taken this one's place: whoever holds this one is to stop.
    pub fn is_retired(&self) -> bool {
        self.shared.epoch.load(Ordering::Acquire) != self.epoch
    }

    /// Has `waker` woken at the next mail. Answers false if mail came in the meantime; then
    /// the caller must not sleep. A retired end answers true and leaves no waker: its carrier
    /// is going to stop.
    ///
    /// Every poll that is going to sleep must come here, also when it believes that its waker
    /// is still known: a wake-up uses it up, and a lost one is never made good.
    pub fn park(&self, waker: &Waker) -> bool {
        self.shared.bell.park(waker, || self.is_retired(), || self.is_empty())
    }

    /// A turn begins.
    pub(crate) fn begin_turn(&self) {
        self.shared.intake().begin_turn();
    }

    /// Takes mail into `batch`, which is empty: bare words, `most` at most, or one other parcel. A
    /// retired end takes none: all mail is its successor's.
    pub(crate) fn take_mail(&self, most: usize, batch: &mut Batch) {
        debug_assert!(batch.is_empty());
        let mut intake = self.shared.intake();
        if !self.is_retired() {
            intake.take(most, &self.shared.mail, self.shared.begun(), batch);
        }
    }

    /// The carrier begins to hand over the next parcel that it has taken. If it does not come
    /// back, that one is lost with it until it does; those behind it are its successor's.
    ///
    /// Without a lock, for a carrier is replaced only when it has not come back for seconds: what
    /// was counted here has long been seen by then, and one that sees orders waiting takes
    /// [`LaneEnd::begin_steadily`] instead. If it comes back between that look and this count, one
    /// message comes twice, and the count is not right until its successor counts on.
    #[inline]
    pub(crate) fn begin(&self, begun: u64) {
        self.shared.begun.0.store(begun, Ordering::Release);
    }

    /// How many parcels carriers have begun with.
    #[inline]
    pub(crate) fn begun(&self) -> u64 {
        self.shared.begun()
    }

    /// The same, at any time; false if the carrier has been replaced, and the parcel is its
    /// successor's.
    pub(crate) fn begin_steadily(&self) -> bool {
        let _intake = self.shared.intake();
        let is_present = !self.is_retired();
        if is_present {
            self.begin(self.begun() + 1);
        }
        is_present
    }

    /// Takes all mail.
    #[cfg(test)]
    pub(crate) fn take_all_mail(&self) -> Vec<Parcel> {
        let (mut batch, mut all) = (Batch::default(), Vec::new());
        while {
            self.begin_turn();
            self.take_mail(usize::MAX, &mut batch);
            !batch.is_empty()
        } {
            all.extend(std::iter::from_fn(|| batch.take_first()));
        }
        all
    }

    /// Takes the next order. A retired end gets none: those that come now are its successor's,
    /// which must get all of them, and in order.
    pub(crate) fn take_order(&self) -> Option<Order> {
        if self.is_retired() { None } else { self.orders.take() }
    }

    /// Whether orders wait.
    #[inline]
    pub(crate) fn has_orders(&self) -> bool {
        !self.orders.is_empty()
    }

    /// Whether this end has taken another one's place.
    pub(crate) fn is_replacement(&self) -> bool {
        self.epoch != 0
    }

    /// The first of the next [`NUMBER_BLOCK`] numbers for messages of the shard's components.
    /// One after the other over all carriers of the shard, so that a message of a new one is
    /// not taken for one of the old.
    pub(crate) fn take_numbers(&self) -> u32 {
        self.shared.inside.fetch_add(NUMBER_BLOCK, Ordering::Relaxed)
    }

    /// The shard goes away with its host: what is in the lane, and what still comes, is dropped.
    pub(crate) fn close(&self) {
        self.shared.closed.store(true, Ordering::Relaxed);
        self.shared.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::id::Generation;
    use std::task::Wake;

    #[derive(Default)]
    struct Counter(AtomicU32);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn mail_wakes_a_parked_shard_once_and_mail_that_came_first_forbids_parking() {
        let (lane, end) = lane();
        let count = Arc::new(Counter::default());
        let waker = Waker::from(Arc::clone(&count));
        let id = ComponentId::new(0, 0);

        assert!(end.park(&waker));
        lane.tell(id, Message::Word(1));
        lane.tell(id, Message::Word(2));
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(!end.park(&waker), "two messages wait");

        assert_eq!(end.take_all_mail().len(), 2);
        assert!(end.park(&waker));
        lane.order(Order::Stop(id, Generation(1)));
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_replaced_end_is_retired_and_the_new_one_has_the_parcels_and_the_bell() {
        let (lane, old) = lane();
        let count = Arc::new(Counter::default());
        let waker = Waker::from(Arc::clone(&count));
        let id = ComponentId::new(0, 0);
        assert!(old.park(&waker));
        let new = lane.replace_end();
        assert_eq!(count.0.load(Ordering::Relaxed), 1, "it is woken to find that out");
        assert!(old.is_retired() && !new.is_retired());

        let theirs = Arc::new(Counter::default());
        assert!(new.park(&Waker::from(Arc::clone(&theirs))));
        assert!(old.park(&waker), "it may sleep, and leaves no waker");
        lane.tell(id, Message::Word(1));
        lane.order(Order::Stop(id, Generation(1)));
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert_eq!(theirs.0.load(Ordering::Relaxed), 1);
        assert!(old.park(&waker), "mail is none of its business");

        let newest = lane.replace_end();
        assert!(new.is_retired() && new.take_order().is_none());
        assert!(new.take_all_mail().is_empty(), "it is none of the retired one's business");
        assert_eq!(newest.take_all_mail().len(), 1);
        assert!(newest.orders.is_empty(), "the executive gives them anew");
        lane.order(Order::Stop(id, Generation(2)));
        let waits = |end: &LaneEnd| end.orders.queue().len();
        assert_eq!((waits(&old), waits(&new)), (0, 0), "theirs are over");
        assert!(old.has_orders() && new.has_orders(), "they are to look more closely");
        assert!(!newest.orders.is_empty());
    }

    /// Looks whether orders seem to wait at the moment at which an end is retired.
    struct Looks(LaneEnd, AtomicBool);

    impl Wake for Looks {
        fn wake(self: Arc<Self>) {
            assert!(self.0.is_retired());
            self.1.store(self.0.has_orders(), Ordering::Relaxed);
        }
    }

    /// A look at the orders is all that a carrier takes after each hook.
    #[test]
    fn an_end_that_is_retired_looks_as_if_orders_waited_from_the_beginning() {
        let (lane, old) = lane();
        let looks = Arc::new(Looks(old.clone(), AtomicBool::new(false)));
        assert!(old.park(&Waker::from(Arc::clone(&looks))));
        lane.replace_end();
        assert!(looks.1.load(Ordering::Relaxed));
    }

    /// A hook comes back at the very moment at which its carrier is lost, and the next word has
    /// been begun with by then.
    #[test]
    fn a_lost_carrier_that_counts_too_late_costs_no_mail() {
        let (lane, old) = lane();
        let id = ComponentId::new(0, 0);
        let mut way = lane.way();
        let word = |number| WordSlip { to: id, from: ComponentId::OUTSIDE, number, word: 0 };
        (1..=8).for_each(|number| way.send_word(word(number)));
        let (mut batch, mut next) = (Batch::default(), Batch::default());
        old.take_mail(4, &mut batch);
        old.begin(1);
        let new = lane.replace_end();
        new.take_mail(2, &mut next);
        (2..=3).for_each(|begun| new.begin(begun));
        next = Batch::default();
        new.take_mail(2, &mut next);
        old.begin(2);
        let newest = lane.replace_end();
        let left = newest.take_all_mail();
        let left: Vec<u32> =
            left.iter().filter_map(Parcel::message_id).map(|id| id.number).collect();
        assert_eq!(left, [4, 5, 6, 7, 8]);
    }

    #[test]
    fn what_a_store_had_comes_before_what_is_sent_later_and_after_what_was_sent_before() {
        let (lane, end) = lane();
        let (to, from) = (ComponentId::new(0, 0), ComponentId::new(1, 0));
        let message = |number| Parcel::Message { to, from, number, message: Message::Word(0) };
        let taken = || {
            let all = end.take_all_mail();
            all.iter().filter_map(Parcel::message_id).map(|id| id.number).collect::<Vec<_>>()
        };
        lane.send_anew(message(1));
        let mut way = lane.way_from(1);
        way.send(message(2));
        lane.send_anew(message(3));
        assert_eq!(lane.mail(), 3);
        way.send(message(4));
        assert_eq!(taken(), [1, 2, 3, 4]);
        lane.send_anew(message(5));
        drop(way);
        assert!(!end.is_empty());
        lane.way_from(1).send(message(6));
        assert_eq!(taken(), [5, 6]);
    }

    #[test]
    fn pipes_that_are_over_hide_no_mail_of_others() {
        let (lane, end) = lane();
        let id = ComponentId::new(0, 0);
        let word = |number| WordSlip { to: id, from: ComponentId::OUTSIDE, number, word: 0 };
        for at in 0..9 {
            let mut ways: Vec<Way> = (0..9).map(|_| lane.way()).collect();
            let mut other = ways.swap_remove(at);
            drop(ways);
            other.send_word(word(1));
            assert_eq!(end.take_all_mail().len(), 1, "taken in one go");
            let mut ways: Vec<Way> = (0..9).map(|_| lane.way()).collect();
            let mut other = ways.swap_remove(at);
            drop(ways);
            other.send_word(word(2));
            end.discard_parcels();
            assert_eq!(lane.mail(), 0);
        }
    }

    #[test]
    fn a_parcel_is_four_words() {
        assert_eq!(size_of::<Parcel>(), 32);
        assert_eq!(size_of::<Message>(), 16);
    }
}
