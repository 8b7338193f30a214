//! A running host, as its owner holds it.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hasher};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use ::site::SiteDefinition;
use actix::prelude::*;
use contract::Registration;
use contract::control::{
    Accepted, Ask, ClockView, ComponentStatus, HostControl, Outcome, Refusal, ServiceCommand, Told,
    Until,
};
use contract::id::OpId;
use contract::lifecycle::{Code, HoldKind};
use contract::message::Message;
use contract::outside::Outside;
use contract::store::Kept;
use host::{Audience, Host, HostOptions};
use kernel::port::{LANE_MAX, Port};
use kernel::{Board, Lane, Transition, lane};

use crate::alarm::Alarm;
use crate::clock::SiteClock;
use crate::executive::ExecutiveActor;
use crate::handle::{ANSWER_MAX, Handle, gone};
use crate::logs;
use crate::shared::Shared;

/// The executive has this long to stop when the host is dropped. It gives components that depend
/// on each other 30 s and then 2 s, layer by layer: nine layers that all hang fit in, and so does
/// a restart or a short backup that has to come to its end first. Whoever is longer about it is
/// left behind, and the next process finds an unclean end.
const STOP_MAX: Duration = Duration::from_secs(300);
/// The host's thread has this long to end once everything is stopped.
const LEAVE_MAX: Duration = Duration::from_secs(5);

/// What a live host needs beside its site and its components.
pub struct Options {
    /// Arbiters that carry its components, 1 to 255.
    pub shards: u8,
    /// The folder for its component logs; none are written if there is none.
    pub logs: Option<PathBuf>,
    /// What an earlier process kept.
    pub kept: Kept,
    /// Whether restarts are spread by jitter, as the components declare. A test that counts the
    /// time has them exact.
    pub jitter: bool,
    /// How long an advance of the clock waits, in real time, for a hook that does not come back.
    /// After that the clock moves on without it, so that the hook runs into its time-out.
    pub patience: Duration,
    /// How long a shard that has nothing more to do looks out for mail before its thread sleeps,
    /// and the executive for more news of components. While it does, it takes a processor; once
    /// it sleeps, the next message costs its sender a wake-up, and itself some tens of
    /// microseconds. Zero sleeps at once. What it costs and brings on a machine, `smsexec bench
    /// --latency` measures.
    pub spin: Duration,
    /// Messages that a shard handles in one turn at most, 1 or more; fewer where they take long.
    /// Between turns it looks for orders and timers and tells its news: a long turn is cheaper by
    /// the message, a short one lets a stop take effect sooner.
    pub turn_budget: usize,
    /// Whoever sends from outside is refused, and has to send again, where so much mail waits in
    /// front of a shard, 1 or more; a port counts its own. What waits takes memory, and is cold in
    /// the cache when its turn comes; if there is too little, the shard runs dry.
    pub lane_max: usize,
}

impl Default for Options {
    /// Two shards, no log files, nothing kept, jitter, ten seconds' patience, a spin about as long
    /// as a wake-up takes, turns of 1,024 messages, and a million that may wait.
    fn default() -> Self {
        let (kept, patience) = (Kept::default(), Duration::from_secs(10));
        let spin = Duration::from_micros(50);
        Options {
            shards: 2,
            logs: None,
            kept,
            jitter: true,
            patience,
            spin,
            turn_budget: 1_024,
            lane_max: LANE_MAX,
        }
    }
}

/// A host that runs in real time. Operated through [`HostControl`], from any thread; by several
/// at once with a [`Handle`] each.
///
/// Dropping it stops SMS_EXECUTIVE and waits for it, five minutes at most.
pub struct Site {
    handle: Handle,
    /// The way to end the host's thread, whatever its actors are doing.
    system: System,
    /// Disconnected when that thread has ended; none when it was waited for.
    thread: Option<mpsc::Receiver<()>>,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("clock", &self.clock().read()).finish_non_exhaustive()
    }
}

