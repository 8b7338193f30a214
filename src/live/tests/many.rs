//! Many components at once: every one of them is stopped and started, or crashes and comes back,
//! and nothing of it goes untold. The large ones are for whoever measures; as in
//! `valgrind --tool=callgrind`, of which instructions a component are told at the end.
#![allow(missing_docs, reason = "a test's name says it")]

mod common;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use ::site::SiteDefinition;
use common::{LONG, service};
use contract::control::{Ask, CrashRecord, HostControl, ServiceCommand, Told};
use contract::lifecycle::{Backoff, Budget, Exit, State};
use contract::status::StatusRecord;
use contract::{
    Component, Context, Descriptor, Fault, Message, Progress, Registration, Start, Started,
};
use smsexec_live::{NoOutside, Options, Site};
use status::ids;

/// What the hooks of all components have counted, each for itself.
#[derive(Debug)]
struct Counts {
    starts: Vec<AtomicU64>,
    stops: Vec<AtomicU64>,
    /// Crashes of each.
    crashes: u64,
    /// One word for each component that has crashed for the last time and is up again.
    over: mpsc::Sender<()>,
}

impl Counts {
    fn new(many: usize, crashes: u64) -> (Arc<Self>, mpsc::Receiver<()>) {
        let (over, all_over) = mpsc::channel();
        let none = || (0..many).map(|_| AtomicU64::new(0)).collect();
        (Arc::new(Counts { starts: none(), stops: none(), crashes, over }), all_over)
    }

    #[track_caller]
    fn expect(&self, starts: u64, stops: u64) {
        let is = |counts: &[AtomicU64], expected| {
            counts.iter().all(|count| count.load(Ordering::SeqCst) == expected)
        };
        assert!(is(&self.starts, starts), "starts: {:?}", self.starts);
        assert!(is(&self.stops, stops), "stops: {:?}", self.stops);
    }
}

/// It counts, and panics on every message.
struct One {
    number: usize,
    counts: Arc<Counts>,
}

impl Component for One {
    fn start(&mut self, _: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        let before = self.counts.starts[self.number].fetch_add(1, Ordering::SeqCst);
        let crashes = self.counts.crashes;
        if before < crashes {
            cx.send(cx.id(), Message::Word(0));
        } else if before == crashes {
            let _ = self.counts.over.send(());
        }
        Ok(Started::Running)
    }

    fn message(&mut self, _: &Message, _: &mut Context<'_>) -> Result<(), Fault> {
        panic!("it was asked for")
    }

    fn stop(&mut self, _: &mut Context<'_>) -> Result<Progress, Fault> {
        self.counts.stops[self.number].fetch_add(1, Ordering::SeqCst);
        Ok(Progress::Done)
    }
}

fn name(number: usize) -> String {
    format!("ONE_{number}")
}

/// A site of so many on one shard, none of whose threads looks out for anything.
fn site(counts: &Arc<Counts>) -> Site {
    let mut descriptor = Descriptor::new("one of many", "many.log");
    descriptor.backoff = Backoff { first: Duration::ZERO, ..Backoff::default() };
    descriptor.budget = Budget { crashes: u32::MAX, period: Duration::from_millis(1) };
    descriptor.poison_after = 1;
    let descriptor = Arc::new(descriptor);
    let register = |number| {
        let counts = Arc::clone(counts);
        let make = move || One { number, counts: Arc::clone(&counts) };
        Registration::new(name(number), Arc::clone(&descriptor), make)
    };
    let components = (0..counts.starts.len()).map(register).collect();
    let options = Options { shards: 1, jitter: false, spin: Duration::ZERO, ..Options::default() };
    let definition = SiteDefinition::primary("PS1");
    Site::start(&definition, components, Arc::new(NoOutside), options).expect("it starts")
}

fn messages(site: &mut Site, component: &str) -> Vec<StatusRecord> {
    match site.ask(Ask::Messages { component: Some(component.to_owned()), last: usize::MAX }) {
        Ok(Told::Messages(messages)) => messages,
        told => unreachable!("messages were asked for, told {told:?}"),
    }
}

fn crashes(site: &mut Site) -> Vec<CrashRecord> {
    match site.ask(Ask::Crashes { component: None, last: usize::MAX }) {
        Ok(Told::Crashes(crashes)) => crashes,
        told => unreachable!("crashes were asked for, told {told:?}"),
    }
}

