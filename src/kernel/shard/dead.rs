//! What is told of a message that was set aside.

use std::fmt::{self, Write};

use contract::message::Message;

use crate::order::Shown;
use crate::unwind::guarded;

const CHARS_MAX: usize = 200;

/// A message's Debug form, as much of it as is told. That of a typed one is component code: if it
/// panics, what it had written by then has to do.
pub(super) fn text_of(message: &Message) -> Shown {
    if let Message::Word(word) = message {
        return Shown::Word(*word);
    }
    let mut text = Bounded { text: String::new(), left: CHARS_MAX };
    // Stopped by an error when it is long enough, however long it would have been.
    let _ = guarded(|| write!(text, "{message:?}"));
    Shown::Text(text.text)
}

struct Bounded {
    text: String,
    left: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        for c in more.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(c);
        }
        Ok(())
    }
}
