//! The bell, the status cell and the pipe in every interleaving of their threads, as far as loom's
//! memory model goes: the places of the kernel where threads meet without a channel in between.

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
use pipe::{Inlet, Outlet};
use sync::{AtomicU64, Ordering};

/// What `src/kernel/sync.rs` takes from the standard library, as loom has it.
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
    pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};
    pub(crate) use std::sync::PoisonError;

    use std::fmt;

    use loom::cell::Cell;

    /// Few, so that what happens when it is full happens.
    pub(crate) const RING: usize = 1;
    pub(crate) const CHUNK: usize = 1;

    /// What stands for the ring of `rtrb`: with its orderings, and without what it remembers of
    /// the other end so as not to look again. Its places are checked for races, too.
    struct Places<T> {
        places: Vec<Cell<Option<T>>>,
        /// So many have been taken out, and put in.
        head: AtomicUsize,
        tail: AtomicUsize,
        abandoned: AtomicBool,
    }

    pub(crate) struct Producer<T>(Arc<Places<T>>);

    pub(crate) struct Consumer<T>(Arc<Places<T>>);

    pub(crate) fn ring<T>(places: usize) -> (Producer<T>, Consumer<T>) {
        let places = Arc::new(Places {
            places: (0..places).map(|_| Cell::new(None)).collect(),
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
            abandoned: AtomicBool::new(false),
        });
        (Producer(Arc::clone(&places)), Consumer(places))
    }

    pub(crate) fn has_room<T>(ring: &Producer<T>) -> bool {
        ring.slots() > 0
    }

    pub(crate) fn push<T>(ring: &mut Producer<T>, item: T) {
        let Places { places, tail, .. } = &*ring.0;
        let at = tail.load(Ordering::Relaxed);
        places[at % places.len()].set(Some(item));
        tail.store(at + 1, Ordering::Release);
    }

    pub(crate) fn take_some<T: Copy>(ring: &mut Consumer<T>, most: usize, taken: &mut Vec<T>) {
        let many = ring.slots().min(most);
        let Places { places, head, .. } = &*ring.0;
        let from = head.load(Ordering::Relaxed);
        taken.extend((from..from + many).filter_map(|at| places[at % places.len()].get()));
        if many > 0 {
            head.store(from + many, Ordering::Release);
        }
    }

    impl<T> Producer<T> {
        pub(crate) fn slots(&self) -> usize {
            let Places { places, head, tail, .. } = &*self.0;
            places.len() - (tail.load(Ordering::Relaxed) - head.load(Ordering::Acquire))
        }
    }

    impl<T> Consumer<T> {
        pub(crate) fn slots(&self) -> usize {
            self.0.tail.load(Ordering::Acquire) - self.0.head.load(Ordering::Relaxed)
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.slots() == 0
        }

        pub(crate) fn is_abandoned(&self) -> bool {
            self.0.abandoned.load(Ordering::Acquire)
        }
    }

    impl<T> Drop for Producer<T> {
        fn drop(&mut self) {
            self.0.abandoned.store(true, Ordering::Release);
        }
    }

    impl<T> fmt::Debug for Producer<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Producer")
        }
    }

    impl<T> fmt::Debug for Consumer<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Consumer")
        }
    }
}

#[path = "../bell.rs"]
#[allow(dead_code)]
mod bell;
#[path = "../cell.rs"]
mod cell;
#[path = "../pipe.rs"]
#[allow(dead_code)]
mod pipe;

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
            assert!(word.is_over(Generation(0)), "it has never begun");
            let (_, later, _) = word.get();
            let is_first_over = word.is_over(Generation(1));
            assert!(is_first_over || later.0 <= 1, "what is over stays over");
        }
    });
}

/// Puts so many pieces into a pipe: all but the second are words.
fn put_in(pieces: u64, mut inlet: Inlet<u64, u64>, and_then: impl Fn()) {
    for piece in 0..pieces {
        if piece == 1 {
            inlet.send(piece);
        } else {
            inlet.send_word(piece);
        }
        and_then();
    }
}

/// Takes what there is, once, and checks that nothing was left out.
fn take_out(outlet: &mut Outlet<u64, u64>, next: &mut u64) {
    let mut words = Vec::new();
    let other = outlet.take(2, &mut words);
    for piece in words.into_iter().chain(other) {
        assert_eq!(piece, *next);
        *next += 1;
    }
}

#[test]
fn what_goes_into_a_pipe_comes_out_in_order_and_it_is_over_after_that() {
    model(|| {
        let (inlet, mut outlet) = pipe::pipe();
        thread::spawn(move || put_in(4, inlet, || ()));
        let mut next = 0;
        while !outlet.is_over() {
            take_out(&mut outlet, &mut next);
            thread::yield_now();
        }
        assert_eq!(next, 4, "all of it");
    });
}

#[test]
fn a_receiver_that_parks_is_woken_for_what_is_in_a_pipe() {
    model(|| {
        let (inlet, mut outlet) = pipe::pipe();
        let bell = Arc::new(Bell::default());
        let rung = Arc::clone(&bell);
        thread::spawn(move || put_in(3, inlet, || rung.ring()));
        let bed = StdArc::new(Bed(Notify::new()));
        let (waker, mut next) = (Waker::from(StdArc::clone(&bed)), 0);
        while next < 3 {
            take_out(&mut outlet, &mut next);
            if next < 3 && bell.park(&waker, || false, || outlet.is_empty()) {
                bed.0.wait();
            }
        }
    });
}