/// Restarts all, so often.
fn restart_all(many: usize, times: u64) -> (Site, Arc<Counts>) {
    let (counts, _all_over) = Counts::new(many, 0);
    let mut site = site(&counts);
    for _ in 0..times {
        site.service(ServiceCommand::Restart).expect("it is restarted");
    }
    counts.expect(times + 1, times);
    assert_eq!(service(&mut site).running, many as u64);
    (site, counts)
}

/// Has so many crash so often.
fn crash_all(many: usize, times: u64) -> Site {
    let (counts, all_over) = Counts::new(many, times);
    let mut site = site(&counts);
    (0..many).for_each(|_| all_over.recv_timeout(LONG).expect("it comes back"));
    counts.expect(times + 1, 0);
    for number in [0, many - 1] {
        let status = site.query(&name(number)).expect("it is there");
        assert_eq!((status.crashes, status.generation.0), (times, times + 1));
    }
    site
}

#[test]
fn every_change_of_each_is_told_once_and_in_order() {
    const MANY: usize = 500;
    let (counts, _all_over) = Counts::new(MANY, 0);
    let mut site = site(&counts);
    let changes = site.watch().expect("it is there");
    site.service(ServiceCommand::Restart).expect("it is restarted");
    counts.expect(2, 1);
    let changes: Vec<_> = changes.try_iter().collect();
    assert!(changes.windows(2).all(|pair| pair[1].number == pair[0].number + 1));
    for number in 0..MANY {
        let name = name(number);
        let of_it = changes.iter().filter(|change| *change.name == *name);
        let states: Vec<_> = of_it.map(|change| (change.generation.0, change.to)).collect();
        let (stops, starts) = ([State::StopPending, State::Stopped], [State::StartPending]);
        let first = stops.map(|state| (1, state)).into_iter();
        let second = starts.into_iter().chain([State::Running]).map(|state| (2, state));
        assert_eq!(states, first.chain(second).collect::<Vec<_>>(), "{name}");
        let said: Vec<u32> = messages(&mut site, &name).iter().map(|m| m.message.id).collect();
        let (started, stopped) = (ids::COMPONENT_STARTED, ids::COMPONENT_STOPPED);
        assert_eq!(said, [started, stopped, started], "{name}");
    }
}

#[test]
fn every_crash_of_each_is_recorded_with_its_trace() {
    const MANY: usize = 16;
    const TIMES: u64 = 20;
    let mut site = crash_all(MANY, TIMES);
    let records = crashes(&mut site);
    assert_eq!(records.len(), MANY * TIMES as usize);
    for (number, record) in (1..).zip(&records) {
        assert_eq!(record.number, number);
        assert!(matches!(&record.exit, Exit::Panic { text, .. } if **text == *"it was asked for"));
        assert!(record.backtrace.contains("catch_unwind"), "{}", record.backtrace);
    }
    for number in 0..MANY {
        let name = name(number);
        let of_it = records.iter().filter(|record| record.component == name);
        let lives: Vec<u64> = of_it.map(|record| record.generation.0).collect();
        assert_eq!(lives, (1..=TIMES).collect::<Vec<_>>(), "{name}");
        let said = messages(&mut site, &name).into_iter().map(|record| record.message);
        let said: Vec<_> = said.map(|message| (message.id, message.strings)).collect();
        let told = |wanted| said.iter().filter(|(id, _)| *id == wanted).count() as u64;
        assert_eq!(told(ids::COMPONENT_STARTED), TIMES + 1, "{name}");
        assert_eq!(told(ids::COMPONENT_RESTARTS), TIMES, "{name}");
        let (_, strings) = said.iter().find(|(id, _)| *id == ids::COMPONENT_RESTARTS).unwrap();
        assert!(strings[0].contains("it was asked for"), "{strings:?}");
    }
}

macro_rules! to_be_measured {
    ($($name:ident: $run:expr;)*) => {
        $(
            #[test]
            #[ignore = "for whoever measures"]
            fn $name() {
                let _ = $run;
            }
        )*
    };
}

to_be_measured! {
    restart_1_000_once: restart_all(1_000, 1);
    restart_1_000_11_times: restart_all(1_000, 11);
    restart_100_000_once: restart_all(100_000, 1);
    restart_100_000_3_times: restart_all(100_000, 3);
    crash_1_1_000_times: crash_all(1, 1_000);
    crash_1_11_000_times: crash_all(1, 11_000);
    crash_16_1_000_times: crash_all(16, 1_000);
    crash_1_000_16_times: crash_all(1_000, 16);
}
