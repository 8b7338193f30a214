//! What the operator of a storm does.

use std::time::Duration;

use contract::Message;
use contract::control::{Ask, HostControl, Refusal, ServiceCommand, Told};
use contract::lifecycle::{Command, CommandOptions, Startup};

use super::Operator;
use super::cast::{CONTROLS, KEYS, WORDS};

/// One kind of thing to do.
pub(super) type Deed = fn(&mut Operator);

/// What is done, and how often in comparison with the others.
const DEEDS: [(u32, Deed); 18] = [
    (30, Operator::command),
    (5, Operator::command_group),
    (2, Operator::command_service),
    (1, Operator::back_up),
    (4, Operator::hold),
    (2, Operator::release),
    (1, Operator::remove),
    (3, Operator::give_startup),
    (3, Operator::set),
    (22, Operator::send),
    (3, Operator::send_many),
    (10, Operator::install_fault),
    (8, Operator::drop_fault),
    (2, Operator::end_hangs),
    (2, Operator::move_wall_clock),
    (14, Operator::let_time_pass),
    (3, Operator::kill),
    (4, Operator::revive),
];

impl Operator {
    pub(super) fn draw_deed(&mut self) -> Deed {
        let all: u32 = DEEDS.iter().map(|(weight, _)| weight).sum();
        let mut draw = self.rng.u32(0..all);
        for (weight, deed) in DEEDS {
            if draw < weight {
                return deed;
            }
            draw -= weight;
        }
        unreachable!("the weights add up")
    }

    fn ask_and_tell(&mut self, ask: Ask) {
        let words = crate::log::command_of(&ask);
        let (subject, command) = words.unwrap_or_default();
        // The story comes first: what the command brings about may be what breaks.
        self.tell(format!("{command} {subject}"));
        let told: Result<Told, Refusal> = self.site.ask(ask);
        if let Err(refusal) = told {
            self.tell(format!("refused, {}", refusal.code));
        }
    }

    fn command(&mut self) {
        let component = self.name().to_owned();
        self.command_to(component);
    }

    fn command_group(&mut self) {
        if let Some(group) = self.rng.choice(&self.groups).cloned() {
            self.command_to(group);
        }
    }

    fn command_to(&mut self, component: String) {
        let command = match self.rng.u32(0..14) {
            0..=2 => Command::Start,
            3 | 4 => Command::Stop,
            5 => Command::Pause,
            6 => Command::Continue,
            7 => Command::Custom(self.rng.u8(CONTROLS)),
            8 => Command::ParamChange,
            9 | 10 => Command::Restart,
            11 => Command::TryRestart,
            12 => Command::Kill,
            _ => Command::ResetFailed,
        };
        let mut rarely = || self.rng.u32(0..4) == 0;
        let options = CommandOptions {
            queue: rarely(),
            dependents: rarely(),
            persist: rarely(),
            force: rarely(),
        };
        self.ask_and_tell(Ask::Control { component, command, options });
    }

    fn command_service(&mut self) {
        let commands = [ServiceCommand::Start, ServiceCommand::Stop, ServiceCommand::Restart];
        let command = commands[self.rng.usize(0..3)];
        self.ask_and_tell(Ask::Service(command));
        // A site that stays down is a dull one.
        if command == ServiceCommand::Stop && self.rng.bool() {
            for _ in 0..self.rng.usize(0..30) {
                self.site.step();
            }
            self.ask_and_tell(Ask::Service(ServiceCommand::Start));
        }
    }

    fn back_up(&mut self) {
        self.ask_and_tell(Ask::Backup);
    }

    fn hold(&mut self) {
        let (component, lease) = (self.name().to_owned(), self.seconds(500));
        self.ask_and_tell(Ask::Hold { component, lease });
    }

    fn release(&mut self) {
        let held = self.site.kept().holds;
        let component = match self.rng.choice(&held) {
            Some(hold) => hold.component.clone().unwrap_or_else(|| host::EXECUTIVE.to_owned()),
            None => self.name().to_owned(),
        };
        self.ask_and_tell(Ask::Release { component });
    }

    fn remove(&mut self) {
        let component = self.name().to_owned();
        self.ask_and_tell(Ask::Remove { component });
    }

    fn give_startup(&mut self) {
        let startups = [Startup::Automatic, Startup::Automatic, Startup::Manual, Startup::Disabled];
        let (component, startup) = (self.name().to_owned(), startups[self.rng.usize(0..4)]);
        self.ask_and_tell(Ask::SetStartup { component, startup });
    }

    fn set(&mut self) {
        let key = KEYS[self.rng.usize(0..2)].to_owned();
        let value = format!("value {}", self.rng.u32(0..4));
        self.ask_and_tell(Ask::Set { key, value });
    }

    fn send(&mut self) {
        for _ in 0..self.rng.usize(1..4) {
            let to = self.name();
            self.send_to(to);
        }
    }

    /// More than its inbox holds, as likely as not.
    fn send_many(&mut self) {
        let to = self.name();
        for _ in 0..self.rng.usize(5..30) {
            self.send_to(to);
        }
    }

    fn send_to(&mut self, to: &'static str) {
        let word = self.rng.u64(0..WORDS);
        let within = (self.rng.u32(0..5) == 0).then(|| self.seconds(60));
        self.tell(format!("sends {word} to {to}"));
        // A full inbox, or nobody there: that is the sender's to know.
        let _ = self.site.post(to, Message::Word(word), within);
    }

    fn drop_fault(&mut self) {
        if !self.guards.is_empty() {
            let index = self.rng.usize(0..self.guards.len());
            self.tell("takes a fault rule away");
            drop(self.guards.swap_remove(index));
        }
    }

    fn end_hangs(&mut self) {
        self.tell("has what hangs come back");
        self.site.end_hangs();
    }

    fn move_wall_clock(&mut self) {
        let by = self.seconds(7200);
        self.tell("moves the wall clock");
        match self.rng.u32(0..3) {
            0 => self.site.jump_wall_back(by),
            1 => self.site.jump_wall_ahead(by),
            _ => self.site.set_bias([-60, -120, 0][self.rng.usize(0..3)]),
        }
    }

    fn let_time_pass(&mut self) {
        let time = match self.rng.u32(0..12) {
            0 => self.seconds(4000),
            1..=4 => self.seconds(100),
            _ => self.seconds(4),
        };
        self.tell(format!("lets {} pass", contract::time::duration_text(time)));
        self.pass(time);
    }

    /// Kills the executive, and mostly starts another at once.
    fn kill(&mut self) {
        self.tell("kills SMS_EXECUTIVE");
        self.kills += u64::from(!self.site.is_killed());
        self.site.kill();
        if self.rng.u32(0..4) == 0 {
            let by = Duration::from_secs(self.rng.u64(0..300));
            self.pass(by);
        }
        if self.rng.u32(0..4) > 0 {
            self.revive();
        }
    }

    fn revive(&mut self) {
        if self.site.is_killed() {
            self.tell("starts SMS_EXECUTIVE again");
            self.start_again();
        }
    }
}
