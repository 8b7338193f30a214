//! Fault rules of a storm. Each has a generator of its own, so that what it does depends on
//! nothing but what it is asked.

use std::time::Duration;

use contract::{Failure, FailureKind};

use super::Operator;
use crate::faults::{CallVerdict, Guard, MessageVerdict, RequestVerdict};

impl Operator {
    pub(super) fn install_fault(&mut self) {
        if self.guards.len() > 5 {
            return;
        }
        let rng = self.rng.fork();
        let whom = (self.rng.u32(0..3) > 0).then(|| self.name());
        let one_in = self.rng.u32(1..12);
        let rule = Rule { rng, whom, one_in };
        let (kind, guard) = match self.rng.u32(0..10) {
            0..=4 => self.fault_hooks(rule),
            5..=7 => self.fault_mail(rule),
            _ => self.fault_asking(rule),
        };
        let whom = whom.unwrap_or("everybody");
        self.tell(format!("{kind} of {whom}, one in {one_in}"));
        self.guards.push(guard);
    }

    fn fault_hooks(&mut self, mut rule: Rule) -> (&'static str, Guard) {
        let hooks = [
            "start", "stop", "message", "message", "timer", "answer", "pause", "resume", "changed",
        ];
        let hook = hooks[self.rng.usize(0..hooks.len())];
        let kind = self.rng.u32(0..6);
        let lasting = Duration::from_secs(self.rng.u64(0..400));
        let guard = self.site.fault_code(move |call| {
            if call.hook.name() != hook || !rule.strikes(call.name) {
                return CallVerdict::Pass;
            }
            match kind {
                0 | 1 => CallVerdict::Panic("by the storm".into()),
                2 => CallVerdict::Fail(5, "by the storm".into()),
                3 | 4 => CallVerdict::Hang(Some(lasting)),
                _ => CallVerdict::Hang(None),
            }
        });
        let text = match kind {
            0 | 1 => "has hooks panic",
            2 => "has hooks fail",
            3 | 4 => "has hooks hang for a while",
            _ => "has hooks hang",
        };
        self.tell(format!("on {hook}:"));
        (text, guard)
    }

    fn fault_mail(&mut self, mut rule: Rule) -> (&'static str, Guard) {
        let verdict = match self.rng.u32(0..4) {
            0 => MessageVerdict::Lose,
            1 => MessageVerdict::Duplicate,
            _ => MessageVerdict::Delay(self.seconds(60)),
        };
        let guard = self.site.fault_messages(move |call| {
            if rule.strikes(call.to) { verdict } else { MessageVerdict::Pass }
        });
        let text = match verdict {
            MessageVerdict::Lose => "loses messages",
            MessageVerdict::Duplicate => "doubles messages",
            _ => "delays messages",
        };
        (text, guard)
    }

    fn fault_asking(&mut self, mut rule: Rule) -> (&'static str, Guard) {
        let verdict = match self.rng.u32(0..3) {
            0 => RequestVerdict::Lose,
            1 => RequestVerdict::Delay(self.seconds(60)),
            _ => RequestVerdict::Fail(Failure::new(FailureKind::Refused, "by the storm")),
        };
        let guard = self.site.fault_requests(move |call| {
            if rule.strikes(call.name) { verdict.clone() } else { RequestVerdict::Pass }
        });
        ("meddles with requests", guard)
    }
}

/// Whom a rule strikes, and how often.
struct Rule {
    rng: fastrand::Rng,
    whom: Option<&'static str>,
    one_in: u32,
}

impl Rule {
    fn strikes(&mut self, name: &str) -> bool {
        self.whom.is_none_or(|whom| whom == name) && self.rng.u32(0..self.one_in) == 0
    }
}
