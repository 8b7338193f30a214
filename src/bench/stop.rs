//! How soon a stop takes effect while mail floods in, and what becomes of what waits.
//!
//! One thread sends to the components of one shard and keeps a million messages waiting, all the
//! time. One component is stopped and started again, over and over. What it is sent is numbered:
//! each of its lives has to go on where the one before it was stopped. Before each stop the shard
//! is held up until enough waits; another component does that, which sits on its thread until it
//! is told to let go.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use contract::control::{Ask, HostControl, Refusal};
use contract::lifecycle::{Code, Command, CommandOptions};
use contract::{
    Component, ComponentId, Context, Fault, Message, Progress as Ended, Start, Started, State,
};
use crossbeam_channel::{Receiver, Sender, bounded};
use hdrhistogram::Histogram;
use kernel::Port;
use live::{Site, Transition};

use crate::crew::{host, name};
use crate::gauge::pass;
use crate::progress::Progress;
use crate::report::{Delay, Queued, Stops};
use crate::settings::{Plan, Tuning};
use crate::worker::{message, word_of};

/// The one that is stopped.
const STOPPED: u32 = 0;
/// Where others get the messages, it gets one of so many.
const ITS_SHARE: usize = 64;
/// It has no more components than that.
const FEW: u32 = 1_000;
/// Nothing here takes longer.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// What everybody who takes part has in common.
#[derive(Debug)]
struct Ledger {
    /// By component: the number of the message that comes next.
    next: Vec<AtomicU64>,
    /// Messages that came out of order, or in no life.
    wrong: AtomicU64,
    sent: AtomicU64,
    handled: AtomicU64,
    /// When the stop hook ran last.
    stopped: Mutex<Option<Instant>>,
    going: AtomicBool,
}

impl Ledger {
    fn new(components: u32) -> Arc<Self> {
        let [wrong, sent, handled] = [(); 3].map(|()| AtomicU64::new(0));
        let next = (0..components).map(|_| AtomicU64::new(0)).collect();
        let (stopped, going) = (Mutex::default(), AtomicBool::new(true));
        Arc::new(Ledger { next, wrong, sent, handled, stopped, going })
    }

    fn waiting(&self) -> u64 {
        // First what was handled: it may be too many that wait, never too few.
        let handled = self.handled.load(Ordering::SeqCst);
        self.sent.load(Ordering::SeqCst).saturating_sub(handled)
    }

    /// When the host is gone: how many messages there were.
    ///
    /// # Errors
    /// 1066 if some were lost, or came twice, out of order, or when the component was stopped.
    fn close(&self) -> Result<u64, Refusal> {
        let [sent, handled, wrong] =
            [&self.sent, &self.handled, &self.wrong].map(|it| it.load(Ordering::SeqCst));
        if sent == handled && wrong == 0 {
            return Ok(sent);
        }
        let reason = format!("{sent} messages were sent, {handled} handled, {wrong} out of order");
        let way_out = "this is a bug: please report it";
        Err(Refusal::new(Code::SPECIFIC, "stopping under load", reason, way_out))
    }

    fn is_going(&self) -> bool {
        self.going.load(Ordering::Relaxed)
    }
}

/// Ends a flood, however that comes about.
struct Going<'a>(&'a Ledger);

impl Drop for Going<'_> {
    fn drop(&mut self) {
        self.0.going.store(false, Ordering::Relaxed);
    }
}

/// What takes part.
enum Part {
    /// Sees to it that its messages come in order.
    Witness { index: u32, ledger: Arc<Ledger>, running: bool },
    /// Sits on its thread until it is told to let go.
    Brake(Receiver<()>),
}

impl Component for Part {
    fn start(&mut self, _: &Start<'_>, _: &mut Context<'_>) -> Result<Started, Fault> {
        if let Part::Witness { running, .. } = self {
            *running = true;
        }
        Ok(Started::Running)
    }

