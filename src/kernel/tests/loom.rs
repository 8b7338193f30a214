//! The bell and the status cell in every interleaving of their threads, as far as loom's memory
//! model goes: the two places of the kernel where threads meet without a channel in between.

use std::sync::Arc as StdArc;
use std::task::{Wake, Waker};

use contract::id::Generation;
use contract::lifecycle::State;
use contract::time::Moment;
use loom::model::Builder;
use loom::sync::{Arc, Notify};
use loom::thread;

use bell::Bell;
use cell::LifeWord;
use sync::{AtomicU64, Ordering};

/// What `src/kernel/sync.rs` takes from the standard library, as loom has it.
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
    pub(crate) use loom::sync::{Mutex, MutexGuard};
    pub(crate) use std::sync::PoisonError;
}

#[path = "../bell.rs"]
#[allow(dead_code)]
mod bell;
#[path = "../cell.rs"]
mod cell;

/// Mail is a number, taken out whole. That stands for the lane's channel, which loom cannot see.
#[derive(Default)]
struct Post {
    bell: Bell,
    mail: AtomicU64,
    retired: AtomicU64,
}

impl Post {
    fn send(&self) {
        self.mail.fetch_add(1, Ordering::Release);
        self.bell.ring();
    }

    fn take(&self) -> u64 {
        self.mail.swap(0, Ordering::Acquire)
    }

    /// Parks as the carrier with that number, which is retired when there has been a later one.
    fn park(&self, carrier: u64, waker: &Waker) -> bool {
        let retired = || self.retired.load(Ordering::Acquire) > carrier;
        self.bell.park(waker, retired, || self.mail.load(Ordering::Acquire) == 0)
    }
}

/// What a receiver sleeps on. One that sleeps for good is what loom calls a deadlock, and fails.
struct Bed(Notify);

impl Wake for Bed {
    fn wake(self: StdArc<Self>) {
        self.0.notify();
    }
}

/// Checks every interleaving in which a thread is interrupted three times at most, besides where
/// it has to wait. Without a limit it takes minutes.
fn model(code: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(code);
}

/// Wakes nobody: a waker whose task has moved on.
struct Stale;

impl Wake for Stale {
    fn wake(self: StdArc<Self>) {}
}

fn receive(post: &Post, carrier: u64, mut missing: u64) {
    let bed = StdArc::new(Bed(Notify::new()));
    let waker = Waker::from(StdArc::clone(&bed));
    loop {
        missing -= post.take();
        if missing == 0 {
            return;
        }
        if post.park(carrier, &waker) {
            bed.0.wait();
        }
    }
}

#[test]
fn no_wake_up_is_lost_when_two_ring_while_the_receiver_parks() {
    model(|| {
        let post = Arc::new(Post::default());
        for _ in 0..2 {
            let post = Arc::clone(&post);
            thread::spawn(move || post.send());
        }
        receive(&post, 0, 2);
    });
}

#[test]
fn a_receiver_that_parks_again_is_woken_by_its_new_waker() {
    model(|| {
        let post = Arc::new(Post::default());
        let sender = Arc::clone(&post);
        thread::spawn(move || sender.send());
        // Polled once with a waker that is of no use by the time of the second poll.
        post.park(0, &Waker::from(StdArc::new(Stale)));
        receive(&post, 0, 1);
    });
}

/// The receiver that is given up is at any point of its parking; its successor sleeps and must
/// be woken all the same.
#[test]
fn a_receiver_that_is_given_up_does_not_take_its_successors_wake_up() {
    model(|| {
        let post = Arc::new(Post::default());
        let (old, sender) = (Arc::clone(&post), Arc::clone(&post));
        thread::spawn(move || {
            old.park(0, &Waker::from(StdArc::new(Stale)));
        });
        thread::spawn(move || sender.send());
        post.bell.pass_on(|| post.retired.store(1, Ordering::Release));
        receive(&post, 1, 1);
    });
}

#[test]
fn a_reader_never_sees_the_state_of_one_life_with_the_generation_of_another() {
    const LIVES: [(State, u64); 3] =
        [(State::Stopped, 0), (State::StartPending, 1), (State::Running, 2)];
    model(|| {
        let word = Arc::new(LifeWord::new());
        let writer = Arc::clone(&word);
        thread::spawn(move || {
            for (state, generation) in &LIVES[1..] {
                writer.set(*state, Generation(*generation), Moment(*generation));
            }
        });
        for _ in 0..2 {
            let (state, generation, since) = word.get();
            assert!(LIVES.contains(&(state, generation.0)), "{state} of life {generation}");
            assert!(since.0 >= generation.0, "never an earlier one's moment");
        }
    });
}
