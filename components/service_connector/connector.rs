//! The component: when a check begins, and when none does.

use std::time::Duration;

use contract::settings::{Endpoint, Mode, Settings, keys};
use contract::{Answer, Component, Context, Fault, Start, Started, StatusMessage, Ticket};

use crate::round::Round;

const CHECK: &str = "check";
/// A shorter interval would leave a host no time for anything else.
const INTERVAL_MIN: Duration = Duration::from_secs(1);
/// Informational, the simulator's own. No strings.
const OFFLINE: u32 = 60206;

/// SMS_SERVICE_CONNECTOR.
#[derive(Debug, Default)]
pub(crate) struct Connector {
    endpoints: Vec<Endpoint>,
    interval: Duration,
    /// `None` until the start.
    mode: Option<Mode>,
    round: Option<Round>,
}

impl Component for Connector {
    fn start(&mut self, start: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        self.endpoints = start.settings.get(&keys::ENDPOINTS);
        self.interval = start.settings.get(&keys::ENDPOINT_CHECK_INTERVAL).max(INTERVAL_MIN);
        self.take_mode(start.settings, cx);
        Ok(Started::Running)
    }

    fn changed(&mut self, settings: &Settings, cx: &mut Context<'_>) -> Result<(), Fault> {
        self.take_mode(settings, cx);
        Ok(())
    }

    fn timer(&mut self, key: &'static str, cx: &mut Context<'_>) -> Result<(), Fault> {
        // A timer set online falls due offline all the same.
        if key == CHECK && self.mode == Some(Mode::Online) {
            self.check_falls_due(cx);
        }
        Ok(())
    }

    fn answer(
        &mut self,
        ticket: Ticket,
        answer: Answer,
        cx: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let Some(round) = &mut self.round else { return Ok(()) };
        round.answer(ticket, &answer, cx);
        if let Some(round) = self.round.take_if(|round| round.is_over()) {
            round.report(cx);
        }
        Ok(())
    }
}

impl Connector {
    fn take_mode(&mut self, settings: &Settings, cx: &mut Context<'_>) {
        let mode = settings.get(&keys::MODE);
        if self.mode.replace(mode) == Some(mode) {
            return;
        }
        match mode {
            Mode::Online => self.check_falls_due(cx),
            Mode::Offline => self.go_offline(cx),
        }
    }

    fn go_offline(&mut self, cx: &mut Context<'_>) {
        cx.log("The service connection point is offline, no endpoint is checked");
        cx.report(StatusMessage::informational(OFFLINE));
        self.round = None;
    }

    /// The next check is set from the beginning of this one.
    fn check_falls_due(&mut self, cx: &mut Context<'_>) {
        cx.after(self.interval, CHECK);
        if self.round.is_some() {
            cx.warn("The check before is still under way, this one is left out");
        } else {
            self.round = Round::begin(&self.endpoints, cx);
        }
    }
}
