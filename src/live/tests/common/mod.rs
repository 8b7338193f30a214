//! A live site with components of a test's own that do as they are told, and tell.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "no test file needs all of it")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contract::cloud::{CloudCommand, CloudView};
use contract::control::{Accepted, Ask, HostControl, Refusal, ServiceStatus, Told, Until};
use contract::lifecycle::{Command, CommandOptions, Isolation, Startup, State};
use contract::outside::{Outside, Pending};
use contract::store::Kept;
use contract::{
    Component, Context, Descriptor, Failure, FailureKind, Fault, Message, Progress, Registration,
    Request, Start, Started,
};
use crossbeam_channel::{Receiver, Sender, unbounded};
use site::SiteDefinition;
use smsexec_live::{Options, Site};

/// Longer than anything takes that comes about at all.
pub const LONG: Duration = Duration::from_secs(60);
/// A stop and its kill have run out after this time of the site's clock.
pub const STOP_AND_KILL: Duration = Duration::from_secs(33);

/// Message: wait at the gate.
pub const BLOCK: u64 = 1_000;
/// Message: panic.
pub const PANIC: u64 = 1_001;
/// Message: log a lot, and go on with that for good.
pub const FLOOD: u64 = 1_002;
/// Message: ask for something that is never answered.
pub const ASK: u64 = 1_003;
/// Message: wait at the gate in a timer, ten seconds later.
pub const BLOCK_LATER: u64 = 1_004;

/// An outside that never answers, tells when it is asked for something and when it no longer is,
/// and keeps what it is given, unless its disk is full.
#[derive(Debug, Default)]
pub struct Silent {
    pub tell: Option<Sender<&'static str>>,
    pub kept: Arc<Mutex<Kept>>,
    pub disk_is_full: bool,
}

