//! What an operator asks, and what is told.

use contract::StatusMessage;
use contract::control::{Ask, ClockView, LogTail, Refusal, ServiceCommand, SettingView, Told};
use contract::id::ComponentId;
use contract::lifecycle::{Code, Command};
use contract::store::Change;
use kernel::Clock;
use status::{Reporter, ids};

use crate::voices::OWN_LOGS;
use crate::{EXECUTIVE, Host};

impl Host {
    /// Answers an operator, at once. [`Ask::Cloud`] is the driver's, who has the outside.
    ///
    /// # Errors
    /// The refusal, with its code and the way out.
    pub fn ask(&mut self, clock: Clock, ask: Ask) -> Result<Told, Refusal> {
        let told = self.answer(clock, ask);
        self.settle(clock);
        told
    }

    fn answer(&mut self, clock: Clock, ask: Ask) -> Result<Told, Refusal> {
        match ask {
            Ask::Query(names) => self.query(clock, &names),
            Ask::Control { component, command, options } => {
                if let Some(group) = group_in(&component) {
                    let now = clock.now;
                    let accepted = self.executive.command_group(now, group, command, options);
                    return accepted.map(Told::Accepted);
                }
                let id = self.find(&component)?;
                if command == Command::Query {
                    return Err(wrong(component, "a query is no command", "ask with Query"));
                }
                self.executive.command(clock.now, id, command, options).map(Told::Accepted)
            }
            Ask::Service(ServiceCommand::Query) => {
                Ok(Told::Service(self.executive.service_status(clock.now)))
            }
            Ask::Service(command) => self.executive.service(clock.now, command).map(Told::Accepted),
            Ask::Backup => self.back_up(clock).map(Told::Accepted),
            Ask::Hold { component, lease } => {
                let id = self.find(&component)?;
                self.executive.hold(clock.now, id, lease).map(Told::Accepted)
            }
            Ask::Release { component } if component.eq_ignore_ascii_case(EXECUTIVE) => {
                self.executive.release_all(clock.now).map(Told::Accepted)
            }
            Ask::Release { component } => {
                let id = self.find(&component)?;
                self.executive.release(clock.now, id).map(Told::Accepted)
            }
            Ask::Remove { component } => {
                let id = self.find(&component)?;
                self.executive.remove(clock.now, id).map(Told::Accepted)
            }
            Ask::SetStartup { component, startup } => {
                let id = self.find(&component)?;
                self.executive.set_startup(clock.now, id, startup).map(Told::Accepted)
            }
            Ask::Crashes { component, last } => {
                let id = self.find_if_named(component.as_deref())?;
                Ok(Told::Crashes(self.crashes(id, last)))
            }
            Ask::DeadLetters { component, last } => {
                let id = self.find_if_named(component.as_deref())?;
                Ok(Told::DeadLetters(self.dead_letters(id, last)))
            }
            Ask::Set { key, value } => self.set(clock, &key, value),
            Ask::Settings(key) => self.settings(key),
            Ask::Messages { component, last } => {
                let name = component.as_deref();
                let reporter = name.map(|name| self.find_reporter(name)).transpose()?;
                Ok(Told::Messages(self.status.messages(reporter, last)))
            }
            Ask::Summaries => Ok(Told::Summaries(self.status.summaries(clock.utc))),
            Ask::Logs { log, last } => self.logs(log, last).map(Told::Logs),
            Ask::Cloud(_) => Err(Refusal::new(
                Code::INVALID_CONTROL,
                "cloud",
                "this host has no embedded cloud",
                "start it with the embedded defaults",
            )),
            Ask::Clock => Ok(Told::Clock(self.clock_view(clock))),
        }
    }

    /// What the clock shows at `clock`.
    pub fn clock_view(&self, clock: Clock) -> ClockView {
        ClockView { now: clock.now, utc: clock.utc, is_virtual: self.options.is_virtual }
    }

