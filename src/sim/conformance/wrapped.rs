//! The component of a case with something around it that cannot be injected from outside: its
//! values are counted, their drop can panic, and their message hook can take a lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use contract::{
    Answer, Component, Context, Fault, Message, Progress, Registration, Settings, Start, Started,
    Ticket,
};

/// The values that a component's factory has made.
#[derive(Debug, Clone, Default)]
pub(super) struct Values(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    made: AtomicU64,
    alive: AtomicU64,
    drop_panics: AtomicBool,
    lease_seconds: AtomicU64,
}

impl Values {
    /// The same component, its values counted here. What is counted includes what they own: it
    /// is gone when they are.
    pub(super) fn of(&self, component: Registration) -> Registration {
        let counts = Arc::clone(&self.0);
        let factory = Arc::clone(&component.factory);
        let make = move || {
            counts.made.fetch_add(1, Ordering::Relaxed);
            counts.alive.fetch_add(1, Ordering::Relaxed);
            Wrapped { inner: factory(), counted: Counted(Arc::clone(&counts)) }
        };
        Registration::new(component.name, component.descriptor, make)
    }

    /// How many there have been.
    pub(super) fn made(&self) -> u64 {
        self.0.made.load(Ordering::Relaxed)
    }

    /// How many have not been dropped.
    pub(super) fn alive(&self) -> u64 {
        self.0.alive.load(Ordering::Relaxed)
    }

    /// From here on every drop of one panics, or none does.
    pub(super) fn drop_panics(&self, panics: bool) {
        self.0.drop_panics.store(panics, Ordering::Relaxed);
    }

    /// From here on each takes a lease of so long whenever it is handed a message.
    pub(super) fn lease(&self, lease: Duration) {
        self.0.lease_seconds.store(lease.as_secs(), Ordering::Relaxed);
    }
}

/// Lives as long as the value beside it, and goes last.
struct Counted(Arc<Counts>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::Relaxed);
        // In a failing case a second panic would end the process.
        if self.0.drop_panics.load(Ordering::Relaxed) && !std::thread::panicking() {
            panic!("the drop panics");
        }
    }
}

struct Wrapped {
    inner: Box<dyn Component>,
    counted: Counted,
}

impl Component for Wrapped {
    fn start(&mut self, start: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        self.inner.start(start, cx)
    }

    fn message(&mut self, message: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
        let seconds = self.counted.0.lease_seconds.load(Ordering::Relaxed);
        if seconds > 0 {
            cx.lease(Duration::from_secs(seconds));
        }
        self.inner.message(message, cx)
    }

    fn timer(&mut self, key: &'static str, cx: &mut Context<'_>) -> Result<(), Fault> {
        self.inner.timer(key, cx)
    }

    fn answer(
        &mut self,
        ticket: Ticket,
        answer: Answer,
        cx: &mut Context<'_>,
    ) -> Result<(), Fault> {
        self.inner.answer(ticket, answer, cx)
    }

    fn changed(&mut self, settings: &Settings, cx: &mut Context<'_>) -> Result<(), Fault> {
        self.inner.changed(settings, cx)
    }

    fn control(&mut self, code: u8, cx: &mut Context<'_>) -> Result<(), Fault> {
        self.inner.control(code, cx)
    }

    fn pause(&mut self, cx: &mut Context<'_>) -> Result<Progress, Fault> {
        self.inner.pause(cx)
    }

    fn resume(&mut self, cx: &mut Context<'_>) -> Result<Progress, Fault> {
        self.inner.resume(cx)
    }

    fn stop(&mut self, cx: &mut Context<'_>) -> Result<Progress, Fault> {
        self.inner.stop(cx)
    }
}
