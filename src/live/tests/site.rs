//! A live site with components of a test's own, on real time.
#![allow(missing_docs, reason = "a test's name says it")]

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use contract::cloud::{CloudCommand, CloudView};
use contract::control::{Accepted, Ask, HostControl, Refusal, Told};
use contract::lifecycle::{Code, CommandOptions, Exit, Startup, State};
use contract::outside::{Outside, Pending};
use contract::store::Kept;
use contract::{
    Answer, Command, Component, Context, Descriptor, Failure, Fault, Message, Registration,
    Request, Start, Started, Ticket,
};
use site::SiteDefinition;
use smsexec_live::{Options, Site};

const LONG: Duration = Duration::from_secs(60);

/// An outside that never answers, and tells when it is no longer asked to.
struct Silent(std::sync::Mutex<Sender<&'static str>>);

struct Asked(Sender<&'static str>);

impl Drop for Asked {
    fn drop(&mut self) {
        let _ = self.0.send("abandoned");
    }
}

impl Outside for Silent {
    fn perform(&self, _: Request) -> Pending {
        let asked = Asked(self.0.lock().unwrap().clone());
        let _ = asked.0.send("asked");
        Box::pin(async move {
            let _asked = asked;
            std::future::pending::<Answer>().await
        })
    }

    fn cloud(&self, _: CloudCommand) -> Result<CloudView, Refusal> {
        Ok(CloudView::default())
    }

    fn keep(&self, _: &Kept) -> Result<(), Failure> {
        Ok(())
    }

    fn snapshot(&self) -> Result<String, Failure> {
        Ok("nowhere".into())
    }
}

/// Tells a test what happens to it.
struct Teller(Sender<String>);

impl Component for Teller {
    fn start(&mut self, _: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        let _ = self.0.send(format!("start {}", cx.generation()));
        cx.after(Duration::from_secs(3600), "hour");
        Ok(Started::Running)
    }

    fn message(&mut self, message: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
        let number = message.word().unwrap_or_default();
        let _ = self.0.send(format!("message {number}"));
        match number {
            7 => panic!("seven"),
            8 => {
                cx.request(Request::Probe {
                    url: "https://nowhere.example".into(),
                    time_out: LONG,
                });
            }
            9 => cx.after(Duration::from_millis(20), "soon"),
            _ => {}
        }
        Ok(())
    }

    fn timer(&mut self, key: &'static str, cx: &mut Context<'_>) -> Result<(), Fault> {
        let _ = self.0.send(format!("timer {key}"));
        if key == "hour" {
            cx.after(Duration::from_secs(3600), "hour");
        }
        Ok(())
    }

    fn answer(&mut self, _: Ticket, _: Answer, _: &mut Context<'_>) -> Result<(), Fault> {
        let _ = self.0.send("answer".into());
        Ok(())
    }
}

struct Bench {
    site: Site,
    told: Receiver<String>,
    outside: Receiver<&'static str>,
}

fn bench() -> Bench {
    let (tell, told) = channel();
    let (ask, outside) = channel();
    let tell = std::sync::Mutex::new(tell);
    let make = move || Teller(tell.lock().unwrap().clone());
    let teller = Registration::new("TELLER", Descriptor::new("tells", "teller.log"), make);
    let silent = Arc::new(Silent(std::sync::Mutex::new(ask)));
    let definition = SiteDefinition::primary("PS1");
    let site = Site::start(&definition, vec![teller], silent, Options::default()).unwrap();
    Bench { site, told, outside }
}

impl Bench {
    fn send(&self, number: u64) {
        let id = self.site.board().find("TELLER").unwrap();
        self.site.lanes()[usize::from(id.shard())].tell(id, Message::Word(number));
    }

    #[track_caller]
    fn expect(&self, what: &str) {
        assert_eq!(self.told.recv_timeout(LONG).as_deref(), Ok(what));
    }
}

#[test]
fn messages_and_real_timers_reach_a_live_component() {
    let bench = bench();
    bench.expect("start 1");
    bench.send(1);
    bench.expect("message 1");
    bench.send(9);
    bench.expect("message 9");
    bench.expect("timer soon");
}

#[test]
fn a_panic_is_followed_by_a_restart_and_the_message_comes_again() {
    let bench = bench();
    bench.expect("start 1");
    bench.send(7);
    bench.send(1);
    bench.expect("message 7");
    bench.expect("start 2");
    bench.expect("message 7");
    bench.expect("start 3");
    bench.expect("message 7");
    // Three times is enough: it is set aside, and what waited behind it comes through.
    bench.expect("start 4");
    bench.expect("message 1");
}

#[test]
fn what_a_life_asked_for_is_abandoned_with_it() {
    let mut bench = bench();
    bench.send(8);
    assert_eq!(bench.outside.recv_timeout(LONG), Ok("asked"));
    bench.site.stop("TELLER").unwrap();
    assert_eq!(bench.outside.recv_timeout(LONG), Ok("abandoned"));
}

#[test]
fn an_advance_fires_every_hour_on_the_way_and_what_is_left_of_the_next_one_is_shorter() {
    let mut bench = bench();
    bench.expect("start 1");
    let hours = 5 * Duration::from_secs(3600);
    bench.site.advance(hours).unwrap();
    for _ in 0..5 {
        bench.expect("timer hour");
    }
    // Less than a second before the next hour: real time does the rest.
    let now = bench.site.clock().read().now.since_start();
    bench
        .site
        .advance(hours + Duration::from_secs(3600) - now - Duration::from_millis(400))
        .unwrap();
    bench.expect("timer hour");
}

#[test]
fn the_board_is_read_without_asking_anybody() {
    let mut bench = bench();
    let id = bench.site.board().find("teller").unwrap();
    assert_eq!(bench.site.board().view(id).unwrap().state, State::Running);
    bench.site.pause("TELLER").unwrap();
    assert_eq!(bench.site.board().view(id).unwrap().state, State::Paused);
}

#[test]
fn many_hosts_run_side_by_side_and_each_ends_with_its_owner() {
    let mut benches: Vec<Bench> = (0..8).map(|_| bench()).collect();
    for bench in &mut benches {
        bench.site.control("TELLER", Command::Kill).unwrap();
        let status = bench.site.query("TELLER").unwrap();
        assert_eq!(
            (status.exit_code, status.last_exit),
            (Code::REQUEST_TIMEOUT, Some(Exit::Killed))
        );
    }
    drop(benches);
}

#[test]
fn a_host_starts_and_ends_inside_somebody_s_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let bench = bench();
        bench.expect("start 1");
        bench.site.shut_down().unwrap();
    });
}

