//! How a test may end: not with a component that crashed, nor with messages that nobody
//! handled, unless it says that this is meant. And what is shown when it fails.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use contract::lifecycle::State;

use crate::event::What;
use crate::report::NAMED;
use crate::run::Site;

/// What a test has said about its end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Leniency {
    pub(crate) crashes: bool,
    pub(crate) stranded: bool,
    /// A failure's text has shown the report: once is enough.
    pub(crate) told: bool,
}

impl Leniency {
    pub(crate) const ALL: Leniency = Leniency { crashes: true, stranded: true, told: false };
}

impl Site {
    /// Components of this test crash, and it is meant: the test does not fail for it at its
    /// end.
    ///
    /// Crashes that a fault rule injects are meant anyhow.
    pub fn allow_crashes(&mut self) {
        self.leniency.crashes = true;
    }

    /// Messages of this test end in the inbox of a component that does not run, and it is
    /// meant: the test does not fail for it at its end.
    pub fn allow_stranded(&mut self) {
        self.leniency.stranded = true;
    }

    /// What is wrong with ending like this; none if nothing is.
    pub(crate) fn bad_ending(&mut self) -> Option<String> {
        let mut problems = Vec::new();
        if !self.leniency.crashes {
            let crashes = self.crashed();
            if !crashes.is_empty() {
                let more = crashes.len().saturating_sub(NAMED);
                problems.extend(crashes.into_iter().take(NAMED));
                if more > 0 {
                    problems.push(format!("And {more} more."));
                }
                problems.push(
                    "If a crash is meant, say so: site.allow_crashes(), or .lenient() on the \
                     builder."
                        .to_owned(),
                );
            }
        }
        if !self.leniency.stranded {
            let stranded = self.stranded();
            if !stranded.is_empty() {
                problems.extend(stranded);
                problems.push(
                    "If that is meant, say so: site.allow_stranded(), or .lenient() on the \
                     builder."
                        .to_owned(),
                );
            }
        }
        // With `?` the test has ended there, and nobody else shows it.
        if let Some(refused) = self.refused.as_ref().filter(|_| !problems.is_empty()) {
            problems.push(format!("The last thing asked of the site was refused: {refused}"));
        }
        (!problems.is_empty()).then(|| problems.join("\n"))
    }

    /// The lives that ended badly and by no doing of the test, a line each.
    fn crashed(&self) -> Vec<String> {
        let mut excused = BTreeSet::new();
        let mut crashes = Vec::new();
        for event in self.events() {
            match &event.what {
                What::Injected { name, generation, fault } if fault.excuses_a_crash() => {
                    excused.insert((name.clone(), *generation));
                }
                What::Changed { name, generation, exit: Some(exit), .. }
                    if exit.is_abnormal() && !excused.contains(&(name.clone(), *generation)) =>
                {
                    crashes.push(format!("{name} crashed: generation {generation} {exit}."));
                }
                What::DropPanicked { name, generation, text }
                    if !excused.contains(&(name.clone(), *generation)) =>
                {
                    crashes.push(format!(
                        "{name} crashed: generation {generation} panicked when it was dropped: \
                         {text}."
                    ));
                }
                _ => {}
            }
        }
        crashes
    }

    /// Components that do not run and have mail, a line each.
    fn stranded(&mut self) -> Vec<String> {
        let rows = self.rows().into_iter();
        let stranded = rows.filter(|row| row.inbox > 0 && row.state != State::Running);
        stranded
            .map(|row| {
                let why = row.substate.map(|substate| format!(" ({substate})")).unwrap_or_default();
                let messages = if row.inbox == 1 { "message waits" } else { "messages wait" };
                format!(
                    "{} {messages} in the inbox of {}, which is {}{why}: accepted, and handled by \
                     nobody.",
                    row.inbox, row.name, row.state
                )
            })
            .collect()
    }
}

/// A failing test shows the report. One that has gone well so far fails if it ends badly.
impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            if !self.leniency.told {
                // Whatever broke the test may have broken the site as well.
                let report = catch_unwind(AssertUnwindSafe(|| self.report()));
                eprint!("{}", report.unwrap_or_else(|_| "no report: the site is broken".into()));
            }
            return;
        }
        if let Some(problem) = self.bad_ending() {
            self.fail(&format!("the test ends badly\n{problem}"));
        }
    }
}
