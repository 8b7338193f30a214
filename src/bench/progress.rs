//! How far it has come.

use indicatif::{ProgressBar, ProgressStyle};

/// A line on standard error that says what is being measured; nothing where that is no terminal.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Shown, where there is a terminal.
    pub fn shown() -> Self {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{elapsed:>4} [{bar:30}] {pos}/{len} {msg}");
        bar.set_style(style.expect("a template that is in order"));
        Progress(bar)
    }

    /// Not shown anywhere.
    pub fn hidden() -> Self {
        Progress(ProgressBar::hidden())
    }

    pub(crate) fn expect(&self, steps: usize) {
        self.0.inc_length(steps as u64);
    }

    pub(crate) fn begin(&self, what: impl Into<std::borrow::Cow<'static, str>>) {
        self.0.set_message(what);
        // It is drawn between what is measured, never meanwhile: no thread does that.
        self.0.tick();
    }

    pub(crate) fn step(&self) {
        self.0.inc(1);
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
