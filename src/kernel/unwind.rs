//! Component code never brings the host down: every call of it goes through [`guarded`].

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe, Location};
use std::sync::{Arc, Once};

use contract::lifecycle::Exit;

use crate::order::Ending;

// A build that aborts on panic cannot keep the promise of this module, so it does not build.
#[cfg(panic = "abort")]
compile_error!("smsexec survives panics of components only with panic = \"unwind\"");

thread_local! {
    /// Component code runs on this thread: its panics are news, not noise on stderr.
    static IN_COMPONENT: Cell<bool> = const { Cell::new(false) };
    /// Where the last such panic happened, and by which calls. The payload alone does not say.
    static LAST: RefCell<Option<(Arc<str>, PanicTrace)>> = const { RefCell::new(None) };
    /// Ways by which component code has come to panic on this thread, the newest last.
    static WAYS: RefCell<VecDeque<Way>> = const { RefCell::new(VecDeque::new()) };
}

/// So many ways to a panic are remembered on each thread.
const WAYS_MAX: usize = 16;

/// Where a panic happened, frame by frame; told in words only when somebody asks, for that takes
/// time. Any two are equal: no test depends on addresses.
#[derive(Debug, Clone, Default)]
pub struct PanicTrace(pub Option<Walk>);

/// The frames of a stack. To walk it takes several times as long as to unwind it, so it is
/// walked once for all panics of one thread that happen at one place of the code with the stack
/// equally deep: they came there by the same calls, but for such as take equally much of the
/// stack. A record that shows the walk of an earlier panic says so.
#[derive(Debug, Clone)]
pub struct Walk {
    frames: Arc<Backtrace>,
    is_earlier: bool,
}

/// A place of the code at which component code has panicked, and how deep the stack was.
#[derive(Debug)]
struct Way {
    file: String,
    line: u32,
    column: u32,
    depth: usize,
    /// The place in one word.
    location: Arc<str>,
    frames: Arc<Backtrace>,
}

impl Way {
    fn leads_to(&self, place: &Location<'_>, depth: usize) -> bool {
        let here = (place.line(), place.column(), depth);
        (self.line, self.column, self.depth) == here && self.file == place.file()
    }
}

impl PartialEq for PanicTrace {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for PanicTrace {}

impl std::fmt::Display for PanicTrace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Some(Walk { frames, is_earlier }) => {
                if *is_earlier {
                    f.write_str("as of an earlier panic at this place, with the stack as deep:\n")?;
                }
                frames.fmt(f)
            }
            None => Ok(()),
        }
    }
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
            let told = info.location().map(trace);
            LAST.with_borrow_mut(|last| *last = told);
        }));
    });
}

/// The place of a panic in one word, and how it got there: as it was found out before, if this
/// way is known.
fn trace(place: &Location<'_>) -> (Arc<str>, PanicTrace) {
    let mark = 0_u8;
    let depth = std::ptr::from_ref(&mark).addr();
    WAYS.with_borrow_mut(|ways| {
        if let Some(way) = ways.iter().rev().find(|way| way.leads_to(place, depth)) {
            let walk = Walk { frames: Arc::clone(&way.frames), is_earlier: true };
            return (Arc::clone(&way.location), PanicTrace(Some(walk)));
        }
        let frames = Arc::new(Backtrace::force_capture());
        let location: Arc<str> = place.to_string().into();
        let way = Way {
            file: place.file().to_owned(),
            line: place.line(),
            column: place.column(),
            depth,
            location: Arc::clone(&location),
            frames: Arc::clone(&frames),
        };
        if ways.len() == WAYS_MAX {
            ways.pop_front();
        }
        ways.push_back(way);
        (location, PanicTrace(Some(Walk { frames, is_earlier: false })))
    })
}

/// Runs component code; if it panics, that is how its life ends. The caller does not look at what
/// the code may have left half done, but drops it, in here too.
#[inline]
pub(crate) fn guarded<R>(code: impl FnOnce() -> R) -> Result<R, Box<Ending>> {
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

fn catch<R>(code: impl FnOnce() -> R) -> Result<R, Box<Ending>> {
    panic::catch_unwind(AssertUnwindSafe(code)).map_err(|payload| {
        let text = text_of(payload.as_ref());
        let told = LAST.with_borrow_mut(Option::take);
        let (location, backtrace) = told.unwrap_or_else(|| ("".into(), PanicTrace::default()));
        // A payload's drop may panic as well.
        let _ = panic::catch_unwind(AssertUnwindSafe(|| drop(payload)));
        Box::new(Ending { backtrace, ..Ending::plain(Exit::Panic { text, location }) })
    })
}

fn text_of(payload: &(dyn Any + Send)) -> Arc<str> {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        (*text).into()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.as_str().into()
    } else {
        "a panic without a text".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_with_text_and_place_whatever_its_payload() {
        keep_quiet();
        let told = |result: Result<(), Box<Ending>>| {
            let Ending { exit, backtrace, .. } = *result.expect_err("it panics");
            assert!(backtrace.to_string().contains("unwind"), "{backtrace}");
            match exit {
                Exit::Panic { text, location } => (text, location),
                other => panic!("expected a panic, got {other:?}"),
            }
        };
        let (text, location) = told(guarded(|| panic!("number {}", 7)));
        assert_eq!(&*text, "number 7");
        assert!(location.contains("unwind.rs"), "{location}");
        assert_eq!(told(guarded(|| panic::panic_any(7_u8))).0.as_ref(), "a panic without a text");
        assert_eq!(guarded(|| 7), Ok(7));
    }

    #[test]
    fn a_stack_is_walked_once_for_each_way_to_a_panic() {
        #[inline(never)]
        fn falls(depth: u32) {
            assert_ne!(depth, 0, "it falls");
            falls(depth - 1);
            std::hint::black_box(depth);
        }
        keep_quiet();
        let traces = [3, 3, 7, 3, 7].map(|depth| guarded(|| falls(depth)).expect_err("it panics"));
        let shown = traces.map(|caught| caught.backtrace.to_string());
        let earlier = shown.each_ref().map(|trace| trace.starts_with("as of an earlier panic"));
        assert_eq!(earlier, [false, true, false, true, true]);
        let frames = shown.map(|trace| trace.matches("falls").count());
        assert_eq!(frames[0], frames[1]);
        assert!(frames[2] > frames[0] && frames[4] == frames[2], "{frames:?}");
    }
}
