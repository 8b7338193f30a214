//! smsexec: one component of a live site each, all on one shard unless more
//! threads are asked for, supervised as they always are.
//!
//! From outside, messages go through a port, which takes an id that was looked up once: each at
//! once, or as `smsexec-batched` gathered by 256; between components they are sent through the
//! context. A query is a look at
//! the status cells: state, life and depth of the inbox of each component. So it tells what an
//! operator asks, not what the component has counted; that is checked at the end of the life. A
//! restart is SMS_EXECUTIVE's: it stops everything and starts it. A crash is restarted at once
//! here and as often as it occurs; by default there is a delay, and a budget.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use smsexec::contract::control::{HostControl, ServiceCommand};
use smsexec::contract::lifecycle::{Backoff, Budget};
use smsexec::contract::{
    Component, ComponentId, Context, Descriptor, Fault, Message, Progress, Registration, Start,
    Started, State,
};
use smsexec::live::{Handle, NoOutside, Options, Site};
use smsexec::site::SiteDefinition;

use crate::draw::Share;
use crate::job::Job;
use crate::memory::Beginning;
use crate::peer::{Asked, Lives, Measured, Peer};
use crate::storm::Storm;
use crate::tally::{Counter, Tally};

pub(crate) struct Smsexec {
    /// Shards of the site.
    pub(crate) threads: u8,
    /// So many messages are gathered by a port before they are sent; 1 for each at once.
    pub(crate) gathers: usize,
}

/// By index. Set before the first message.
type Ids = Arc<OnceLock<Vec<ComponentId>>>;

/// Where messages are handed on: to whoever is next.
struct Ring {
    ids: Ids,
    next: usize,
}

struct Life {
    counter: Counter,
    ring: Option<Ring>,
}

impl Component for Life {
    fn message(&mut self, message: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
        let word = message.word().unwrap_or_default();
        self.counter.handle(word);
        if let (Some(ring), Some(left)) = (&self.ring, word.checked_sub(1)) {
            let ids = ring.ids.get().ok_or_else(|| Fault::new(1, "nobody is next"))?;
            cx.send(ids[ring.next], Message::Word(left));
        }
        Ok(())
    }

    fn stop(&mut self, _: &mut Context<'_>) -> Result<Progress, Fault> {
        self.counter.stopped();
        Ok(Progress::Done)
    }
}

/// A component that sends to the others.
struct Producer {
    ids: Ids,
    share: Share,
}

const PRODUCER: &str = "PEER_PRODUCER";

impl Component for Producer {
    fn message(&mut self, _: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
        let Producer { ids, share } = self;
        let ids = ids.get().ok_or_else(|| Fault::new(1, "nobody is there"))?;
        if share.send_chunk(|to, word| cx.send(ids[to as usize], Message::Word(word))) {
            cx.send(cx.id(), Message::Word(0));
        }
        Ok(())
    }
}

/// A component that crashes.
struct Victim {
    storm: Arc<Storm>,
    index: u32,
}

impl Component for Victim {
    fn start(&mut self, _: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        if self.storm.up(self.index) {
            cx.send(cx.id(), Message::Word(0));
        }
        Ok(Started::Running)
    }

    fn message(&mut self, _: &Message, _: &mut Context<'_>) -> Result<(), Fault> {
        self.storm.crash()
    }
}

fn name(index: u32) -> String {
    format!("PEER_{index}")
}

/// A site with one component for each index.
struct Crew {
    site: Site,
    entrance: Entrance,
}

/// The way in from outside, for any number of threads.
#[derive(Clone)]
struct Entrance {
    host: Handle,
    ids: Arc<[ComponentId]>,
}

impl Entrance {
    /// Sends to a component, and waits as long as there is no room for that.
    fn sender(&self, gathers: usize) -> impl FnMut(u32, u64) + use<> {
        let (mut port, ids) = (self.host.port(gathers), Arc::clone(&self.ids));
        move |to, word| {
            while port.send(ids[to as usize], Message::Word(word)).is_err() {
                thread::yield_now();
            }
        }
    }
}

