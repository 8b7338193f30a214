//! The way into a shard. Two crossbeam channels: one for messages and answers, one for orders,
//! so that a full inbox never delays a stop. A bell wakes the shard's driver, if it sleeps.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

use crossbeam_channel::{Receiver, Sender, unbounded};

use contract::effect::Answer;
use contract::id::{ComponentId, Generation, Ticket};
use contract::message::Message;

use crate::order::Order;

/// What a lane carries to a component. 32 bytes.
#[derive(Debug)]
pub enum Parcel {
    /// A message.
    Message {
        /// To whom.
        to: ComponentId,
        /// From whom.
        from: ComponentId,
        /// What.
        message: Message,
    },
    /// The answer to a request.
    Answer {
        /// To whom.
        to: ComponentId,
        /// The rest, behind a pointer: answers are rare and messages are many.
        answer: Box<AnswerSlip>,
    },
    /// A timer that fell due while its component was paused.
    Timer {
        /// To whom.
        to: ComponentId,
        /// The rest.
        timer: Box<TimerSlip>,
    },
}

/// An answer, and the life that asked for it.
#[derive(Debug)]
pub struct AnswerSlip {
    /// The life that asked; no other gets it.
    pub generation: Generation,
    /// What the request bore.
    pub ticket: Ticket,
    /// How it came out.
    pub answer: Answer,
}

/// A timer, and the life that set it.
#[derive(Debug)]
pub struct TimerSlip {
    /// The life that set it; no other gets it.
    pub generation: Generation,
    /// Which timer.
    pub key: &'static str,
    /// Which setting of it: one that was cancelled or set anew since does not count.
    pub serial: u64,
}

impl Parcel {
    /// To whom it goes.
    pub fn to(&self) -> ComponentId {
        match self {
            Parcel::Message { to, .. } | Parcel::Answer { to, .. } | Parcel::Timer { to, .. } => {
                *to
            }
        }
    }

    /// An answer on its way to the life that asked.
    pub fn answer(
        to: ComponentId,
        generation: Generation,
        ticket: Ticket,
        answer: Answer,
    ) -> Parcel {
        Parcel::Answer { to, answer: Box::new(AnswerSlip { generation, ticket, answer }) }
    }
}

/// The senders' end: cheap to clone, usable from any thread.
#[derive(Debug, Clone)]
pub struct Lane {
    parcels: Sender<Parcel>,
    orders: Sender<Order>,
    bell: Arc<Bell>,
}

/// The shard's end.
#[derive(Debug, Clone)]
pub struct LaneEnd {
    pub(crate) parcels: Receiver<Parcel>,
    pub(crate) orders: Receiver<Order>,
    bell: Arc<Bell>,
}

#[derive(Debug, Default)]
struct Bell {
    /// The driver sleeps, or is about to; whoever clears this wakes it.
    parked: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

/// A new lane: the end to send by, and the end to receive by.
pub fn lane() -> (Lane, LaneEnd) {
    let (parcel_sender, parcels) = unbounded();
    let (order_sender, orders) = unbounded();
    let bell = Arc::new(Bell::default());
    let lane = Lane { parcels: parcel_sender, orders: order_sender, bell: Arc::clone(&bell) };
    (lane, LaneEnd { parcels, orders, bell })
}

impl Lane {
    /// Puts a parcel in. When the shard is gone with its host, the parcel is dropped.
    pub fn send(&self, parcel: Parcel) {
        if self.parcels.send(parcel).is_ok() {
            self.bell.ring();
        }
    }

    /// Sends a message from outside the host.
    pub fn tell(&self, to: ComponentId, message: impl Into<Message>) {
        self.send(Parcel::Message { to, from: ComponentId::OUTSIDE, message: message.into() });
    }

    /// Puts an order in. When the shard is gone with its host, the order is dropped.
    pub fn order(&self, order: Order) {
        if self.orders.send(order).is_ok() {
            self.bell.ring();
        }
    }
}

impl LaneEnd {
    /// Whether nothing waits in the lane.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty() && self.parcels.is_empty()
    }

    /// Has `waker` woken at the next mail. Answers false if mail came in the meantime; then
    /// the caller must not sleep.
    ///
    /// Every poll that is going to sleep must come here, also when it believes that its waker
    /// is still known: a wake-up uses it up, and a lost one is never made good.
    pub fn park(&self, waker: &Waker) -> bool {
        *self.bell.lock() = Some(waker.clone());
        self.bell.parked.store(true, Ordering::Relaxed);
        // Pairs with the fence in `ring`: either the sender sees `parked`, or we see its mail.
        fence(Ordering::SeqCst);
        if self.is_empty() {
            return true;
        }
        self.bell.parked.store(false, Ordering::Relaxed);
        false
    }
}

impl Bell {
    fn ring(&self) {
        fence(Ordering::SeqCst);
        if !self.parked.load(Ordering::Relaxed) || !self.parked.swap(false, Ordering::AcqRel) {
            return;
        }
        let waker = self.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        // A panic between lock and unlock is impossible: nothing of ours runs there.
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;
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

        while end.parcels.try_recv().is_ok() {}
        assert!(end.park(&waker));
        lane.order(Order::Stop(id, Generation(1)));
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_parcel_is_four_words() {
        assert_eq!(size_of::<Parcel>(), 32);
        assert_eq!(size_of::<Message>(), 16);
    }
}
