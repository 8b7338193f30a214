//! Component code never brings the host down: every call of it goes through [`guarded`].

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Once};

use contract::lifecycle::Exit;

// A build that aborts on panic cannot keep the promise of this module, so it does not build.
#[cfg(panic = "abort")]
compile_error!("smsexec survives panics of components only with panic = \"unwind\"");

thread_local! {
    /// Component code runs on this thread: its panics are news, not noise on stderr.
    static IN_COMPONENT: Cell<bool> = const { Cell::new(false) };
    /// Where the last such panic happened. The payload alone does not say.
    static LOCATION: RefCell<String> = const { RefCell::new(String::new()) };
    /// By which calls. Captured, not put into words: that takes time, and few ask.
    static BACKTRACE: RefCell<Option<Backtrace>> = const { RefCell::new(None) };
}

/// Where a panic happened, frame by frame. Taken when it happens, told in words only when
/// somebody asks, which is what takes time. Any two are equal: no test depends on addresses.
#[derive(Debug, Clone, Default)]
pub struct PanicTrace(pub Option<Arc<Backtrace>>);

impl PartialEq for PanicTrace {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for PanicTrace {}

impl std::fmt::Display for PanicTrace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Some(backtrace) => backtrace.fmt(f),
            None => Ok(()),
        }
    }
}

/// What became of component code that panicked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caught {
    /// [`Exit::Panic`].
    pub(crate) exit: Exit,
    /// Where.
    pub(crate) backtrace: PanicTrace,
}

/// Sees to it that panics of component code are not printed. The panic hook is the process's,
/// there is no other: it is added once, and hands every other panic, the kernel's own among
/// them, to the hook that was there before.
pub(crate) fn keep_quiet() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IN_COMPONENT.get() {
                return before(info);
            }
            let location = info.location().map(ToString::to_string).unwrap_or_default();
            LOCATION.with_borrow_mut(|last| *last = location);
            BACKTRACE.with_borrow_mut(|last| *last = Some(Backtrace::force_capture()));
        }));
    });
}

/// Runs component code. The caller does not look at what the code may have left half done, but
/// drops it, in here too.
#[inline]
pub(crate) fn guarded<R>(code: impl FnOnce() -> R) -> Result<R, Box<Caught>> {
    let before = IN_COMPONENT.replace(true);
    let result = catch(code);
    IN_COMPONENT.set(before);
    result
}

/// Drops what holds component code: a payload's drop may panic.
pub(crate) fn discard<T>(value: T) {
    if std::mem::needs_drop::<T>() {
        let _ = guarded(|| drop(value));
    }
}

fn catch<R>(code: impl FnOnce() -> R) -> Result<R, Box<Caught>> {
    panic::catch_unwind(AssertUnwindSafe(code)).map_err(|payload| {
        let text = text_of(payload.as_ref());
        let location = LOCATION.with_borrow_mut(std::mem::take);
        let backtrace = PanicTrace(BACKTRACE.with_borrow_mut(Option::take).map(Arc::new));
        // A payload's drop may panic as well.
        let _ = panic::catch_unwind(AssertUnwindSafe(|| drop(payload)));
        Box::new(Caught { exit: Exit::Panic { text, location }, backtrace })
    })
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a text".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_with_text_and_place_whatever_its_payload() {
        keep_quiet();
        let told = |result: Result<(), Box<Caught>>| {
            let Caught { exit, backtrace } = *result.expect_err("it panics");
            assert!(backtrace.to_string().contains("unwind"), "{backtrace}");
            match exit {
                Exit::Panic { text, location } => (text, location),
                other => panic!("expected a panic, got {other:?}"),
            }
        };
        let (text, location) = told(guarded(|| panic!("number {}", 7)));
        assert_eq!(text, "number 7");
        assert!(location.contains("unwind.rs"), "{location}");
        assert_eq!(told(guarded(|| panic::panic_any(7_u8))).0, "a panic without a text");
        assert_eq!(guarded(|| 7), Ok(7));
    }
}
