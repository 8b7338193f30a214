//! What happened on the bench, line by line: the text that a failed expectation shows.

use std::fmt;

use contract::Moment;
use contract::time::duration_text;

/// Lines in the order in which they happened, each with its time since the bench was made.
#[derive(Debug, Default)]
pub(crate) struct Journal(Vec<String>);

impl Journal {
    /// Something that was done to the component.
    pub(crate) fn stimulus(&mut self, now: Moment, text: impl fmt::Display) {
        self.0.push(format!("+{:<8} {text}", duration_text(now.since_start())));
    }

    /// Something that the component did.
    pub(crate) fn deed(&mut self, text: impl fmt::Display) {
        self.0.push(format!("{:12}{text}", ""));
    }
}

impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing happened on the bench so far");
        }
        writeln!(f, "what happened on the bench so far:")?;
        self.0.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}
