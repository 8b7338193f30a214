//! The conformance kit: the acceptance cases of lifecycle.md part 4 for any component.
//!
//! Whatever a component does in its hooks, the host keeps its promises to it and about it: each
//! state, code, restart and delivery that the reference names. The kit takes a component as a
//! site would be given it, and has it live through every case; faults are injected around its
//! code, so it need not be able to fail by itself.
//!
//! ```
//! use contract::{Component, Descriptor, Registration};
//! use smsexec_sim::conformance::Kit;
//!
//! struct Idle;
//! impl Component for Idle {}
//!
//! let idle = Registration::new("IDLE", Descriptor::new("does nothing", "idle.log"), || Idle);
//! Kit::new(idle).check();
//! ```

mod executive;
mod failures;
mod lifecycle;
mod messages;
mod races;
mod stage;
mod supervision;
mod timing;
mod view;
mod wrapped;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use contract::{Descriptor, Message, Registration};

/// One case of the reference.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its number, such as "L01".
    pub number: &'static str,
    /// What it is about, in a line.
    pub about: &'static str,
    run: fn(&Kit) -> Ran,
}

/// How a case went that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ran {
    /// All is as it should be.
    Passed,
    /// It is about something that this component does not have, and why.
    NotApplicable(&'static str),
}

/// A component, and what the cases need to know of it.
#[derive(Clone)]
pub struct Kit {
    registration: Registration,
    message: Arc<dyn Fn(u64) -> Message + Send + Sync>,
}

impl std::fmt::Debug for Kit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kit").field("registration", &self.registration).finish_non_exhaustive()
    }
}

impl Kit {
    /// Every case, in the order of the reference.
    pub fn cases() -> impl Iterator<Item = &'static Case> {
        let chapters = [
            lifecycle::CASES,
            timing::CASES,
            races::CASES,
            failures::CASES,
            supervision::CASES,
            executive::CASES,
            messages::CASES,
        ];
        chapters.into_iter().flatten()
    }

    /// The kit for this component. It is sent bare numbers unless [`Kit::messages`] says
    /// otherwise.
    pub fn new(registration: Registration) -> Self {
        Kit { registration, message: Arc::new(Message::Word) }
    }

    /// Has the component sent what `message` makes of a number: something that it handles.
    pub fn messages(mut self, message: impl Fn(u64) -> Message + Send + Sync + 'static) -> Self {
        self.message = Arc::new(message);
        self
    }

    /// Runs one case.
    ///
    /// # Panics
    /// If the case fails. The text shows the last state of everything, and the seed.
    pub fn run(&self, case: &Case) -> Ran {
        let failure = match catch_unwind(AssertUnwindSafe(|| (case.run)(self))) {
            Ok(ran) => return ran,
            Err(failure) => failure,
        };
        let Case { number, about, .. } = case;
        let name = &self.registration.name;
        panic!("case {number} ({about}) fails for {name}: {}", first_line(&*failure));
    }

    /// Runs every case.
    ///
    /// # Panics
    /// If any fails; all that do are named.
    pub fn check(&self) {
        let mut failed = Vec::new();
        for case in Kit::cases() {
            if catch_unwind(AssertUnwindSafe(|| self.run(case))).is_err() {
                failed.push(format!("{} {}", case.number, case.about));
            }
        }
        let name = &self.registration.name;
        assert!(failed.is_empty(), "{name} does not pass:\n{}", failed.join("\n"));
    }

    /// The component under another name, as it is to be declared for a case.
    fn component(&self, name: &str, declare: impl FnOnce(&mut Descriptor)) -> Registration {
        let mut descriptor = self.registration.descriptor.as_ref().clone();
        descriptor.depends_on.clear();
        descriptor.requires.clear();
        declare(&mut descriptor);
        Registration {
            name: name.into(),
            descriptor: Arc::new(descriptor),
            factory: Arc::clone(&self.registration.factory),
        }
    }

    /// The component under another name, supervised as lifecycle.md 2.5 has it by default but
    /// for what `declare` says: the times and numbers of the cases go by that, whatever it
    /// declares for itself. What it can do is as it declares.
    fn declared(&self, name: &str, declare: impl FnOnce(&mut Descriptor)) -> Registration {
        self.component(name, |descriptor| {
            let own = descriptor.clone();
            *descriptor = Descriptor {
                about: own.about,
                log: own.log,
                start_only: own.start_only,
                reloads: own.reloads,
                pausable: own.pausable,
                controls: own.controls,
                cancellable_start: own.cancellable_start,
                ..Descriptor::new("", "")
            };
            declare(descriptor);
        })
    }

    /// A message for the component.
    fn message(&self, number: u64) -> Message {
        (self.message)(number)
    }
}

/// What a panic says first: the rest has been shown.
fn first_line(failure: &(dyn Any + Send)) -> &str {
    let text = failure.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| failure.downcast_ref::<&str>().copied());
    text.and_then(|text| text.lines().next()).unwrap_or("it panics without a text")
}