impl Site {
    /// Starts the service of `site` with these components, and waits until it runs.
    ///
    /// # Errors
    /// 1073 if two components bear one name; 1053 if it does not run within a minute; 1054
    /// if the thread cannot be had.
    pub fn start(
        site: &SiteDefinition,
        components: Vec<Registration>,
        outside: Arc<dyn Outside>,
        mut options: Options,
    ) -> Result<Site, Refusal> {
        let clock = SiteClock::start();
        let host_options = HostOptions {
            jitter_seed: options.jitter.then(random_seed),
            ..HostOptions::new(options.shards.max(1), std::process::id())
        };
        let kept = std::mem::take(&mut options.kept);
        let mut host = Host::new(site, components, kept.clone(), host_options, clock.read())?;
        // Nobody else listens yet, and a million components are about to start.
        let logs = options.logs.is_some();
        host.set_audience(Audience { changes: false, reports: false, logs });
        let begun = host.service(clock.read(), ServiceCommand::Start)?;
        let log = options.logs.as_ref().map(|folder| logs::dispatch(folder, logs::MAX_BYTES));
        log.iter().for_each(logs::gather);
        let board = Arc::clone(host.board());
        let (lanes, ends_of_lanes): (Vec<_>, Vec<_>) = (0..host.shards()).map(|_| lane()).unzip();
        let shared = Shared::new(lanes, board, clock, outside, &options);
        let (ask, asks) = crossbeam_channel::unbounded();
        let executive = ExecutiveActor {
            host,
            shared: shared.clone(),
            news: VecDeque::new(),
            until_done: Vec::new(),
            asks,
            kept,
            unkept: false,
            log,
            unwritten: false,
            waiting: HashMap::new(),
            watching: Vec::new(),
            subscribers: Vec::new(),
            to_start: (0..).zip(ends_of_lanes).collect(),
            alarm: Alarm::default(),
            doings: Vec::new(),
            orders: Vec::new(),
            orders_to: 0,
        };
        let carried = shared.clone();
        let (ready, is_ready) = mpsc::channel();
        let (ends, thread) = mpsc::channel();
        std::thread::Builder::new()
            .name(format!("smsexec {}", site.code))
            .spawn(move || {
                let _ends: Sender<()> = ends;
                let system = System::new();
                let address = system.block_on(async { executive.start() });
                let _ = ready.send((address, System::current()));
                // Until somebody stops it; how it ended says nothing that anybody could use.
                let _ = system.run();
                // Their lives are dropped there; only then is nothing of the host left. All are
                // told first: one that hangs must not keep the others from ending.
                let arbiters = carried.take_arbiters();
                arbiters.iter().for_each(|arbiter| _ = arbiter.stop());
                arbiters.into_iter().for_each(|arbiter| drop(arbiter.join()));
                drop(carried);
            })
            .map_err(|error| {
                Refusal::new(
                    Code::NO_THREAD,
                    "SMS_EXECUTIVE",
                    error.to_string(),
                    "close other programs",
                )
            })?;
        let (executive, system) = is_ready.recv_timeout(ANSWER_MAX).map_err(|_| gone())?;
        let handle = Handle { executive, ask, shared };
        let mut site = Site { handle, system, thread: Some(thread) };
        site.wait_until_running(begun)?;
        Ok(site)
    }

    /// Another hand on this host.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// A way to send much from one thread, as [`Handle::port`].
    pub fn port(&self, gathers: usize) -> Port {
        self.handle.port(gathers)
    }

    /// Status cells and names: what can be read without asking anybody.
    pub fn board(&self) -> &Arc<Board> {
        self.handle.board()
    }

    /// The lane of each shard: the way to send messages in from outside.
    pub fn lanes(&self) -> &[Lane] {
        self.handle.lanes()
    }

    /// The site's clock.
    pub fn clock(&self) -> &SiteClock {
        self.handle.clock()
    }

    /// As [`Handle::send`].
    ///
    /// # Errors
    /// Those of [`Handle::send`].
    pub fn send(&self, component: &str, message: impl Into<Message>) -> Result<(), Refusal> {
        self.handle.send(component, message)
    }

    /// As [`Handle::send_within`].
    ///
    /// # Errors
    /// Those of [`Handle::send`].
    pub fn send_within(
        &self,
        component: &str,
        message: impl Into<Message>,
        within: Duration,
    ) -> Result<(), Refusal> {
        self.handle.send_within(component, message, within)
    }

    /// As [`Handle::watch`].
    ///
    /// # Errors
    /// 1067 if the host is gone.
    pub fn watch(&self) -> Result<crossbeam_channel::Receiver<Transition>, Refusal> {
        self.handle.watch()
    }

    /// Stops SMS_EXECUTIVE, which is waited for five minutes at most, and ends the host's thread.
    /// Told how the process should end: 0, or what
    /// [`ServiceStatus::exit_status`](contract::control::ServiceStatus::exit_status) says.
    ///
    /// # Errors
    /// The refusal, or how the stop failed, 1053 if it was not done in time; the thread is ended
    /// all the same.
    pub fn shut_down(mut self) -> Result<u8, Refusal> {
        let Some(thread) = self.thread.take() else { return Ok(0) };
        let stopped = self.stop_components(STOP_MAX);
        let status = self.exit_status().unwrap_or_default();
        self.end_thread(&thread);
        stopped.map(|()| status)
    }

    fn end_thread(&self, thread: &mpsc::Receiver<()>) {
        self.system.stop();
        // Disconnected when the thread has ended. One that hangs in a component's code is left
        // behind: nobody can end it, and whoever drops a host is not to hang with it.
        let _ = thread.recv_timeout(LEAVE_MAX);
    }

