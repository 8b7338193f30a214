//! The end of the executive's process at any moment, and the next one: what is left is what is
//! in the store (lifecycle.md 2.1, case P07).

use contract::control::Refusal;
use contract::id::OpId;

use crate::event::What;
use crate::run::Site;

impl Site {
    /// Ends the process of SMS_EXECUTIVE at once, as `kill -9` does: no stop hook is called,
    /// nothing is put in order, and what was on its way is gone. The store, the files, the logs
    /// and the world outside stay. Operations that were open end with 1067.
    ///
    /// Until [`Site::start_again`] every question and command is refused with 1067. What is left
    /// can be read: [`Site::remembered`], [`Site::stored`], [`Site::log`], [`Site::messages`],
    /// [`Site::events`], [`Site::report`].
    ///
    /// ```
    /// use contract::control::HostControl;
    /// use contract::{Command, Message, State};
    /// use smsexec_sim::{Site, probe::Probe};
    ///
    /// let (probe, journal) = Probe::new("A").build();
    /// let mut site = Site::primary("PS1").component(probe).start()?;
    /// site.pause("A")?;
    /// site.send("A", Message::Word(7))?;
    ///
    /// site.kill();
    /// site.start_again()?;
    /// let status = site.query("A")?;
    /// assert_eq!((status.state, status.generation.0), (State::Running, 2));
    /// assert_eq!(journal.take().last().unwrap(), "message 7", "it was accepted, so it comes");
    /// # Ok::<(), contract::control::Refusal>(())
    /// ```
    pub fn kill(&mut self) {
        if self.killed {
            return;
        }
        self.do_doings();
        self.record(What::Killed);
        let open: Vec<OpId> = self.open_operations().into_keys().collect();
        self.host.abort_operations("the process was killed");
        for operation in open {
            if let Some(outcome) = self.host.outcome(operation) {
                self.record_outcome(&outcome);
            }
        }
        self.carriers.clear();
        self.lost.clear();
        self.scheduled.clear();
        self.killed = true;
    }

    /// Whether the executive was killed and none was started since.
    pub fn is_killed(&self) -> bool {
        self.killed
    }

    /// Starts another SMS_EXECUTIVE from the store, after [`Site::kill`]; kills the present one
    /// if there is one.
    ///
    /// # Errors
    /// Those of [`SiteBuilder::start`](crate::SiteBuilder::start).
    pub fn start_again(&mut self) -> Result<(), Refusal> {
        self.make_again()?;
        self.begin_executive()
    }

    /// The same without waiting for it to run, and without anything happening yet.
    pub(crate) fn begin_again(&mut self) -> Result<(), Refusal> {
        self.make_again()?;
        self.order_executive().map(drop)
    }

    fn make_again(&mut self) -> Result<(), Refusal> {
        self.kill();
        let clock = self.clock();
        let mut host = self.recipe.host(self.store.kept(), clock)?;
        host.take_logs_of(&mut self.host);
        host.take_operations_of(&mut self.host);
        self.host = host;
        self.killed = false;
        self.record_components();
        Ok(())
    }
}
