//! A live site with components of a test's own, on real time.
#![allow(missing_docs, reason = "a test's name says it")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{LONG, Silent, ask_for_nothing, site_of};
use contract::control::{Accepted, Ask, HostControl, Refusal, Told};
use contract::lifecycle::{Code, CommandOptions, Exit, Startup, State};
use contract::store::Kept;
use contract::{
    Answer, Command, Component, Context, Descriptor, Fault, Message, Registration, Start, Started,
    Ticket,
};
use crossbeam_channel::{Receiver, Sender, unbounded};
use smsexec_live::{Options, Site};

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
            8 => ask_for_nothing(cx),
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

/// A site of one component, with the default options.
fn site_with<C: Component + 'static>(
    name: &str,
    outside: Silent,
    make: impl Fn() -> C + Send + Sync + 'static,
) -> Site {
    let component = Registration::new(name, Descriptor::new("a test's own", "own.log"), make);
    site_of(vec![component], outside, Options::default())
}

struct Bench {
    site: Site,
    told: Receiver<String>,
    outside: Receiver<&'static str>,
}

fn bench() -> Bench {
    let (tell, told) = unbounded();
    let (ask, outside) = unbounded();
    let silent = Silent { tell: Some(ask), ..Silent::default() };
    let site = site_with("TELLER", silent, move || Teller(tell.clone()));
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
    let (tell, told) = unbounded();
    let make = move || Chain { tell: tell.clone(), links: LINKS, come: 0 };
    let mut site = site_with("CHAIN", Silent::default(), make);
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
    let (tell, told) = unbounded();
    let make = move || Burst { tell: tell.clone(), come: 0 };
    let _site = site_with("BURST", Silent::default(), make);
    assert_eq!(told.recv_timeout(LONG).as_deref(), Ok("all have come"));
}

#[test]
fn a_setting_that_cannot_be_kept_is_not_acknowledged() {
    let outside = Silent { disk_is_full: true, ..Silent::default() };
    let mut site = site_of(Vec::new(), outside, Options::default());
    let refusal = site.set_mode(contract::settings::Mode::Offline).unwrap_err();
    assert_eq!(refusal.code, Code::SPECIFIC);
    assert!(refusal.reason.contains("it is full"), "{refusal}");
    let refusal = site.backup().unwrap_err();
    assert!(refusal.reason.contains("it is full"), "{refusal}");
    assert_eq!(site.service(contract::control::ServiceCommand::Stop).unwrap().code, Code::OK);
}

/// A component that does nothing.
struct Idle;

impl Component for Idle {}

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
    let descriptor = Descriptor { controls: vec![200], ..Descriptor::new("idles", "idle.log") };
    let a = Registration::new("A", descriptor, || Idle);
    let outside = Silent { disk_is_full: true, ..Silent::default() };
    let mut site = site_of(vec![a], outside, Options::default());
    let component = || "A".to_owned();
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
    assert_eq!(site.query("A").unwrap().startup, Startup::Manual, "it is so all the same");
}

/// Fails to start if its generation has not been kept.
struct Fenced(Arc<Mutex<Kept>>);

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
    let outside = Silent::default();
    let kept = Arc::clone(&outside.kept);
    let mut site = site_with("FENCED", outside, move || Fenced(Arc::clone(&kept)));
    for _ in 0..200 {
        site.restart("FENCED").unwrap();
    }
}