    /// Stops SMS_EXECUTIVE and waits for it, `within` at most, in all.
    fn stop_components(&mut self, within: Duration) -> Result<(), Refusal> {
        let deadline = Instant::now() + within;
        loop {
            match self.ask(Ask::Service(ServiceCommand::Stop)) {
                Ok(told) => return self.wait_until_stopped(told, deadline),
                // It was stopped before, and nobody is about to start it: the lease of a backup
                // that another process had begun may go on for hours.
                Err(_) if self.exit_status().is_some() => return Ok(()),
                // A restart or a backup is under way: it comes to its end first.
                Err(refusal)
                    if [Code::CANNOT_ACCEPT_CONTROL, Code::DATABASE_LOCKED]
                        .contains(&refusal.code)
                        && Instant::now() < deadline =>
                {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(refusal) => return Err(refusal),
            }
        }
    }

    fn wait_until_stopped(&mut self, told: Told, deadline: Instant) -> Result<(), Refusal> {
        let Told::Accepted(Accepted { operation: Some(operation), .. }) = told else {
            return Ok(());
        };
        let outcome = self.wait(operation, deadline.saturating_duration_since(Instant::now()));
        if outcome.code == Code::OK {
            return Ok(());
        }
        Err(Refusal::new(
            outcome.code,
            "SMS_EXECUTIVE",
            format!("it did not stop: {}", outcome.text),
            "its logs say what is in the way",
        ))
    }

    /// How the process would end now; none unless SMS_EXECUTIVE is stopped and stays so.
    fn exit_status(&mut self) -> Option<u8> {
        match self.ask(Ask::Service(ServiceCommand::Query)) {
            Ok(Told::Service(service)) => service.exit_status,
            _ => None,
        }
    }

    /// Waits until no component is on its way up any more.
    fn wait_until_running(&mut self, begun: Accepted) -> Result<(), Refusal> {
        let Some(operation) = begun.operation else { return Ok(()) };
        // A backup that an earlier process had begun holds everything until its lease runs out.
        if let Ok(Told::Service(service)) = self.ask(Ask::Service(ServiceCommand::Query))
            && service.holds.contains(&HoldKind::Backup)
        {
            return Ok(());
        }
        let outcome = self.wait(operation, ANSWER_MAX);
        // Cancelled: a component has the executive restarted.
        if outcome.code == Code::OK || outcome.code == Code::CANCELLED {
            return Ok(());
        }
        Err(Refusal::new(
            outcome.code,
            "SMS_EXECUTIVE",
            format!("its components did not start: {}", outcome.text),
            "the logs say which",
        ))
    }
}

/// The seed of this host's jitter: another one in every host.
fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// All of it is the [`Handle`]'s.
impl HostControl for Site {
    fn ask(&mut self, ask: Ask) -> Result<Told, Refusal> {
        self.handle.ask(ask)
    }

    fn wait_for(
        &mut self,
        component: &str,
        until: Until,
        within: Duration,
    ) -> Result<ComponentStatus, Refusal> {
        self.handle.wait_for(component, until, within)
    }

    fn wait(&mut self, operation: OpId, within: Duration) -> Outcome {
        self.handle.wait(operation, within)
    }

    fn pass(&mut self, time: Duration) -> Result<ClockView, Refusal> {
        self.handle.pass(time)
    }

    fn advance(&mut self, by: Duration) -> Result<ClockView, Refusal> {
        self.handle.advance(by)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = self.stop_components(STOP_MAX);
            self.end_thread(&thread);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoOutside;
    use contract::store::KeptHold;
    use contract::{Component, Context, Descriptor, Fault, Progress, Start, Started, WallTime};
    use crossbeam_channel::{Receiver, unbounded};

    /// Its stop takes until its gate is gone.
    struct Gated(Receiver<()>);

    impl Component for Gated {
        fn start(&mut self, _: &Start<'_>, _: &mut Context<'_>) -> Result<Started, Fault> {
            Ok(Started::Running)
        }

        fn message(&mut self, _: &Message, _: &mut Context<'_>) -> Result<(), Fault> {
            Ok(())
        }

        fn stop(&mut self, _: &mut Context<'_>) -> Result<Progress, Fault> {
            let _ = self.0.recv();
            Ok(Progress::Done)
        }
    }

    fn site(components: Vec<Registration>, kept: Kept) -> Site {
        let options = Options { kept, ..Options::default() };
        let definition = SiteDefinition::primary("PS1");
        Site::start(&definition, components, Arc::new(NoOutside), options).expect("it starts")
    }

    #[test]
    fn a_stop_takes_no_longer_than_it_may_and_one_under_way_is_waited_for() {
        let (gate, closed) = unbounded();
        let make = move || Gated(closed.clone());
        let gated = Registration::new("GATED", Descriptor::new("is gated", "gated.log"), make);
        let mut site = site(vec![gated], Kept::default());
        let refusal = site.stop_components(Duration::from_millis(50)).unwrap_err();
        assert_eq!(refusal.code, Code::REQUEST_TIMEOUT, "{refusal}");
        drop(gate);
        assert_eq!(site.stop_components(STOP_MAX), Ok(()));
        assert_eq!(site.shut_down(), Ok(0));
    }

    #[test]
    fn the_lease_of_another_process_s_backup_is_not_waited_for_by_a_host_that_is_stopped() {
        let until = WallTime(i64::MAX / 2);
        let hold = KeptHold { kind: HoldKind::Backup, component: None, until };
        let mut site = site(Vec::new(), Kept { holds: vec![hold], ..Kept::default() });
        // It waits for the end of the lease, and is told not to.
        assert_eq!(site.stop_components(Duration::ZERO), Ok(()));
        assert_eq!(site.stop_components(Duration::ZERO), Ok(()));
    }
}
