//! What can be seen of a site, and its settings.

use contract::control::{Ask, CrashRecord, DeadLetter, HostControl, Refusal, SettingView, Told};
use contract::settings::{Setting, SettingValue};
use contract::status::StatusRecord;
use contract::store::Kept;
use kernel::Clock;

use super::Site;
use crate::outside::SimOutside;
use crate::store::MemoryStore;

impl Site {
    /// What time it is.
    pub fn clock(&self) -> Clock {
        Clock { now: self.now, utc: self.epoch + self.now.since_start() }
    }

    /// The seed that the order of turns is drawn from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The simulated outside: its cloud and its files.
    pub fn outside(&self) -> &SimOutside {
        &self.outside
    }

    /// How many connections the cloud has taken.
    pub fn connections(&self) -> u64 {
        self.outside.cloud_service().view().connections
    }

    /// What outlives the executive: the store itself, which can be given to another site.
    pub fn store(&self) -> MemoryStore {
        self.store.clone()
    }

    /// A copy of what outlives the executive.
    pub fn kept(&self) -> Kept {
        self.store.kept()
    }

    /// What a component keeps for its next lives under that name
    /// ([`Context::remember`](contract::Context::remember)); none if it keeps nothing there. It
    /// can be asked at any time, of a component that is stopped and after [`Site::kill`] too.
    ///
    /// # Panics
    /// If there is no such component, neither in the site nor in its store. The text is the
    /// refusal, 1060, with the names that are near.
    #[track_caller]
    pub fn remembered(&self, component: &str, name: &str) -> Option<String> {
        let kept = self.store.kept();
        let is_it = |(other, _): &(&String, _)| other.eq_ignore_ascii_case(component);
        let Some((_, registry)) = kept.registries.iter().find(is_it) else {
            return match self.host.find(component) {
                Ok(_) => None,
                Err(refusal) => panic!("{refusal}"),
            };
        };
        registry.get(name).cloned()
    }

    /// What is stored under a setting, after [`Site::kill`] too.
    ///
    /// # Panics
    /// If the site has no such setting: no component declares it, and it is none of the site's
    /// own.
    #[track_caller]
    pub fn stored<T: SettingValue>(&mut self, setting: &Setting<T>) -> T {
        let view = self.setting_view(setting.key);
        T::from_text(&view.stored).expect("what is stored has been checked")
    }

    /// What a component has in effect under a setting; none if it is stopped or declares no
    /// such setting.
    ///
    /// # Panics
    /// If the site has no such setting, and after [`Site::kill`]: nothing is in effect then, and
    /// there is nobody to ask. [`Site::start_again`] starts another executive.
    #[track_caller]
    pub fn effective<T: SettingValue>(
        &mut self,
        setting: &Setting<T>,
        component: &str,
    ) -> Option<T> {
        if self.killed {
            panic!("{}", super::killed());
        }
        let view = self.setting_view(setting.key);
        let (_, text) =
            view.effective.iter().find(|(name, _)| name.eq_ignore_ascii_case(component))?;
        Some(T::from_text(text).expect("what is in effect has been checked"))
    }

    /// Stores a setting, as an operator does. It is in effect at once for components that reload
    /// it, and for the others when they are next started: the view says which those are.
    ///
    /// # Errors
    /// 87 if no component declares such a setting and it is none of the site's, or if the value
    /// does not fit; 1067 if the executive was killed.
    pub fn set<T: SettingValue>(
        &mut self,
        setting: &Setting<T>,
        value: &T,
    ) -> Result<SettingView, Refusal> {
        match self.ask(Ask::Set { key: setting.key.to_owned(), value: value.to_text() })? {
            Told::Setting(view) => Ok(view),
            told => unreachable!("a setting was stored, told {told:?}"),
        }
    }

    #[track_caller]
    fn setting_view(&mut self, key: &str) -> SettingView {
        let clock = self.clock();
        match self.host.ask(clock, Ask::Settings(Some(key.to_owned()))) {
            Ok(Told::Settings(mut views)) if views.len() == 1 => views.remove(0),
            Err(refusal) => panic!("{refusal}"),
            told => unreachable!("one setting was asked for, told {told:?}"),
        }
    }

    /// Every status message that this executive has reported, oldest first. After
    /// [`Site::kill`] they can be read until [`Site::start_again`]; another executive begins with
    /// none.
    pub fn messages(&mut self) -> Vec<StatusRecord> {
        let clock = self.clock();
        match self.host.ask(clock, Ask::Messages { component: None, last: usize::MAX }) {
            Ok(Told::Messages(records)) => records,
            told => unreachable!("messages were asked for, told {told:?}"),
        }
    }

    /// How lives of a component went wrong, oldest first.
    ///
    /// # Errors
    /// 1060 if there is no such component; 1067 if the executive was killed.
    pub fn crashes(&mut self, component: &str) -> Result<Vec<CrashRecord>, Refusal> {
        let component = Some(component.to_owned());
        match self.ask(Ask::Crashes { component, last: usize::MAX })? {
            Told::Crashes(crashes) => Ok(crashes),
            told => unreachable!("crashes were asked for, told {told:?}"),
        }
    }

    /// The messages that were set aside and will not be delivered, oldest first.
    ///
    /// # Errors
    /// 1067 if the executive was killed.
    pub fn dead_letters(&mut self) -> Result<Vec<DeadLetter>, Refusal> {
        match self.ask(Ask::DeadLetters { component: None, last: usize::MAX })? {
            Told::DeadLetters(letters) => Ok(letters),
            told => unreachable!("dead letters were asked for, told {told:?}"),
        }
    }

    /// The records of a log, by its file name or its component's. Logs outlive
    /// [`Site::kill`], and can be read after it.
    ///
    /// # Errors
    /// 1060 if there is no such log.
    pub fn log(&mut self, log: &str) -> Result<Vec<String>, Refusal> {
        let clock = self.clock();
        match self.host.ask(clock, Ask::Logs { log: Some(log.to_owned()), last: usize::MAX })? {
            Told::Logs(mut tails) if tails.len() == 1 => Ok(tails.remove(0).lines),
            told => unreachable!("one log was asked for, told {told:?}"),
        }
    }
}