    fn query(&self, clock: Clock, names: &[String]) -> Result<Told, Refusal> {
        let ids = if names.is_empty() {
            let mut ids: Vec<ComponentId> = self.executive.ids().collect();
            ids.sort_by(|a, b| self.executive.name(*a).cmp(self.executive.name(*b)));
            ids
        } else {
            names.iter().map(|name| self.find(name)).collect::<Result<_, _>>()?
        };
        let rows = ids.into_iter().map(|id| self.executive.status(id, clock)).collect();
        Ok(Told::Components(rows))
    }

    fn find_if_named(&self, name: Option<&str>) -> Result<Option<ComponentId>, Refusal> {
        name.map(|name| self.find(name)).transpose()
    }

    /// The component of that name, in any case.
    ///
    /// # Errors
    /// 1060 if there is none, with the names that are near.
    pub fn find(&self, name: &str) -> Result<ComponentId, Refusal> {
        self.board.find(name).ok_or_else(|| self.unknown(name, &[]))
    }

    /// A component, or one that the host plays itself.
    fn find_reporter(&self, name: &str) -> Result<Reporter, Refusal> {
        let own = OWN_LOGS.map(|(own, _)| own);
        self.voice_called(name).ok_or_else(|| self.unknown(name, &own))
    }

    fn unknown(&self, name: &str, more: &[&str]) -> Refusal {
        let names = self.executive.ids().map(|id| &**self.executive.name(id));
        let near = nearest(name, more.iter().copied().chain(names));
        let way_out = if near.is_empty() {
            "the components verb lists the names".to_owned()
        } else {
            format!("did you mean {}?", near.join(", "))
        };
        Refusal::new(Code::DOES_NOT_EXIST, name, "no component has that name", way_out)
    }

    /// Stores a setting. A key of the site's table is checked; one that only components
    /// declare is theirs, and taken as it is.
    fn set(&mut self, clock: Clock, key: &str, value: String) -> Result<Told, Refusal> {
        let (key, value) = match site::settings::find(key) {
            Some(row) if row.fixed => {
                return Err(wrong(
                    row.key,
                    "it is set by the installation of the site",
                    "change the site file and start again",
                ));
            }
            Some(row) => {
                let normal = (row.normal)(&value);
                (row.key.to_owned(), normal.map_err(|problem| wrong(row.key, problem, ""))?)
            }
            None if self.is_declared(key) => (key.to_owned(), value),
            None => return Err(unknown_setting(key)),
        };
        let before = self.executive.stored().text(&key).unwrap_or_default().to_owned();
        if before != value {
            self.executive.set(&key, value.clone());
            self.keep(Change::Setting { key: key.clone(), text: value.clone() });
            self.tell_setting(clock, &key, before, value);
            self.plan_backup(clock);
        }
        Ok(Told::Setting(self.setting(&key)))
    }

    fn tell_setting(&mut self, clock: Clock, key: &str, before: String, after: String) {
        let message = StatusMessage::informational(ids::SETTING_CHANGED);
        self.report(clock.utc, self.voices.executive, message.with(key).with(before).with(after));
        let restart = self.executive.restart_required(key).join(", ");
        if !restart.is_empty() {
            let message = StatusMessage::informational(ids::SETTING_PENDING);
            self.report(clock.utc, self.voices.executive, message.with(key).with(restart));
        }
    }

    fn is_declared(&self, key: &str) -> bool {
        self.executive.ids().any(|id| {
            let descriptor = self.executive.descriptor(id);
            descriptor.start_only.contains(&key) || descriptor.reloads.contains(&key)
        })
    }

    fn settings(&self, key: Option<String>) -> Result<Told, Refusal> {
        let views = match key {
            None => self.executive.stored().iter().map(|(key, _)| self.setting(key)).collect(),
            Some(key) => match site::settings::find(&key) {
                Some(row) => vec![self.setting(row.key)],
                None if self.executive.stored().text(&key).is_some() || self.is_declared(&key) => {
                    vec![self.setting(&key)]
                }
                None => return Err(unknown_setting(&key)),
            },
        };
        Ok(Told::Settings(views))
    }

    fn setting(&self, key: &str) -> SettingView {
        let about = site::settings::find(key).map_or("a component's own setting", |row| row.about);
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let effective = self.executive.effective(key).into_iter();
        let restart = self.executive.restart_required(key).into_iter();
        SettingView {
            key: key.to_owned(),
            about: about.to_owned(),
            stored: text(self.executive.stored().text(key)),
            effective: effective.map(|(name, value)| (name.to_owned(), text(value))).collect(),
            restart_required: restart.map(str::to_owned).collect(),
        }
    }

