//! What can be expected of a component.

use contract::effect::LogText;
use contract::{Fault, MessageType, Request, StatusMessage, Ticket};

use crate::bench::Bench;

impl Bench {
    /// Takes the oldest request that no expectation has taken yet. It stays open until it is
    /// answered with the ticket that this returns.
    ///
    /// # Panics
    /// If there is none, or `is_expected` says no to it.
    #[track_caller]
    pub fn expect_request(&mut self, is_expected: impl FnOnce(&Request) -> bool) -> Ticket {
        let Some(ticket) = self.unexamined.requests.pop_front() else {
            self.fail("expected a request, but none was made");
        };
        let open = self.life.iter().flat_map(|life| &life.outstanding);
        // An unexamined request is always open; were it not, that is no expected request.
        match open.filter(|(open, _)| *open == ticket).map(|(_, request)| request).next() {
            Some(request) if is_expected(request) => ticket,
            request => self.fail(&format!("expected another request than {ticket} {request:?}")),
        }
    }

    /// Takes the oldest message that no expectation has taken yet. `to` is the receiver's name,
    /// or its id as text for a message that went to an id.
    ///
    /// # Panics
    /// If there is none, or it went elsewhere or carries no `T`.
    #[track_caller]
    pub fn expect_sent<T: MessageType>(&mut self, to: &str) -> T {
        let Some((receiver, message)) = self.unexamined.sent.pop_front() else {
            self.fail(&format!("expected a {} to {to}, but nothing was sent", T::NAME));
        };
        match message.get::<T>() {
            Some(value) if receiver == to => value.clone(),
            _ => {
                self.fail(&format!("expected a {} to {to}, not {message:?} to {receiver}", T::NAME))
            }
        }
    }

    /// Takes the oldest status message that no expectation has taken yet.
    ///
    /// # Panics
    /// If there is none, or its id is another.
    #[track_caller]
    pub fn expect_report(&mut self, id: u32) -> StatusMessage {
        match self.unexamined.reports.pop_front() {
            Some(message) if message.id == id => message,
            Some(other) => self.fail(&format!("expected status message {id}, not {other:?}")),
            None => self.fail(&format!("expected status message {id}, but none was reported")),
        }
    }

    /// Finds the next log line that holds `substring`, after the one found last. So a row of
    /// these also tests the order of the lines.
    ///
    /// # Panics
    /// If no line after the one found last holds it.
    #[track_caller]
    pub fn expect_log(&mut self, substring: &str) -> LogText {
        let rest = &self.logged[self.log_seen..];
        match rest.iter().position(|line| line.text.contains(substring)) {
            Some(found) => {
                self.log_seen += found + 1;
                self.logged[self.log_seen - 1].clone()
            }
            None => self.fail(&format!(
                "expected a log line with {substring:?} after the first {} lines",
                self.log_seen
            )),
        }
    }

    /// Makes sure that no log line of any life holds `substring`.
    ///
    /// # Panics
    /// If one does.
    #[track_caller]
    pub fn expect_no_log(&mut self, substring: &str) {
        if let Some(line) = self.logged.iter().find(|line| line.text.contains(substring)) {
            self.fail(&format!("expected no log line with {substring:?}, not {:?}", line.text));
        }
    }

    /// Takes the error with which a hook ended the life.
    ///
    /// # Panics
    /// If no hook failed since the last one was taken.
    #[track_caller]
    pub fn expect_fault(&mut self) -> Fault {
        match self.unexamined.fault.take() {
            Some(fault) => fault,
            None => self.fail("expected a hook to fail, but none did"),
        }
    }

    /// Makes sure that the component did nothing that no expectation has taken: no request, no
    /// message, no status message, no failed hook. Log lines do not count.
    ///
    /// # Panics
    /// If it did.
    #[track_caller]
    pub fn expect_silence(&self) {
        let unexamined = &self.unexamined;
        let silent = unexamined.requests.is_empty()
            && unexamined.sent.is_empty()
            && unexamined.reports.is_empty()
            && unexamined.fault.is_none();
        if !silent {
            self.fail(&format!("expected silence, not {unexamined:?}"));
        }
    }

    /// What the component has kept under that name for its next lives.
    pub fn remembered(&self, name: &str) -> Option<&str> {
        self.registry.get(name).map(String::as_str)
    }
}