/// At the first timer sends itself one message after another; at the second tells how many
/// have come.
struct Chain {
    tell: Sender<String>,
    links: u64,
    come: u64,
}

impl Component for Chain {
    fn start(&mut self, _: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        cx.after(Duration::from_secs(100), "begin");
        cx.after(Duration::from_secs(200), "end");
        Ok(Started::Running)
    }

    fn message(&mut self, message: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
        self.come += 1;
        if let Some(left) = message.word().filter(|left| *left > 0) {
            cx.send(cx.id(), Message::Word(left - 1));
        }
        Ok(())
    }

    fn timer(&mut self, key: &'static str, cx: &mut Context<'_>) -> Result<(), Fault> {
        match key {
            "begin" => cx.send(cx.id(), Message::Word(self.links - 1)),
            _ => drop(self.tell.send(format!("{} have come", self.come))),
        }
        Ok(())
    }
}

#[test]
fn an_advance_waits_for_the_end_of_what_a_timer_has_begun() {
    const LINKS: u64 = 100_000;
    let (tell, told) = channel();
    let (ask, _outside) = channel();
    let tell = std::sync::Mutex::new(tell);
    let make = move || Chain { tell: tell.lock().unwrap().clone(), links: LINKS, come: 0 };
    let chain = Registration::new("CHAIN", Descriptor::new("a chain", "chain.log"), make);
    let silent = Arc::new(Silent(std::sync::Mutex::new(ask)));
    let definition = SiteDefinition::primary("PS1");
    let mut site = Site::start(&definition, vec![chain], silent, Options::default()).unwrap();
    site.advance(Duration::from_secs(300)).unwrap();
    assert_eq!(told.try_recv(), Ok(format!("{LINKS} have come")));
}

/// At its one timer sends itself more than a turn takes.
struct Burst {
    tell: Sender<String>,
    come: u64,
}

const BURST: u64 = 3_000;

impl Component for Burst {
    fn start(&mut self, _: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        cx.after(Duration::from_millis(20), "burst");
        Ok(Started::Running)
    }

    fn message(&mut self, _: &Message, _: &mut Context<'_>) -> Result<(), Fault> {
        self.come += 1;
        if self.come == BURST {
            let _ = self.tell.send("all have come".into());
        }
        Ok(())
    }

    fn timer(&mut self, _: &'static str, cx: &mut Context<'_>) -> Result<(), Fault> {
        for number in 0..BURST {
            cx.send(cx.id(), Message::Word(number));
        }
        Ok(())
    }
}

#[test]
fn a_burst_that_the_last_timer_sends_is_handled_to_its_end() {
    let (tell, told) = channel();
    let (ask, _outside) = channel();
    let tell = std::sync::Mutex::new(tell);
    let make = move || Burst { tell: tell.lock().unwrap().clone(), come: 0 };
    let burst = Registration::new("BURST", Descriptor::new("a burst", "burst.log"), make);
    let silent = Arc::new(Silent(std::sync::Mutex::new(ask)));
    let definition = SiteDefinition::primary("PS1");
    let _site = Site::start(&definition, vec![burst], silent, Options::default()).unwrap();
    assert_eq!(told.recv_timeout(LONG).as_deref(), Ok("all have come"));
}

/// An outside that cannot keep anything.
struct FullDisk;