    fn message(&mut self, message: &Message, _: &mut Context<'_>) -> Result<(), Fault> {
        match self {
            Part::Witness { index, ledger, running } => {
                let number = word_of(message)?;
                let next = &ledger.next[*index as usize];
                if number != next.load(Ordering::Relaxed) || !*running {
                    ledger.wrong.fetch_add(1, Ordering::SeqCst);
                }
                next.store(number + 1, Ordering::SeqCst);
                ledger.handled.fetch_add(1, Ordering::SeqCst);
            }
            Part::Brake(release) => _ = release.recv_timeout(WAIT_MAX),
        }
        Ok(())
    }

    fn stop(&mut self, _: &mut Context<'_>) -> Result<Ended, Fault> {
        if let Part::Witness { index: STOPPED, ledger, running } = self {
            *running = false;
            let mut stopped = ledger.stopped.lock().unwrap_or_else(PoisonError::into_inner);
            *stopped = Some(Instant::now());
        }
        Ok(Ended::Done)
    }
}

/// Sends without end, as long as no more wait than are to.
struct Flood {
    port: Port,
    /// Who gets them: the one that is stopped, or all of its shard.
    targets: Vec<(u32, ComponentId)>,
    queued: Queued,
    payload: usize,
    most: u64,
}

impl Flood {
    fn run(mut self, ledger: &Ledger) {
        let mut numbers = vec![0; ledger.next.len()];
        for turn in 0_usize.. {
            if turn.is_multiple_of(ITS_SHARE) {
                while ledger.is_going() && ledger.waiting() >= self.most {
                    self.port.flush();
                    thread::yield_now();
                }
                if !ledger.is_going() {
                    break;
                }
            }
            let (index, id) = self.target(turn);
            let number = &mut numbers[index as usize];
            let message = message(*number, self.payload);
            // Whoever is refused has sent nothing, and goes on with the next one.
            if self.port.send(id, message).is_ok() {
                *number += 1;
                ledger.sent.fetch_add(1, Ordering::SeqCst);
            }
        }
        self.port.flush();
    }

    fn target(&self, turn: usize) -> (u32, ComponentId) {
        match self.queued {
            Queued::Shard if !turn.is_multiple_of(ITS_SHARE) => {
                self.targets[1 + turn % (self.targets.len() - 1)]
            }
            _ => self.targets[0],
        }
    }
}

/// A host with a component to be stopped, and a flood.
struct Trial<'a> {
    site: &'a mut Site,
    transitions: Receiver<Transition>,
    ledger: &'a Ledger,
    /// The one that sits on the shard's thread, and the way to have it let go.
    brake: ComponentId,
    release: Sender<()>,
    /// So many have to wait.
    least: u64,
    in_effect: Histogram<u64>,
    told: Histogram<u64>,
    /// The fewest that waited at a stop.
    waiting: u64,
}

impl Trial<'_> {
    fn stop_and_start(&mut self) -> Result<(), Refusal> {
        let brake = &self.site.lanes()[usize::from(self.brake.shard())];
        brake.tell(self.brake, Message::Word(0));
        let (ledger, least) = (self.ledger, self.least);
        wait("the flood", || ledger.waiting() >= least + least / 20)?;
        let before = ledger.next[STOPPED as usize].load(Ordering::SeqCst);
        self.release.send(()).expect("the brake is there");
        wait("the first message after the hold-up", || {
            ledger.next[STOPPED as usize].load(Ordering::SeqCst) > before
        })?;
        while self.transitions.try_recv().is_ok() {}
        self.waiting = self.waiting.min(ledger.waiting());
        let begun = Instant::now();
        let (component, options) = (name(STOPPED), CommandOptions::default());
        self.site.ask(Ask::Control { component, command: Command::Stop, options })?;
        while self.next_transition()? != State::Stopped {}
        let told = Instant::now();
        let stopped = ledger.stopped.lock().unwrap_or_else(PoisonError::into_inner).take();
        let in_effect = stopped.expect("it has stopped, so its hook ran");
        for (delays, end) in [(&mut self.in_effect, in_effect), (&mut self.told, told)] {
            delays.saturating_record(end.saturating_duration_since(begun).as_nanos() as u64);
        }
        self.site.start(&name(STOPPED)).map(drop)
    }

    fn next_transition(&self) -> Result<State, Refusal> {
        let told = self.transitions.recv_timeout(WAIT_MAX);
        told.map(|transition| transition.to).map_err(|_| too_long("the stop"))
    }
}

