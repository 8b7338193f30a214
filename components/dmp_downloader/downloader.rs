//! The component: when a check begins, and what it is told while one is under way.

use std::time::Duration;

use contract::settings::{Mode, keys};
use contract::{Answer, Component, Context, Fault, Start, Started, StatusMessage, Ticket};

use crate::check::{Check, Terms};
use crate::memory::{self, Published};
use crate::wording;

const CHECK: &str = "check";
/// Informational, the simulator's own. No strings.
const OFFLINE: u32 = 60206;
/// A shorter interval would leave a host no time for anything else.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// SMS_DMP_DOWNLOADER. Offline it holds nothing, so it can do nothing.
#[derive(Debug, Default)]
pub(crate) struct Downloader {
    online: Option<Online>,
}

#[derive(Debug)]
struct Online {
    terms: Terms,
    interval: Duration,
    published: Published,
    check: Option<Check>,
}

impl Component for Downloader {
    fn start(&mut self, start: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        match start.settings.get(&keys::MODE) {
            Mode::Offline => {
                wording::offline(cx);
                cx.report(StatusMessage::informational(OFFLINE));
            }
            Mode::Online => self.online = Some(Online::begin(start, cx)),
        }
        Ok(Started::Running)
    }

    fn timer(&mut self, key: &'static str, cx: &mut Context<'_>) -> Result<(), Fault> {
        match &mut self.online {
            Some(online) if key == CHECK => online.check_falls_due(cx),
            _ => {}
        }
        Ok(())
    }

    fn answer(
        &mut self,
        ticket: Ticket,
        answer: Answer,
        cx: &mut Context<'_>,
    ) -> Result<(), Fault> {
        if let Some(online) = &mut self.online {
            online.answer(ticket, answer, cx);
        }
        Ok(())
    }
}

impl Online {
    fn begin(start: &Start<'_>, cx: &mut Context<'_>) -> Self {
        let interval = start.settings.get(&keys::UPDATE_CHECK_INTERVAL).max(INTERVAL_MIN);
        let delay = memory::due_in(start.registry, cx.utc(), interval);
        let mut online = Online {
            terms: Terms::read(start.settings),
            interval,
            published: Published::read(start.registry),
            check: None,
        };
        if delay.is_zero() {
            online.check_falls_due(cx);
        } else {
            wording::next_check(delay, cx);
            cx.after(delay, CHECK);
        }
        online
    }

    /// The next check is set from the beginning of this one, so that it makes no difference
    /// how long a check takes: one interval, one check.
    fn check_falls_due(&mut self, cx: &mut Context<'_>) {
        cx.after(self.interval, CHECK);
        if self.check.is_some() {
            wording::still_checking(cx);
        } else {
            self.check = Some(Check::begin(&self.terms, cx));
        }
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer, cx: &mut Context<'_>) {
        // An answer that nothing waits for is none of this check's.
        if let Some(check) = self.check.take_if(|check| check.waits_for(ticket)) {
            self.check = check.go_on(answer, &self.terms, &mut self.published, cx);
        }
    }
}
