//! Carrying out what a hook asked for.

use contract::effect::Asked;
use contract::{Answer, Effect, Fault, Reply};

use crate::bench::{Bench, Timer};

impl Bench {
    /// Carries what it asked for out if the hook went well; of a failed hook only the log lines
    /// remain, and its life is over.
    #[track_caller]
    pub(crate) fn carry_out<R>(&mut self, outcome: Result<R, Fault>, asked: Asked) -> Option<R> {
        match outcome {
            Ok(value) => {
                asked.into_effects().for_each(|effect| self.carry_out_one(effect));
                Some(value)
            }
            Err(fault) => {
                let logs = asked.into_effects().filter(|it| matches!(it, Effect::Log(_)));
                logs.for_each(|log| self.carry_out_one(log));
                self.journal.deed(format_args!("failed: {fault}"));
                self.end_life();
                self.unexamined.fault = Some(fault);
                None
            }
        }
    }

    fn carry_out_one(&mut self, effect: Effect) {
        match effect {
            Effect::Send { to, message } => self.send(to.to_string(), message),
            Effect::SendWithin(expiring) => {
                self.journal.deed(format_args!("of use within {:?}:", expiring.within));
                self.send(expiring.to.to_string(), expiring.message);
            }
            Effect::SendByName { to, message } => self.send(to.to_owned(), message),
            Effect::After { delay, key } => self.set_timer(delay, key),
            Effect::Cancel { key } => {
                self.journal.deed(format_args!("cancels timer {key:?}"));
                self.forget_timer(key);
            }
            Effect::Request { ticket, request } => {
                self.journal.deed(format_args!("requests {ticket} {request:?}"));
                if let Some(life) = &mut self.life {
                    life.outstanding.push((ticket, *request));
                    self.unexamined.requests.push_back(ticket);
                }
            }
            Effect::Report(message) => {
                self.journal.deed(format_args!("reports {message:?}"));
                self.unexamined.reports.push_back(*message);
            }
            Effect::Log(log) => {
                self.journal.deed(format_args!("logs {} {:?}", log.severity.letter(), log.text));
                self.logged.push(*log);
            }
            Effect::Remember { name, value } => {
                self.journal.deed(format_args!("remembers {name} = {value:?}"));
                self.registry.insert(name.to_owned(), value.into_string());
            }
            Effect::Checkpoint { hint } => {
                self.journal.deed(format_args!("checkpoint, next within {hint:?}"));
            }
            Effect::Done => {
                self.journal.deed("done");
                self.finish_pending();
            }
            Effect::Exit => {
                self.journal.deed("exits");
                self.end_life();
            }
        }
    }

    fn send(&mut self, to: String, message: contract::Message) {
        self.journal.deed(format_args!("sends {to} {message:?}"));
        self.unexamined.sent.push_back((to, message));
    }

    fn set_timer(&mut self, delay: std::time::Duration, key: &'static str) {
        self.journal.deed(format_args!("sets timer {key:?} to {delay:?} from now"));
        self.forget_timer(key);
        let due = self.now + delay;
        if let Some(life) = &mut self.life {
            life.timers_set += 1;
            life.timers.push(Timer { due, order: life.timers_set, key });
        }
    }

    fn forget_timer(&mut self, key: &str) {
        if let Some(life) = &mut self.life {
            life.timers.retain(|timer| timer.key != key);
        }
    }
}

/// An answer for the journal: a document is shown as its length, not byte by byte.
pub(crate) fn answer_text(answer: &Answer) -> String {
    match answer {
        Ok(Reply::Signed { document }) => format!("Signed, {} bytes", document.len()),
        Ok(reply) => format!("{reply:?}"),
        Err(failure) => format!("failure: {failure}"),
    }
}