    fn logs(&self, log: Option<String>, last: usize) -> Result<Vec<LogTail>, Refusal> {
        let Some(log) = log else { return Ok(self.logs.names()) };
        let file = match self.find_reporter(&log) {
            Ok(reporter) => self.log_of(reporter).file().to_owned(),
            Err(_) => log.clone(),
        };
        match self.tail(&file, last) {
            Some(tail) => Ok(vec![tail]),
            None => {
                let names: Vec<String> = self.logs.names().into_iter().map(|t| t.file).collect();
                let way_out = format!("there are {}", names.join(", "));
                Err(Refusal::new(Code::DOES_NOT_EXIST, log, "no log has that name", way_out))
            }
        }
    }
}

/// So many names are looked at for one that may have been meant. Everybody waits for the
/// executive meanwhile: ten thousand take it a few milliseconds, a million would take a second.
const NAMES_LOOKED_AT: usize = 10_000;
/// So many letters at most are wrong in what was meant.
const SLIPS_MAX: usize = 3;

/// The names that may have been meant by one that there is not, three at most, the nearest
/// first. Of a host with more components than are looked at, those that were registered first
/// are: a guess, and whoever gets none is told where the names are.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = name.to_ascii_uppercase();
    let length = wanted.chars().count();
    let mut near: Vec<(usize, &str)> = names
        .take(NAMES_LOOKED_AT)
        .filter_map(|other| {
            // Letters that are missing are slips: a comparison would say no more, and costs the
            // product of the lengths.
            let alike = other.chars().count().abs_diff(length) <= SLIPS_MAX;
            let slips = alike.then(|| strsim::damerau_levenshtein(&wanted, other));
            match slips.filter(|slips| *slips <= SLIPS_MAX) {
                None if other.contains(&wanted) => Some((usize::MAX, other)),
                slips => slips.map(|slips| (slips, other)),
            }
        })
        .collect();
    near.sort_unstable();
    near.into_iter().take(3).map(|(_, other)| other).collect()
}

/// "group:cloud" names a group.
fn group_in(name: &str) -> Option<&str> {
    let (group, name) = name.split_once(':')?;
    group.eq_ignore_ascii_case("group").then_some(name)
}

fn wrong(
    subject: impl Into<String>,
    reason: impl Into<String>,
    way_out: impl Into<String>,
) -> Refusal {
    Refusal::new(Code::INVALID_PARAMETER, subject, reason, way_out)
}

fn unknown_setting(key: &str) -> Refusal {
    let near = site::settings::nearest(key).join(", ");
    let way_out = if near.is_empty() {
        "the settings verb lists the keys".to_owned()
    } else {
        format!("did you mean {near}?")
    };
    wrong(key, "no setting has that key", way_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_been_meant_is_near_or_contains_it() {
        let names = ["SMS_DMP_UPLOADER", "SMS_DMP_DOWNLOADER", "SMS_SERVICE_CONNECTOR"];
        for (name, near) in [
            ("sms_dmp_uploadr", &["SMS_DMP_UPLOADER"][..]),
            ("SMS_DMP_UPLAODER", &["SMS_DMP_UPLOADER"]),
            ("DMP", &["SMS_DMP_DOWNLOADER", "SMS_DMP_UPLOADER"]),
            ("SMS_DMP_DOWN", &["SMS_DMP_DOWNLOADER"]),
            ("nobody", &[]),
        ] {
            assert_eq!(nearest(name, names.into_iter()), near, "{name}");
        }
    }

    #[test]
    fn of_a_million_names_only_so_many_are_looked_at() {
        let mut looked_at = 0;
        let names = std::iter::repeat_n("SMS_DMP_UPLOADER", 1_000_000);
        let near = nearest("SMS_DMP_UPLOADR", names.inspect(|_| looked_at += 1));
        assert_eq!(near.len(), 3);
        assert_eq!(looked_at, NAMES_LOOKED_AT);
    }
}