/// Waits until something is so, without taking a processor.
fn wait(what: &str, mut is_so: impl FnMut() -> bool) -> Result<(), Refusal> {
    let deadline = Instant::now() + WAIT_MAX;
    while !is_so() {
        if Instant::now() > deadline {
            return Err(too_long(what));
        }
        pass(Duration::from_micros(50));
    }
    Ok(())
}

fn too_long(what: &str) -> Refusal {
    let reason = format!("{what} did not come about within {WAIT_MAX:?}");
    let way_out = "make sure that two processors are free for it";
    Refusal::new(Code::REQUEST_TIMEOUT, "stopping under load", reason, way_out)
}

/// Stops a component over and over while messages wait for it, or for others of its shard.
///
/// # Errors
/// Those of the host; 1053 if it takes too long; 1066 if a message was lost or came out of order.
pub(crate) fn under_load(
    plan: &Plan,
    queued: Queued,
    progress: &Progress,
) -> Result<Stops, Refusal> {
    let components = plan.components[plan.components.len() - 1].min(FEW);
    let ledger = Ledger::new(components);
    let (release, released) = bounded(1);
    let theirs = Arc::clone(&ledger);
    // Beside those that take part there is one brake for each shard.
    let make = move |index| match index < components {
        true => Part::Witness { index, ledger: Arc::clone(&theirs), running: false },
        false => Part::Brake(released.clone()),
    };
    // All that waits may lie in the lane.
    let lane_max = plan.tuning.lane_max.max(2 * plan.queued as usize);
    let tuning = Tuning { lane_max, ..plan.tuning };
    let (mut site, ids) = host(components + u32::from(tuning.shards), &tuning, make)?;
    let shard = ids[STOPPED as usize].shard();
    let of_shard = (0..).zip(ids.iter().copied()).filter(|(_, id)| id.shard() == shard);
    let (targets, brakes): (Vec<_>, Vec<_>) = of_shard.partition(|(index, _)| *index < components);
    let (_, brake) = brakes[0];
    let (payload, most) = (plan.workload.payload, plan.queued + plan.queued / 10);
    let flood = Flood { port: site.port(tuning.batch), targets, queued, payload, most };

    let transitions = site.watch()?;
    let empty = || Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("bounds in order");
    let mut trial = Trial {
        site: &mut site,
        transitions,
        ledger: &ledger,
        brake,
        release,
        least: plan.queued,
        in_effect: empty(),
        told: empty(),
        waiting: u64::MAX,
    };
    thread::scope(|scope| {
        let going = Going(&ledger);
        scope.spawn(|| flood.run(&ledger));
        for stop in 0..plan.stops {
            let text = format!("stop {stop}, messages wait for {}", queued.for_whom());
            progress.begin(text);
            trial.stop_and_start()?;
        }
        drop(going);
        Ok(())
    })?;
    progress.step();
    wait("the last message", || ledger.waiting() == 0)?;
    let (in_effect, told) = (Delay::of(&trial.in_effect), Delay::of(&trial.told));
    let waiting = trial.waiting;
    site.shut_down()?;
    let messages = ledger.close()?;
    Ok(Stops { queued, waiting, messages, in_effect, told })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_or_out_of_order_is_told() {
        let ledger = Ledger::new(2);
        ledger.sent.store(3, Ordering::SeqCst);
        ledger.handled.store(2, Ordering::SeqCst);
        assert_eq!(ledger.waiting(), 1);
        let refusal = ledger.close().expect_err("one is lost");
        assert!(refusal.reason.starts_with("3 messages were sent, 2 handled"), "{refusal}");
        ledger.handled.store(3, Ordering::SeqCst);
        assert_eq!(ledger.close(), Ok(3));
        ledger.wrong.store(1, Ordering::SeqCst);
        assert_eq!(ledger.close().expect_err("one is out of order").code, Code::SPECIFIC);
    }
}
