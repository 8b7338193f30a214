//! One check of all endpoints: probes go out together, and when the last is answered there is
//! one report.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::settings::Endpoint;
use contract::{Answer, Context, Request, StatusMessage, Ticket};

use crate::verdict::judge;

const TIME_OUT: Duration = Duration::from_secs(30);

/// Strings: how many endpoints were checked.
const ALL_WELL: u32 = 11410;
/// Strings: how many were checked, how many failed, which.
const NOT_CRITICAL: u32 = 11411;
/// Strings as of 11411.
const CRITICAL: u32 = 11412;

/// A check under way.
#[derive(Debug)]
pub(crate) struct Round {
    checked: usize,
    open: BTreeMap<Ticket, Endpoint>,
    failed: Vec<Endpoint>,
}

impl Round {
    /// Probes every endpoint; `None` if there are none.
    pub(crate) fn begin(endpoints: &[Endpoint], cx: &mut Context<'_>) -> Option<Self> {
        if endpoints.is_empty() {
            // Nothing was checked, so it is neither well nor ill: no report.
            cx.warn("There are no endpoints to check");
            return None;
        }
        cx.log(format!("Checking connectivity of {} endpoints", endpoints.len()));
        let mut open = BTreeMap::new();
        for endpoint in endpoints {
            let probe = Request::Probe { url: endpoint.url.clone(), time_out: TIME_OUT };
            open.insert(cx.request(probe), endpoint.clone());
        }
        Some(Round { checked: endpoints.len(), open, failed: Vec::new() })
    }

    /// Takes an answer; one that belongs to no probe of this round is ignored.
    pub(crate) fn answer(&mut self, ticket: Ticket, answer: &Answer, cx: &mut Context<'_>) {
        let Some(endpoint) = self.open.remove(&ticket) else { return };
        match judge(answer) {
            Ok(status) => cx.log(format!("Reached {} with status code {status}", endpoint.url)),
            Err(why) => {
                let line = format!("Failed to reach {}: {why}", endpoint.url);
                if endpoint.critical {
                    cx.error(line)
                } else {
                    cx.warn(line)
                }
                self.failed.push(endpoint);
            }
        }
    }

    /// Whether every probe has been answered.
    pub(crate) fn is_over(&self) -> bool {
        self.open.is_empty()
    }

    /// Says how it went.
    pub(crate) fn report(self, cx: &mut Context<'_>) {
        let (checked, failed) = (self.checked, self.failed.len());
        cx.log(format!("Checked {checked} endpoints, {failed} failed"));
        let message = if self.failed.is_empty() {
            StatusMessage::informational(ALL_WELL)
        } else if self.failed.iter().any(|endpoint| endpoint.critical) {
            StatusMessage::error(CRITICAL)
        } else {
            StatusMessage::warning(NOT_CRITICAL)
        };
        let message = message.with(checked.to_string());
        if failed == 0 {
            return cx.report(message);
        }
        let urls: Vec<&str> = self.failed.iter().map(|endpoint| endpoint.url.as_str()).collect();
        cx.report(message.with(failed.to_string()).with(urls.join(" ")));
    }
}