impl Outside for FullDisk {
    fn perform(&self, _: Request) -> Pending {
        Box::pin(std::future::pending())
    }

    fn cloud(&self, _: CloudCommand) -> Result<CloudView, Refusal> {
        Ok(CloudView::default())
    }

    fn keep(&self, _: &Kept) -> Result<(), Failure> {
        Err(Failure::new(contract::FailureKind::Disk, "it is full"))
    }

    fn snapshot(&self) -> Result<String, Failure> {
        Err(Failure::new(contract::FailureKind::Disk, "it is full"))
    }
}

#[test]
fn a_setting_that_cannot_be_kept_is_not_acknowledged() {
    let definition = SiteDefinition::primary("PS1");
    let mut site =
        Site::start(&definition, Vec::new(), Arc::new(FullDisk), Options::default()).unwrap();
    let refusal = site.set_mode(contract::settings::Mode::Offline).unwrap_err();
    assert_eq!(refusal.code, Code::SPECIFIC);
    assert!(refusal.reason.contains("it is full"), "{refusal}");
    let refusal = site.backup().unwrap_err();
    assert!(refusal.reason.contains("it is full"), "{refusal}");
    assert_eq!(site.service(contract::control::ServiceCommand::Stop).unwrap().code, Code::OK);
}

/// Says what became of a command, when it was accepted.
#[track_caller]
fn accepted(told: Result<Told, Refusal>) -> Accepted {
    match told {
        Ok(Told::Accepted(accepted)) => accepted,
        told => panic!("accepted is expected, not {told:?}"),
    }
}

#[test]
fn a_command_that_cannot_be_kept_takes_effect_and_says_that_it_does_not_last() {
    let (tell, _told) = channel();
    let tell = std::sync::Mutex::new(tell);
    let make = move || Teller(tell.lock().unwrap().clone());
    let descriptor = Descriptor { controls: vec![200], ..Descriptor::new("tells", "teller.log") };
    let teller = Registration::new("TELLER", descriptor, make);
    let definition = SiteDefinition::primary("PS1");
    let mut site =
        Site::start(&definition, vec![teller], Arc::new(FullDisk), Options::default()).unwrap();
    let component = || "TELLER".to_owned();
    let startup = || Ask::SetStartup { component: component(), startup: Startup::Manual };
    let persist = CommandOptions { persist: true, ..CommandOptions::default() };
    let stop = Ask::Control { component: component(), command: Command::Stop, options: persist };
    let handed = Ask::Control {
        component: component(),
        command: Command::Custom(200),
        options: CommandOptions::default(),
    };
    assert_eq!(accepted(site.ask(handed)).keep_problem(), None, "nothing of it is to last");
    for ask in [
        startup(),
        // Once more: it changes nothing, and is kept no better.
        startup(),
        Ask::Hold { component: component(), lease: LONG },
        Ask::Release { component: component() },
        stop,
        Ask::Remove { component: component() },
    ] {
        let accepted = accepted(site.ask(ask.clone()));
        let problem = accepted.keep_problem().unwrap_or_else(|| panic!("{ask:?}: {accepted:?}"));
        assert!(problem.starts_with("not kept") && problem.contains("it is full"), "{problem}");
    }
    assert_eq!(site.query("TELLER").unwrap().startup, Startup::Manual, "it is so all the same");
}

/// An outside that tells what it has kept.
#[derive(Default)]
struct Keeper(Arc<std::sync::Mutex<Kept>>);

impl Outside for Keeper {
    fn perform(&self, _: Request) -> Pending {
        Box::pin(std::future::pending())
    }

    fn cloud(&self, _: CloudCommand) -> Result<CloudView, Refusal> {
        Ok(CloudView::default())
    }

    fn keep(&self, kept: &Kept) -> Result<(), Failure> {
        *self.0.lock().unwrap() = kept.clone();
        Ok(())
    }

    fn snapshot(&self) -> Result<String, Failure> {
        Ok("nowhere".into())
    }
}

/// Fails to start if its generation has not been kept.
struct Fenced(Arc<std::sync::Mutex<Kept>>);

impl Component for Fenced {
    fn start(&mut self, _: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        let kept = self.0.lock().unwrap().components.get("FENCED").map(|kept| kept.generation);
        if kept == Some(cx.generation()) { Ok(Started::Running) } else { Err(Fault::new(1, "no")) }
    }

    fn message(&mut self, _: &Message, _: &mut Context<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

#[test]
fn a_generation_is_kept_before_its_life_begins() {
    let keeper = Keeper::default();
    let kept = Arc::clone(&keeper.0);
    let make = move || Fenced(Arc::clone(&kept));
    let fenced = Registration::new("FENCED", Descriptor::new("is fenced", "fenced.log"), make);
    let definition = SiteDefinition::primary("PS1");
    let mut site =
        Site::start(&definition, vec![fenced], Arc::new(keeper), Options::default()).unwrap();
    for _ in 0..200 {
        site.restart("FENCED").unwrap();
    }
}