/// Registers a component for each index.
fn registrations<C: Component + 'static>(
    job: &Job,
    descriptor: Descriptor,
    life: impl Fn(u32) -> C + Clone + Send + Sync + 'static,
) -> Vec<Registration> {
    let descriptor = Arc::new(descriptor);
    let register = |index| {
        let life = life.clone();
        Registration::new(name(index), Arc::clone(&descriptor), move || life(index))
    };
    (0..job.components).map(register).collect()
}

impl Crew {
    fn start(job: &Job, shards: u8, registrations: Vec<Registration>) -> Self {
        let options = Options { shards, jitter: false, ..Options::default() };
        let site = SiteDefinition::primary("PS1");
        let site = Site::start(&site, registrations, Arc::new(NoOutside), options);
        let site = site.unwrap_or_else(|refusal| panic!("{}: {refusal}", job.label));
        let find = |index| site.board().find(&name(index)).expect("it is registered");
        let ids = (0..job.components).map(find).collect();
        let entrance = Entrance { host: site.handle(), ids };
        Crew { site, entrance }
    }

    /// Components that count what they are sent.
    fn of_counters(job: &Job, shards: u8, tally: &Arc<Tally>) -> Self {
        let tally = Arc::clone(tally);
        let life = move |index| Life { counter: Counter::new(&tally, index), ring: None };
        Crew::start(job, shards, registrations(job, descriptor(), life))
    }

    /// Commands SMS_EXECUTIVE, and waits until it has done so.
    fn service(&mut self, job: &Job, command: ServiceCommand) {
        let done = self.site.service(command);
        done.unwrap_or_else(|refusal| panic!("{}: {refusal}", job.label));
    }

    /// Looks at everybody once: whose inbox is empty and who runs is as it should be.
    fn look(&self) -> u64 {
        let cells = self.site.board().views().map(|(_, cell)| cell);
        cells.filter(|cell| cell.state == State::Running && cell.inbox == 0).count() as u64
    }

    fn end(self, job: &Job) {
        if job.is_last {
            return job.end(self);
        }
        self.site.shut_down().unwrap_or_else(|refusal| panic!("{}: {refusal}", job.label));
    }
}

fn descriptor() -> Descriptor {
    Descriptor::new("counts messages", "peer.log")
}

/// Started again at once, as often as it takes; a message that it dies of does not come again.
fn restless() -> Descriptor {
    let backoff = Backoff { first: Duration::ZERO, jitter_percent: 0, ..Backoff::default() };
    let budget = Budget { crashes: u32::MAX, period: Duration::from_millis(1) };
    Descriptor { backoff, budget, poison_after: 1, ..descriptor() }
}

impl Smsexec {
    /// What does not send much from outside is measured once.
    fn sends_singly(&self) -> Option<()> {
        (self.gathers == 1).then_some(())
    }
}

/// A ring on so many shards.
fn ring(job: &Job, shards: u8) -> Measured {
    let (tally, ids) = (Tally::new(job), Ids::default());
    let (mine, theirs, all) = (Arc::clone(&tally), Arc::clone(&ids), job.components);
    let life = move |index| {
        let next = (index + 1) % all;
        let ring = Some(Ring { ids: Arc::clone(&theirs), next: next as usize });
        Life { counter: Counter::new(&mine, index), ring }
    };
    let crew = Crew::start(job, shards, registrations(job, descriptor(), life));
    ids.set(crew.entrance.ids.to_vec()).expect("they are set once");
    let taken = job.circulate(&tally, crew.entrance.sender(1));
    crew.end(job);
    job.measured(&tally, taken)
}

