//! A running host, as its owner holds it.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hasher};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
use contract::time::Moment;
use host::{Host, HostOptions};
use kernel::{Board, Lane, LaneEnd, Order, Shard, lane};

use crate::activity::Activity;
use crate::alarm::Alarm;
use crate::clock::SiteClock;
use crate::executive::{AskWaits, Asked, ExecutiveActor, LookAtClock, Waits, Watching};
use crate::logs;
use crate::shard::{ShardActor, ShardWatch};

/// The executive answers in microseconds; one that has not in this time is gone.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// The site comes to rest within this real time after its clock was moved.
const REST_MAX: Duration = Duration::from_secs(120);
/// Components have this long to stop when the host is dropped.
const STOP_MAX: Duration = Duration::from_secs(60);

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
}

impl Default for Options {
    /// Two shards, no log files, nothing kept, jitter.
    fn default() -> Self {
        Options { shards: 2, logs: None, kept: Kept::default(), jitter: true }
    }
}

/// A host that runs in real time. Operated through [`HostControl`], from any thread.
///
/// Dropping it stops SMS_EXECUTIVE and waits for it, a minute at most.
pub struct Site {
    executive: Addr<ExecutiveActor>,
    ask: crossbeam_channel::Sender<Asked>,
    shared: Shared,
    /// The way to end the host's thread, whatever its actors are doing.
    system: System,
    /// Disconnected when that thread has ended; none when it was waited for.
    thread: Option<mpsc::Receiver<()>>,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("clock", &self.shared.clock.read()).finish_non_exhaustive()
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
        options: Options,
    ) -> Result<Site, Refusal> {
        let clock = SiteClock::start();
        let host_options = HostOptions {
            jitter_seed: options.jitter.then(random_seed),
            ..HostOptions::new(options.shards.max(1), std::process::id())
        };
        let kept = options.kept;
        let mut host = Host::new(site, components, kept.clone(), host_options, clock.read())?;
        let begun = host.service(clock.read(), ServiceCommand::Start)?;
        let log = match &options.logs {
            Some(folder) => logs::dispatch(folder, logs::MAX_BYTES),
            None => tracing::Dispatch::none(),
        };
        let board = Arc::clone(host.board());
        let (lanes, ends_of_lanes): (Vec<_>, Vec<_>) = (0..host.shards()).map(|_| lane()).unzip();
        let lanes: Arc<[Lane]> = lanes.into();
        let watches = ends_of_lanes.iter().map(|_| Arc::default()).collect();
        let activity = Arc::new(Activity::default());
        let (ask, asks) = crossbeam_channel::unbounded();
        let arbiters = Arc::default();
        let shared = Shared { lanes, watches, board, clock, outside, activity, arbiters };
        let executive = ExecutiveActor {
            host,
            shared: shared.clone(),
            asks,
            kept,
            unkept: false,
            log,
            outcomes: BTreeMap::new(),
            waiting: HashMap::new(),
            watching: Vec::new(),
            alarm: Alarm::default(),
            doings: Vec::new(),
        };
        let carried = shared.clone();
        let (ready, is_ready) = mpsc::channel();
        let (ends, thread) = mpsc::channel();
        std::thread::Builder::new()
            .name(format!("smsexec {}", site.code))
            .spawn(move || {
                let _ends: Sender<()> = ends;
                let system = System::new();
                let address = system.block_on(async {
                    let address = executive.start();
                    for (number, end) in (0..).zip(ends_of_lanes) {
                        carried.start_shard(number, end, &address);
                    }
                    address
                });
                let _ = ready.send((address, System::current()));
                // Until somebody stops it; how it ended says nothing that anybody could use.
                let _ = system.run();
                // Their lives are dropped there; only then is nothing of the host left.
                for arbiter in carried.take_arbiters() {
                    arbiter.stop();
                    let _ = arbiter.join();
                }
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
        let mut site = Site { executive, ask, shared, system, thread: Some(thread) };
        site.wait_until_running(begun)?;
        Ok(site)
    }

    /// Status cells and names: what can be read without asking anybody.
    pub fn board(&self) -> &Arc<Board> {
        &self.shared.board
    }

    /// The lane of each shard: the way to send messages in from outside.
    pub fn lanes(&self) -> &[Lane] {
        &self.shared.lanes
    }

    /// The site's clock.
    pub fn clock(&self) -> &SiteClock {
        &self.shared.clock
    }

    /// Stops SMS_EXECUTIVE and ends the host's thread. Told how the process should end: 0, or
    /// what [`ServiceStatus::exit_status`](contract::control::ServiceStatus::exit_status) says.
    ///
    /// # Errors
    /// The refusal, or how the stop failed; the thread is ended all the same.
    pub fn shut_down(mut self) -> Result<u8, Refusal> {
        let Some(thread) = self.thread.take() else { return Ok(0) };
        let stopped = self.stop_components();
        let status = match self.ask(Ask::Service(ServiceCommand::Query)) {
            Ok(Told::Service(service)) => service.exit_status.unwrap_or_default(),
            _ => 0,
        };
        self.end_thread(&thread);
        stopped.map(|()| status)
    }

    fn end_thread(&self, thread: &mpsc::Receiver<()>) {
        self.system.stop();
        // Disconnected when the thread has ended. One that hangs in a component's code is left
        // behind: nobody can end it, and whoever drops a host is not to hang with it.
        let _ = thread.recv_timeout(LEAVE_MAX);
    }

    fn stop_components(&mut self) -> Result<(), Refusal> {
        let deadline = Instant::now() + STOP_MAX;
        loop {
            match self.service(ServiceCommand::Stop) {
                Ok(_) => return Ok(()),
                // It was stopped before.
                Err(refusal) if refusal.code == Code::NOT_ACTIVE => return Ok(()),
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
        if outcome.code == Code::OK {
            return Ok(());
        }
        Err(Refusal::new(
            outcome.code,
            "SMS_EXECUTIVE",
            format!("its components did not start: {}", outcome.text),
            "the logs say which",
        ))
    }

    /// Lets everything happen that is due, and waits for the end of it.
    fn come_to_rest(&mut self) -> Result<Option<Moment>, Refusal> {
        self.look_at_clock()?;
        for lane in self.shared.lanes.iter() {
            lane.order(Order::Wake);
        }
        let lanes = &self.shared.lanes;
        let quiet = || lanes.iter().all(Lane::is_empty);
        if !self.shared.activity.wait_for_rest(REST_MAX, quiet) {
            return Err(Refusal::new(
                Code::REQUEST_TIMEOUT,
                "advance",
                format!(
                    "the site did not come to rest; {} things are under way",
                    self.shared.activity.count()
                ),
                "query and logs show what it is busy with",
            ));
        }
        let due = self.look_at_clock()?;
        let shards = self.shared.watches.iter().filter_map(|watch| watch.next_due());
        Ok(shards.chain(due).min())
    }

    fn is_not_so(&mut self, component: &str, until: Until, within: Duration) -> Refusal {
        match self.query(component) {
            Ok(status) => Refusal::new(
                Code::REQUEST_TIMEOUT,
                component,
                format!("it was not {until} within {within:?}; it is {}", status.state),
                "query shows the rest",
            ),
            Err(refusal) => refusal,
        }
    }

    /// Sends a message to a component from outside.
    ///
    /// # Errors
    /// 1060 if there is no such component; 1816 if its inbox is full.
    pub fn send(&self, component: &str, message: impl Into<Message>) -> Result<(), Refusal> {
        let Some(to) = self.shared.board.find(component) else {
            let (code, reason) = (Code::DOES_NOT_EXIST, "no component has that name");
            return Err(Refusal::new(code, component, reason, "query lists the names"));
        };
        if self.shared.board.view(to).is_some_and(|cell| cell.is_full()) {
            return Err(Refusal::new(
                Code::NOT_ENOUGH_QUOTA,
                component,
                "its inbox is full",
                "send again when it has got on",
            ));
        }
        self.shared.lanes[usize::from(to.shard())].tell(to, message);
        Ok(())
    }

    fn clock_view(&mut self) -> Result<ClockView, Refusal> {
        match self.ask(Ask::Clock)? {
            Told::Clock(view) => Ok(view),
            told => unreachable!("the clock was asked for, told {told:?}"),
        }
    }

    fn look_at_clock(&self) -> Result<Option<Moment>, Refusal> {
        let (reply, told) = mpsc::channel();
        self.executive.do_send(LookAtClock { reply });
        told.recv_timeout(ANSWER_MAX).map_err(|_| gone())
    }
}

/// What whoever holds the host and those who carry its shards have in common.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) lanes: Arc<[Lane]>,
    watches: Arc<[Arc<ShardWatch>]>,
    board: Arc<Board>,
    pub(crate) clock: SiteClock,
    pub(crate) outside: Arc<dyn Outside>,
    pub(crate) activity: Arc<Activity>,
    /// By shard: the thread that carries it.
    arbiters: Arc<Mutex<BTreeMap<u8, Arbiter>>>,
}

impl Shared {
    /// Gives a shard an arbiter.
    fn start_shard(&self, number: u8, end: LaneEnd, executive: &Addr<ExecutiveActor>) {
        let lanes = Arc::clone(&self.lanes);
        let shard = Shard::new(number, end.clone(), lanes, Arc::clone(&self.board));
        let lane = self.lanes[usize::from(number)].clone();
        let watch = Arc::clone(&self.watches[usize::from(number)]);
        let clock = self.clock.clone();
        let outside = Arc::clone(&self.outside);
        let activity = Arc::clone(&self.activity);
        let executive = executive.clone();
        let arbiter = Arbiter::new();
        ShardActor::start_in_arbiter(&arbiter.handle(), move |_| ShardActor {
            shard,
            lane,
            end,
            watch,
            clock,
            executive,
            outside,
            activity,
            again: Rc::new(Cell::new(false)),
            errands: HashMap::new(),
            alarm: Alarm::default(),
            outputs: Vec::new(),
        });
        self.arbiters().insert(number, arbiter);
    }

    /// Carries a shard on a fresh thread. The one that is lost ends by itself, if it ever comes
    /// back; nobody waits for that.
    pub(crate) fn replace_shard(&self, number: u8, executive: &Addr<ExecutiveActor>) {
        let end = self.lanes[usize::from(number)].replace_end();
        self.watches[usize::from(number)].give_up();
        drop(self.arbiters().remove(&number));
        self.start_shard(number, end, executive);
    }

    fn take_arbiters(&self) -> Vec<Arbiter> {
        std::mem::take(&mut *self.arbiters()).into_values().collect()
    }

    fn arbiters(&self) -> MutexGuard<'_, BTreeMap<u8, Arbiter>> {
        self.arbiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The seed of this host's jitter: another one in every host.
fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn gone() -> Refusal {
    Refusal::new(Code::PROCESS_ABORTED, "SMS_EXECUTIVE", "the host is gone", "start it again")
}

impl HostControl for Site {
    fn ask(&mut self, ask: Ask) -> Result<Told, Refusal> {
        if let Ask::Cloud(command) = ask {
            return self.shared.outside.cloud(command).map(Told::Cloud);
        }
        let (reply, told) = mpsc::channel();
        self.ask.send(Asked { ask, reply }).map_err(|_| gone())?;
        self.executive.do_send(AskWaits);
        told.recv_timeout(ANSWER_MAX).map_err(|_| gone())?
    }

    fn wait_for(
        &mut self,
        component: &str,
        until: Until,
        within: Duration,
    ) -> Result<ComponentStatus, Refusal> {
        let (reply, told) = mpsc::channel();
        self.executive.do_send(Watching { component: component.to_owned(), until, reply });
        told.recv_timeout(within).unwrap_or_else(|error| match error {
            RecvTimeoutError::Timeout => Err(self.is_not_so(component, until, within)),
            RecvTimeoutError::Disconnected => Err(gone()),
        })
    }

    fn wait(&mut self, operation: OpId, within: Duration) -> Outcome {
        let (reply, ended) = mpsc::channel();
        self.executive.do_send(Waits { operation, reply });
        ended.recv_timeout(within).unwrap_or_else(|error| match error {
            RecvTimeoutError::Timeout => Outcome {
                operation,
                code: Code::REQUEST_TIMEOUT,
                text: format!("not done within {within:?}"),
            },
            RecvTimeoutError::Disconnected => {
                Outcome { operation, code: Code::PROCESS_ABORTED, text: gone().reason }
            }
        })
    }

    fn pass(&mut self, time: Duration) -> Result<ClockView, Refusal> {
        std::thread::sleep(time);
        self.clock_view()
    }

    /// Goes from one due time to the next, and waits each time until the site has come to rest:
    /// what a week brings is seven daily checks, live as in simulation.
    fn advance(&mut self, by: Duration) -> Result<ClockView, Refusal> {
        let until = self.shared.clock.read().now + by;
        while let Some(due) = self.come_to_rest()?.filter(|due| *due <= until) {
            self.shared.clock.move_to(due);
        }
        self.shared.clock.move_to(until);
        self.come_to_rest()?;
        self.clock_view()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = self.stop_components();
            self.end_thread(&thread);
        }
    }
}
