//! The way into a shard. Two crossbeam channels: one for messages and answers, one for orders,
//! so that a full inbox never delays a stop. A bell wakes the shard's driver, if it sleeps.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crossbeam_channel::{Receiver, Sender, unbounded};

use contract::id::ComponentId;
use contract::message::Message;

use crate::bell::Bell;
use crate::order::Order;
use crate::parcel::Parcel;
use crate::unwind::discard;

/// A shard takes the numbers of its components' messages in blocks of so many.
pub(crate) const NUMBER_BLOCK: u32 = 1_024;

/// The senders' end: cheap to clone, usable from any thread.
#[derive(Debug, Clone)]
pub struct Lane {
    mail: Sender<Mail>,
    shared: Arc<Shared>,
}

/// What lies in a lane at one place. As large as a parcel.
#[derive(Debug)]
pub(crate) enum Mail {
    One(Parcel),
    /// What somebody has gathered before it was sent.
    Many(Vec<Parcel>),
}

/// A value in cache lines of its own: what one thread writes all the time must not take others'
/// copies of its neighbours away.
#[derive(Debug)]
#[repr(align(128))]
struct Apart<T>(T);

/// The shard's end.
#[derive(Debug, Clone)]
pub struct LaneEnd {
    mail: Receiver<Mail>,
    pub(crate) orders: Receiver<Order>,
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
    /// For a new end, and for what lies in the lane when all ends are gone.
    mail: Receiver<Mail>,
    /// Each end has a channel of its own, so that a retired one takes none of its successor's.
    orders: Mutex<(Sender<Order>, Receiver<Order>)>,
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
        mail,
        orders: Mutex::new(unbounded()),
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
        if self.mail.send(Mail::One(parcel)).is_ok() {
            self.shared.bell.ring();
        }
    }

    /// Puts parcels in, in this order, at the cost of one. When the shard is gone with its host,
    /// they are dropped.
    pub fn send_all(&self, parcels: Vec<Parcel>) {
        if self.shared.closed.load(Ordering::Relaxed) {
            return parcels.into_iter().for_each(discard);
        }
        if self.mail.send(Mail::Many(parcels)).is_ok() {
            self.shared.bell.ring();
        }
    }

    /// Whether the shard sleeps, or is about to.
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
        self.shared.orders().1.is_empty() && self.shared.mail.is_empty()
    }

    /// How much mail waits in the lane, for whichever component: parcels, and gathered ones as
    /// one.
    pub fn mail(&self) -> usize {
        self.shared.mail.len()
    }

    /// Puts an order in. When the shard is gone with its host, the order is dropped.
    pub fn order(&self, order: Order) {
        if self.shared.closed.load(Ordering::Relaxed) {
            return discard(order);
        }
        let sent = self.shared.orders().0.send(order);
        if sent.is_ok() {
            self.shared.bell.ring();
        }
    }

    /// Gives the lane a new receiving end; the present one is retired. Its carrier is lost: it
    /// does nothing more with what is in the lane, even if its code comes back.
    ///
    /// Parcels stay in the lane. Orders that wait are dropped: the executive gives them anew,
    /// before the new carrier's first turn, for what comes for a slot that is not there is lost.
    pub fn replace_end(&self) -> LaneEnd {
        let mut epoch = 0;
        self.shared.bell.pass_on(|| {
            epoch = self.shared.epoch.fetch_add(1, Ordering::AcqRel).wrapping_add(1);
        });
        let (_, old) = std::mem::replace(&mut *self.shared.orders(), unbounded());
        discard_all(&old);
        self.shared.end(epoch)
    }
}

impl Shared {
    fn end(self: &Arc<Self>, epoch: u32) -> LaneEnd {
        let (mail, orders) = (self.mail.clone(), self.orders().1.clone());
        LaneEnd { mail, orders, shared: Arc::clone(self), epoch }
    }

    fn clear(&self) {
        discard_mail(&self.mail);
        let orders = self.orders().1.clone();
        discard_all(&orders);
    }

    fn orders(&self) -> MutexGuard<'_, (Sender<Order>, Receiver<Order>)> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops what waits in a channel one by one: payloads are component code, and nobody else catches
/// what their drop panics with.
fn discard_all<T>(channel: &Receiver<T>) {
    while let Ok(item) = channel.try_recv() {
        discard(item);
    }
}

fn discard_mail(channel: &Receiver<Mail>) {
    while let Ok(mail) = channel.try_recv() {
        match mail {
            Mail::One(parcel) => discard(parcel),
            Mail::Many(parcels) => parcels.into_iter().for_each(discard),
        }
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
        self.orders.is_empty() && self.mail.is_empty()
    }

    /// Drops what waits in the lane but orders: a store has it, and it is delivered from there.
    pub fn discard_parcels(&self) {
        discard_mail(&self.mail);
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

    /// Takes the next mail.
    pub(crate) fn take_mail(&self) -> Option<Mail> {
        self.mail.try_recv().ok()
    }

    /// Takes the next order. A retired end gets none: those that come now are its successor's,
    /// which must get all of them, and in order.
    pub(crate) fn take_order(&self) -> Option<Order> {
        if self.is_retired() { None } else { self.orders.try_recv().ok() }
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

        while end.take_mail().is_some() {}
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
        assert_eq!(newest.mail.len(), 1);
        assert!(newest.orders.is_empty(), "the executive gives them anew");
        lane.order(Order::Stop(id, Generation(2)));
        assert!(old.orders.is_empty() && new.orders.is_empty(), "theirs are over");
        assert_eq!(newest.orders.len(), 1);
    }

    #[test]
    fn a_parcel_is_four_words() {
        assert_eq!((size_of::<Parcel>(), size_of::<Mail>()), (32, 32));
        assert_eq!(size_of::<Message>(), 16);
    }
}