impl Peer for Smsexec {
    fn name(&self) -> &'static str {
        if self.gathers > 1 { "smsexec-batched" } else { "smsexec" }
    }

    fn spread(&self, job: &Job) -> Option<Measured> {
        let tally = Tally::new(job);
        let crew = Crew::of_counters(job, self.threads, &tally);
        let entrance = &crew.entrance;
        let taken = job.drive_each(&tally, || entrance.sender(self.gathers));
        crew.end(job);
        Some(job.measured(&tally, taken))
    }

    fn spread_inside(&self, job: &Job) -> Option<Measured> {
        self.sends_singly()?;
        let (tally, ids, share) = (Tally::new(job), Ids::default(), job.share(0));
        let (mine, theirs) = (Arc::clone(&tally), Arc::clone(&ids));
        let life = move |index| Life { counter: Counter::new(&mine, index), ring: None };
        let produce = move || Producer { ids: Arc::clone(&theirs), share: share.clone() };
        let mut registrations = registrations(job, descriptor(), life);
        registrations.push(Registration::new(PRODUCER, descriptor(), produce));
        let crew = Crew::start(job, 1, registrations);
        ids.set(crew.entrance.ids.to_vec()).expect("they are set once");
        let producer = crew.site.board().find(PRODUCER).expect("it is registered");
        let mut port = crew.site.port(1);
        let taken = job.set_off(&tally, || {
            port.send(producer, Message::Word(0)).expect("there is room for one");
        });
        crew.end(job);
        Some(job.measured(&tally, taken))
    }

    fn ring(&self, job: &Job) -> Option<Measured> {
        self.sends_singly()?;
        Some(ring(job, self.threads))
    }

    fn ring_of_two(&self, job: &Job) -> Option<Measured> {
        self.sends_singly()?;
        Some(ring(job, 2))
    }

    fn query_all(&self, job: &Job) -> Option<Asked> {
        self.sends_singly()?;
        let tally = Tally::new(job);
        let crew = Crew::of_counters(job, self.threads, &tally);
        let entrance = &crew.entrance;
        let settled = job.drive_each(&tally, || entrance.sender(self.gathers));
        let mut answers = 0;
        let begun = Instant::now();
        for _ in 0..job.rounds() {
            answers += crew.look();
        }
        let taken = begun.elapsed();
        crew.end(job);
        // What they have counted, they have told themselves.
        let spread = job.measured(&tally, settled);
        Some(job.answered(spread, job.rounds() * spread.operations, answers, taken))
    }

    fn lives(&self, job: &Job) -> Option<Lives> {
        self.sends_singly()?;
        let (tally, beginning) = (Tally::new(job), Beginning::now());
        let mut crew = Crew::of_counters(job, self.threads, &tally);
        let begun = job.begun(&tally, &beginning);
        let at = Instant::now();
        crew.service(job, ServiceCommand::Stop);
        let stop = at.elapsed();
        assert_eq!(tally.down.count(), u64::from(job.components), "{}: stops", job.label);
        let at = Instant::now();
        crew.service(job, ServiceCommand::Start);
        let lives = begun.and_again(job, &tally, stop, at.elapsed());
        crew.end(job);
        Some(lives)
    }

    fn restart_all(&self, job: &Job) -> Option<Measured> {
        self.sends_singly()?;
        let tally = Tally::new(job);
        let mut crew = Crew::of_counters(job, self.threads, &tally);
        let begun = Instant::now();
        crew.service(job, ServiceCommand::Restart);
        let measured = job.restarted(&tally, begun.elapsed());
        crew.end(job);
        Some(measured)
    }

    fn crash_storm(&self, job: &Job) -> Option<Measured> {
        self.sends_singly()?;
        let storm = Storm::new(job);
        let mine = Arc::clone(&storm);
        let life = move |index| Victim { storm: Arc::clone(&mine), index };
        let crew = Crew::start(job, self.threads, registrations(job, restless(), life));
        let mut send = crew.entrance.sender(1);
        let taken = storm.rage(job, |to| send(to, 0));
        crew.end(job);
        Some(job.survived(&storm, taken))
    }
}