/// Lives as long as somebody waits for an answer.
struct Asked(Option<Sender<&'static str>>);

impl Asked {
    fn tell(&self, what: &'static str) {
        if let Some(tell) = &self.0 {
            let _ = tell.send(what);
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.tell("abandoned");
    }
}

impl Silent {
    fn on_disk<T>(&self, value: T) -> Result<T, Failure> {
        let full = || Failure::new(FailureKind::Disk, "it is full");
        if self.disk_is_full { Err(full()) } else { Ok(value) }
    }
}

impl Outside for Silent {
    fn perform(&self, _: Request) -> Pending {
        let asked = Asked(self.tell.clone());
        asked.tell("asked");
        Box::pin(async move {
            let _asked = asked;
            std::future::pending().await
        })
    }

    fn cloud(&self, _: CloudCommand) -> Result<CloudView, Refusal> {
        Ok(CloudView::default())
    }

    fn keep(&self, kept: &Kept) -> Result<(), Failure> {
        self.on_disk(())?;
        *self.kept.lock().unwrap() = kept.clone();
        Ok(())
    }

    fn snapshot(&self) -> Result<String, Failure> {
        self.on_disk("nowhere".into())
    }
}

/// It waits for a start command.
pub fn manual(descriptor: &mut Descriptor) {
    descriptor.startup = Startup::Manual;
}

/// It has a thread of its own.
pub fn dedicated(descriptor: &mut Descriptor) {
    descriptor.isolation = Isolation::Dedicated;
}

/// What a hook does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Does {
    /// It is done at once.
    #[default]
    Well,
    /// It is done at a timer that rings at once, so that there is a moment in between.
    Later,
    /// It panics.
    Panic,
    /// It waits at the gate.
    Block,
    /// It asks for something that is never answered, and is not done before.
    Ask,
}

/// What a component does.
#[derive(Clone)]
pub struct Probe {
    name: &'static str,
    descriptor: Descriptor,
    start: Does,
    stop: Does,
    tell: Sender<String>,
    gate: Receiver<()>,
    lives: Arc<Lives>,
}

/// Of all lives of a probe.
#[derive(Debug, Default)]
pub struct Lives {
    /// Something that there is one of, such as a port: a life has it from start to drop.
    taken: AtomicBool,
    /// So often was it taken when a life began.
    pub clashes: AtomicUsize,
    /// Starts of lives, and stop hooks called.
    pub starts: AtomicUsize,
    pub stops: AtomicUsize,
}

/// What a test has of a probe.
pub struct Watched {
    /// What was done to it, in order.
    pub lines: Receiver<String>,
    /// One word in here, and one hook that waits at the gate goes on; without it, all do.
    pub gate: Option<Sender<()>>,
    pub lives: Arc<Lives>,
}

impl Probe {
    pub fn new(name: &'static str) -> (Probe, Watched) {
        let (tell, lines) = unbounded();
        let (open, gate) = unbounded();
        let lives = Arc::new(Lives::default());
        let watched = Watched { lines, gate: Some(open), lives: Arc::clone(&lives) };
        let descriptor = Descriptor::new("a probe", "probe.log");
        let (start, stop) = (Does::Well, Does::Well);
        (Probe { name, descriptor, start, stop, tell, gate, lives }, watched)
    }

    pub fn start(mut self, does: Does) -> Self {
        self.start = does;
        self
    }

    pub fn stop(mut self, does: Does) -> Self {
        self.stop = does;
        self
    }

    pub fn declares(mut self, declare: impl FnOnce(&mut Descriptor)) -> Self {
        declare(&mut self.descriptor);
        self
    }

    fn registration(self) -> Registration {
        let (name, descriptor) = (self.name, self.descriptor.clone());
        Registration::new(name, descriptor, move || Life { probe: self.clone(), has_it: false })
    }
}

impl Watched {
    #[track_caller]
    pub fn expect(&self, line: &str) {
        assert_eq!(self.lines.recv_timeout(LONG).as_deref(), Ok(line));
    }

    /// Lets one hook through.
    pub fn release(&self) {
        self.gate.as_ref().expect("the gate is there").send(()).expect("the probe is there");
    }

    /// What it tells when it has begun and waits at its gate in a message.
    #[track_caller]
    pub fn expect_blocked(&self) {
        self.expect("start 1");
        self.expect("message 1000 in 1");
        self.expect("message blocks");
    }

    pub fn take(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }
}

struct Life {
    probe: Probe,
    has_it: bool,
}

impl Life {
    fn tell(&self, line: impl Into<String>) {
        let _ = self.probe.tell.send(line.into());
    }

    fn perform(&self, does: Does, hook: &str, cx: &mut Context<'_>) -> bool {
        match does {
            Does::Well => {}
            Does::Later => cx.after(Duration::ZERO, "done"),
            Does::Panic => panic!("{hook} panics"),
            Does::Block => self.block(hook),
            Does::Ask => ask_for_nothing(cx),
        }
        !matches!(does, Does::Later | Does::Ask)
    }

    /// Waits until the test lets it through, or has gone.
    fn block(&self, hook: &str) {
        self.tell(format!("{hook} blocks"));
        let _ = self.probe.gate.recv();
        self.tell(format!("{hook} goes on"));
    }
}

/// Asks for something that is never answered.
pub fn ask_for_nothing(cx: &mut Context<'_>) {
    let url = "https://nowhere.example".into();
    cx.request(Request::Probe { url, time_out: LONG });
}

impl Component for Life {
    fn start(&mut self, _: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        let lives = &self.probe.lives;
        lives.starts.fetch_add(1, Ordering::SeqCst);
        self.has_it = !lives.taken.swap(true, Ordering::SeqCst);
        lives.clashes.fetch_add(usize::from(!self.has_it), Ordering::SeqCst);
        self.tell(format!("start {}", cx.generation()));
        Ok(match self.perform(self.probe.start, "start", cx) {
            true => Started::Running,
            false => Started::Pending { hint: LONG },
        })
    }

    fn message(&mut self, message: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
        let number = message.word().unwrap_or_default();
        if number != FLOOD {
            self.tell(format!("message {number} in {}", cx.generation()));
        }
        match number {
            BLOCK => self.block("message"),
            PANIC => panic!("message panics"),
            ASK => ask_for_nothing(cx),
            BLOCK_LATER => cx.after(Duration::from_secs(10), "gate"),
            FLOOD => {
                (0..10).for_each(|number| cx.log(format!("flood {number}")));
                cx.send(cx.id(), Message::Word(FLOOD));
            }
            _ => {}
        }
        Ok(())
    }

    fn timer(&mut self, key: &'static str, cx: &mut Context<'_>) -> Result<(), Fault> {
        match key {
            "gate" => self.block("timer"),
            _ => cx.done(),
        }
        Ok(())
    }

    fn stop(&mut self, cx: &mut Context<'_>) -> Result<Progress, Fault> {
        self.probe.lives.stops.fetch_add(1, Ordering::SeqCst);
        self.tell(format!("stop {}", cx.generation()));
        Ok(match self.perform(self.probe.stop, "stop", cx) {
            true => Progress::Done,
            false => Progress::Pending { hint: LONG },
        })
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if self.has_it {
            self.probe.lives.taken.store(false, Ordering::SeqCst);
        }
    }
}

/// A site of these probes, on so many shards, whose clock does not wait long for a hook.
pub fn site_on(shards: u8, probes: impl IntoIterator<Item = Probe>) -> Site {
    impatient_site(shards, Duration::from_millis(500), probes)
}

/// The same with a patience of one's own.
pub fn impatient_site(
    shards: u8,
    patience: Duration,
    probes: impl IntoIterator<Item = Probe>,
) -> Site {
    let options = Options { shards, jitter: false, patience, ..Options::default() };
    let components = probes.into_iter().map(Probe::registration).collect();
    site_of(components, Silent::default(), options)
}

/// A site of any components.
pub fn site_of(components: Vec<Registration>, outside: Silent, options: Options) -> Site {
    let definition = SiteDefinition::primary("PS1");
    Site::start(&definition, components, Arc::new(outside), options).expect("it starts")
}

/// Commands a component, and does not wait for what comes of it.
pub fn ask(
    host: &mut impl HostControl,
    component: &str,
    command: Command,
    options: CommandOptions,
) -> Result<Accepted, Refusal> {
    let component = component.to_owned();
    match host.ask(Ask::Control { component, command, options })? {
        Told::Accepted(accepted) => Ok(accepted),
        told => unreachable!("a command was given, told {told:?}"),
    }
}

/// Commands a component with no options, and does not wait for what comes of it.
pub fn tell(
    host: &mut impl HostControl,
    component: &str,
    command: Command,
) -> Result<Accepted, Refusal> {
    ask(host, component, command, CommandOptions::default())
}

/// What SMS_EXECUTIVE as a whole is.
pub fn service(host: &mut impl HostControl) -> ServiceStatus {
    match host.ask(Ask::Service(contract::control::ServiceCommand::Query)) {
        Ok(Told::Service(status)) => status,
        told => unreachable!("the service was asked for, told {told:?}"),
    }
}

/// Waits for a state of a component.
#[track_caller]
pub fn await_state(host: &mut impl HostControl, component: &str, state: State) {
    host.wait_for(component, Until::State(state), LONG).expect("it comes to that");
}

/// Waits until all code has come back. Nothing else tells it than a look.
pub fn zombies_end(host: &mut impl HostControl) {
    while !service(host).zombies.is_empty() {
        std::thread::yield_now();
    }
}
