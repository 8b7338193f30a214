// What the examples of guide.md have in common: each includes this file in a hidden line. The
// component is the one that the guide shows, line by line; a test compares the two.

/// What an embedder calls `smsexec`.
pub mod smsexec {
    pub use contract::control::HostControl;
    pub use {contract, smsexec_sim as sim};
}

use smsexec::contract::{
    Component, Context, Descriptor, Fault, Message, Registration, Start, Started,
};

// From here on as the guide shows it.

/// Adds up the numbers that it is sent, over all its lives.
#[derive(Default)]
pub struct Tally {
    total: u64,
}

impl Component for Tally {
    fn start(&mut self, start: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        if let Some(text) = start.registry.get("total") {
            self.total = text.parse().map_err(|_| Fault::new(1, format!("a total of {text:?}")))?;
        }
        cx.log(format!("Going on from {}.", self.total));
        Ok(Started::Running)
    }

    fn message(&mut self, message: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
        let Some(number) = message.word() else { return Ok(()) };
        self.total += number;
        cx.remember("total", self.total.to_string());
        Ok(())
    }
}

pub fn tally() -> Registration {
    Registration::new("TALLY", Descriptor::new("adds up numbers", "tally.log"), Tally::default)
}
