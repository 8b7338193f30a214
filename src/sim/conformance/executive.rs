//! SMS_EXECUTIVE as a whole, configuration, backup, dependencies: cases X.

use std::time::Duration;

use contract::control::{Ask, HostControl, ServiceCommand};
use contract::id::MessageId;
use contract::lifecycle::{
    CommandOptions, Desired, Exit, HoldKind, Isolation, Startup, State, Substate,
};
use contract::settings::{Mode, TimeOfDay, keys};
use contract::{
    Code, Command, Component, Context, Descriptor, Fault, Message, Registration, Request, Start,
    Started,
};
use status::ids;

use super::stage::{
    BLOCKS, HOUR, LONG, MINUTE, SECOND, blocks_for, fault, fault_in_life, panics, post,
    run_until_running, site,
};
use super::view::{
    changes_from, delivered, generation, generations, now, refused, service, status, times,
};
use super::{Case, Kit, Ran};
use crate::event::{Event, What};
use crate::probe::{Does, Probe};
use crate::run::Site;

pub(super) const CASES: &[Case] = &[
    Case { number: "X01", about: "a setting takes effect at the next start", run: x01 },
    Case { number: "X02", about: "a setting changed during a start, and back", run: x02 },
    Case { number: "X03", about: "what a start of the executive starts", run: x03 },
    Case { number: "X04", about: "a backup stops all and brings back what ran", run: x04 },
    Case { number: "X06", about: "one that hangs does not hold up the executive's stop", run: x06 },
    Case { number: "X07", about: "dependents, dependencies and circles", run: x07 },
];

/// The reports with that id, by whom.
fn reporters(site: &mut Site, id: u32) -> Vec<String> {
    let reports = site.messages().into_iter().filter(|record| record.message.id == id);
    reports.map(|record| record.component).collect()
}

/// Whether a component makes network calls is its own to say: that there are none is checked
/// of a component of the kit's own, which calls at its start and at every message while it is
/// online, and of the given one if it declares the mode.
fn x01(kit: &Kit) -> Ran {
    let heeds_mode = kit.registration.descriptor.start_only.contains(&keys::MODE.key);
    let with_mode = |d: &mut Descriptor| {
        (d.start_only, d.reloads) = (vec![keys::MODE.key], Vec::new());
    };
    goes_offline(kit, kit.declared("A", with_mode), heeds_mode);
    let mut calls = Descriptor::new("calls while it is online", "caller.log");
    with_mode(&mut calls);
    let mut site =
        goes_offline(kit, Registration::new("A", calls, || Caller { online: false }), true);
    assert!(calls_of_a(&mut site) > 0, "while it was online it did call");
    Ran::Passed
}

fn calls_of_a(site: &mut Site) -> usize {
    let is_call = |event: &&Event| matches!(event.what, What::Asked { .. }) && event.is_about("A");
    site.events().iter().filter(is_call).count()
}

fn goes_offline(kit: &Kit, a: Registration, heeds_mode: bool) -> Site {
    let others = ["B", "C"]
        .map(|name| kit.declared(name, |d| (d.start_only, d.reloads) = (Vec::new(), Vec::new())));
    let mut site = site([a].into_iter().chain(others));
    site.send("A", kit.message(0)).expect("it is accepted");
    site.advance(MINUTE).expect("it comes to rest");

    let view = site.set_mode(Mode::Offline).expect("there is such a setting");
    assert_eq!((view.stored.as_str(), view.restart_required), ("offline", vec!["A".to_owned()]));
    assert_eq!(site.effective(&keys::MODE, "A"), Some(Mode::Online));
    assert_eq!(status(&mut site, "A").restart_required, [keys::MODE.key]);
    assert_eq!(status(&mut site, "B").restart_required, [""; 0]);
    makes_no_call(kit, &mut site, heeds_mode, |site| drop(site.restart("A").expect("it runs")));
    assert_eq!(generations(&mut site, ["A", "B", "C"]), [2, 1, 1]);

    // Stopped at the change, it has nothing to be restarted for.
    site.set_mode(Mode::Online).expect("there is such a setting");
    site.restart("A").expect("it runs");
    site.stop("A").expect("it runs");
    let view = site.set_mode(Mode::Offline).expect("there is such a setting");
    assert_eq!((view.restart_required.len(), view.effective.len()), (0, 0));
    makes_no_call(kit, &mut site, heeds_mode, |site| drop(site.start("A").expect("it is stopped")));
    site
}

/// Offline is in effect from the first action of the life that `begin` begins.
fn makes_no_call(kit: &Kit, site: &mut Site, heeds_mode: bool, begin: fn(&mut Site)) {
    let before = calls_of_a(site);
    begin(site);
    assert_eq!(site.effective(&keys::MODE, "A"), Some(Mode::Offline));
    assert_eq!(status(site, "A").restart_required, [""; 0]);
    site.send("A", kit.message(1)).expect("it is accepted");
    site.advance(HOUR).expect("it comes to rest");
    assert!(!heeds_mode || calls_of_a(site) == before, "no network call after");
}

/// Calls at its start and at every message, if it was started online.
struct Caller {
    online: bool,
}

impl Caller {
    fn call(&self, cx: &mut Context<'_>) {
        if self.online {
            let url = "https://gateway.manage.microsoft.com/".into();
            cx.request(Request::Probe { url, time_out: SECOND });
        }
    }
}

impl Component for Caller {
    fn start(&mut self, start: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        self.online = start.settings.get(&keys::MODE) == Mode::Online;
        self.call(cx);
        Ok(Started::Running)
    }

    fn message(&mut self, _: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
        self.call(cx);
        Ok(())
    }
}

const ONE: &str = "kit.one";
const OTHER: &str = "kit.other";

/// What a life was given is what the executive says is in effect; what it sees is written down
/// by a component of the kit's own.
fn x02(kit: &Kit) -> Ran {
    let two_keys = |d: &mut Descriptor| {
        d.start_only = vec![ONE, OTHER];
        d.startup = Startup::Manual;
    };
    changes_while_starting(kit.declared("A", two_keys));
    let mut descriptor = Descriptor::new("writes down what it is given", "pair.log");
    two_keys(&mut descriptor);
    let mut site = changes_while_starting(Registration::new("A", descriptor, || Pair));
    let log = site.log("pair.log").expect("it has a log").join("\n");
    for pair in ["given old and old", "given new and new"] {
        assert_eq!(log.matches(pair).count(), 1, "{pair}\n{log}");
    }
    assert_eq!(log.matches("given").count(), 2, "never anything else\n{log}");
    Ran::Passed
}

fn changes_while_starting(a: Registration) -> Site {
    let mut site = site([a]);
    let set = |site: &mut Site, keys: &[&str], value: &str| {
        for key in keys {
            let ask = Ask::Set { key: (*key).to_owned(), value: value.to_owned() };
            site.ask(ask).expect("the component declares it");
        }
    };
    set(&mut site, &[ONE, OTHER], "old");
    let _guard = fault_in_life(&mut site, 1, "A", "start", blocks_for(2 * SECOND));
    site.order("A", Command::Start).expect("it is stopped");
    site.advance(SECOND).expect("it comes to rest");
    assert_eq!(status(&mut site, "A").state, State::StartPending);
    set(&mut site, &[ONE, OTHER], "new");
    run_until_running(&mut site, &["A"]);

    let shown = |site: &mut Site| status(site, "A").restart_required;
    let in_effect = |site: &mut Site| {
        [ONE, OTHER].map(|key| match site.ask(Ask::Settings(Some(key.to_owned()))) {
            Ok(contract::control::Told::Settings(views)) => views[0].effective[0].1.clone(),
            told => unreachable!("a setting was asked for, told {told:?}"),
        })
    };
    assert_eq!(shown(&mut site), [ONE, OTHER]);
    assert_eq!(in_effect(&mut site), ["old", "old"]);
    set(&mut site, &[ONE], "old");
    assert_eq!(shown(&mut site), [OTHER]);
    assert_eq!(in_effect(&mut site), ["old", "old"], "the keys of one version");
    set(&mut site, &[OTHER], "old");
    assert_eq!(shown(&mut site), [""; 0], "all is as it was");

    set(&mut site, &[ONE, OTHER], "new");
    site.restart("A").expect("it runs");
    assert_eq!((shown(&mut site).len(), in_effect(&mut site)), (0, ["new", "new"].map(Into::into)));
    site
}

/// Writes down what it is given.
struct Pair;

impl Component for Pair {
    fn start(&mut self, start: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        let given = [ONE, OTHER].map(|key| start.settings.text(key).unwrap_or("none"));
        cx.log(format!("given {}", given.join(" and ")));
        Ok(Started::Running)
    }
}

fn x03(kit: &Kit) -> Ran {
    type Anew = fn(&mut Site);
    let restarted: Anew = |site| drop(site.service(ServiceCommand::Restart).expect("it runs"));
    let killed: Anew = |site| {
        site.kill();
        site.start_again().expect("what is kept is in order");
    };
    for anew in [restarted, killed] {
        let mut site = site([
            kit.plain("A"),
            kit.declared("B", |b| b.startup = Startup::Manual),
            kit.declared("C", |c| c.startup = Startup::Disabled),
        ]);
        site.start("B").expect("it waits for that");
        site.stop("B").expect("it runs");
        site.stop("A").expect("it runs");
        anew(&mut site);
        assert_eq!(status(&mut site, "A").state, State::Running);
        assert_eq!(generation(&mut site, "A"), 2);
        assert_eq!(reporters(&mut site, ids::COMPONENT_STARTED_AGAIN), ["A"]);
        let (b, c) = (status(&mut site, "B"), status(&mut site, "C"));
        assert_eq!((b.state, b.generation.0), (State::Stopped, 1));
        assert_eq!((c.substate, c.generation.0), (Some(Substate::Disabled), 0));
        assert_eq!(refused(site.start("C")), 1058);

        let persist = CommandOptions { persist: true, ..CommandOptions::default() };
        site.control_with("A", Command::Stop, persist).expect("it runs");
        anew(&mut site);
        anew(&mut site);
        let a = status(&mut site, "A");
        assert_eq!((a.substate, a.generation.0, a.persist), (Some(Substate::Operator), 2, true));
    }
    Ran::Passed
}

/// When the backup of [`EPOCH`](crate::EPOCH)'s next morning begins: 18 hours after it.
const WINDOW: Duration = Duration::from_secs(18 * 3600);

/// A stop that says it will be done later and never is cannot be injected: E is a probe.
fn x04(kit: &Kit) -> Ran {
    backup_by_schedule(kit);
    backup_outlives_a_kill(kit);
    lease_runs_out(kit);
    Ran::Passed
}

/// A site that is backed up every night at two, where C depends on B and B on A.
fn backed_up(kit: &Kit, takes: Duration, others: impl IntoIterator<Item = Registration>) -> Site {
    let layers = [
        kit.plain("A"),
        kit.declared("B", |b| b.depends_on = vec!["A".into()]),
        kit.declared("C", |c| c.depends_on = vec!["B".into()]),
    ];
    let two = TimeOfDay::new(2, 0).expect("02:00 is on every clock");
    Site::primary("PS1")
        .components(layers.into_iter().chain(others))
        .setting(&keys::BACKUP_ENABLED, &true)
        .setting(&keys::BACKUP_AT, &two)
        .backup_takes(takes)
        .start()
        .expect("the site starts")
}

fn go_to(site: &mut Site, moment: Duration) {
    let by = moment.checked_sub(now(site)).expect("it is not over yet");
    site.advance(by).expect("it comes to rest");
}

fn backup_by_schedule(kit: &Kit) {
    let others = [
        kit.declared("D", |d| d.isolation = Isolation::Dedicated),
        Probe::new("E").stop(Does::Hang).build().0,
        kit.plain("F"),
        kit.declared("G", |g| g.startup = Startup::Manual),
        kit.plain("H"),
    ];
    let mut site = backed_up(kit, 10 * MINUTE, others);
    site.stop("F").expect("it runs");
    let pausable = kit.is_pausable();
    if pausable {
        site.pause("H").expect("it can be paused");
    }
    let guard = fault(&mut site, "D", "stop", BLOCKS);
    go_to(&mut site, WINDOW - SECOND);
    let from = site.events().len();
    go_to(&mut site, WINDOW + 2 * MINUTE);
    assert_went_down(&mut site, from);
    assert_held(&mut site);
    let sent = ["A", "C", "D", "H"].map(|name| (name, post(kit, &mut site, name, 0..5)));
    go_to(&mut site, WINDOW + 3 * MINUTE);
    for (name, sent) in &sent {
        assert_eq!(status(&mut site, name).inbox, 5, "those for {name} are retained");
        assert_eq!(delivered(&site, name, sent), []);
    }
    drop(guard);

    site.run_until(HOUR, |site| service(site).state == State::Running);
    run_until_running(&mut site, &["A", "B", "C", "D", "E"]);
    assert_came_back(&mut site, pausable);
    if pausable {
        site.resume("H").expect("it is paused");
    }
    site.advance(MINUTE).expect("it comes to rest");
    for (name, sent) in &sent {
        assert_eq!(delivered(&site, name, sent), *sent, "those for {name}: in order, and once");
    }
}

/// All went down from two o'clock on: in reverse layers, and by force where need be.
fn assert_went_down(site: &mut Site, from: usize) {
    let expected = ["C", "B", "A"].map(|name| {
        let stops = format!("{name} 1 Running -> Stopping");
        [stops, format!("{name} 1 Stopping -> Stopped held")]
    });
    assert_eq!(changes_from(site, from, &["A", "B", "C"]), expected.concat());
    let stopping = |state| What::Service { state };
    assert_eq!(
        times(site, WINDOW - SECOND, |e| e.what == stopping(State::StopPending)),
        [SECOND],
        "it begins when the clock shows two"
    );
    for (name, after) in [("D", 32 * SECOND), ("E", 30 * SECOND)] {
        assert_eq!(times(site, WINDOW, |e| e.became(name, State::StopPending)), [Duration::ZERO]);
        assert_eq!(times(site, WINDOW, |e| e.became(name, State::Stopped)), [after], "{name}");
        assert_eq!(status(site, name).last_exit, Some(Exit::Killed), "{name}");
    }
    let mut killed = reporters(site, ids::COMPONENT_KILLED);
    killed.sort();
    assert_eq!(killed, ["D", "E"], "a warning each");
}

/// Nothing can be started; everything can be asked about.
fn assert_held(site: &mut Site) {
    for name in ["A", "D", "F", "G"] {
        assert_eq!(refused(site.start(name)), 1055, "{name}");
        assert_eq!(refused(site.restart(name)), 1055, "{name}");
    }
    assert_eq!(refused(site.service(ServiceCommand::Start)), 1055);
    assert_eq!(refused(site.backup()), 1055);
    let a = status(site, "A");
    assert_eq!(
        (a.state, a.substate, a.desired),
        (State::Stopped, Some(Substate::Held), Desired::Up)
    );
    assert!(a.holds.contains(&HoldKind::Backup), "{:?}", a.holds);
    let all = service(site);
    assert_eq!((all.state, all.running, all.exit_status), (State::Stopped, 0, None));
}

/// What is wanted up runs, and nothing else; dependencies before dependents.
fn assert_came_back(site: &mut Site, pausable: bool) {
    for name in ["A", "B", "C", "D", "E"] {
        let row = status(site, name);
        assert_eq!((row.state, row.desired), (State::Running, Desired::Up), "{name}");
        assert_eq!(row.generation.0, 2, "{name}");
    }
    let began = |site: &Site, name: &str| {
        let last = site.events().iter().rfind(|e| e.became(name, State::Running));
        last.expect("it runs").number
    };
    assert!(began(site, "A") < began(site, "B") && began(site, "B") < began(site, "C"));
    let (f, g, h) = (status(site, "F"), status(site, "G"), status(site, "H"));
    assert_eq!((f.substate, f.generation.0), (Some(Substate::Operator), 1));
    assert_eq!((g.substate, g.generation.0), (Some(Substate::NeverStarted), 0));
    let wanted = if pausable { State::Paused } else { State::Running };
    assert_eq!((h.state, h.generation.0), (wanted, 2));
}

/// The lease is kept: the executive after the one that was killed waits for its end.
fn backup_outlives_a_kill(kit: &Kit) {
    let mut site = backed_up(kit, 10 * MINUTE, []);
    go_to(&mut site, WINDOW + 5 * MINUTE);
    let before = post(kit, &mut site, "A", 0..3);
    site.kill();
    site.advance(MINUTE).expect("it comes to rest");
    site.start_again().expect("what is kept is in order");
    assert_eq!(refused(site.start("A")), 1055);
    assert!(status(&mut site, "A").holds.contains(&HoldKind::Backup));
    let after = post(kit, &mut site, "A", 3..6);

    go_to(&mut site, WINDOW + HOUR - SECOND);
    assert_eq!(generations(&mut site, ["A", "B", "C"]), [1; 3]);
    go_to(&mut site, WINDOW + HOUR);
    assert_eq!(status(&mut site, "A").generation.0, 2, "its lease has run out");
    assert_eq!(reporters(&mut site, ids::HOLD_RAN_OUT), [host::EXECUTIVE]);
    run_until_running(&mut site, &["A", "B", "C"]);
    site.advance(MINUTE).expect("it comes to rest");
    let sent = [before, after].concat();
    assert_eq!(delivered(&site, "A", &sent), sent, "in order, and once");
    assert_eq!(generations(&mut site, ["A", "B", "C"]), [2; 3]);
}

/// A copy that takes longer than the lease is not waited for.
fn lease_runs_out(kit: &Kit) {
    let mut site = backed_up(kit, 2 * HOUR, []);
    go_to(&mut site, WINDOW + HOUR - SECOND);
    assert_eq!(refused(site.start("A")), 1055);
    let sent: Vec<MessageId> = post(kit, &mut site, "A", 0..3);
    go_to(&mut site, WINDOW + HOUR);
    assert_eq!(reporters(&mut site, ids::HOLD_RAN_OUT), [host::EXECUTIVE]);
    run_until_running(&mut site, &["A", "B", "C"]);
    site.advance(2 * HOUR).expect("it comes to rest");
    assert_eq!(delivered(&site, "A", &sent), sent, "in order, and once");
    let lives = generations(&mut site, ["A", "B", "C"]);
    assert_eq!(lives, [2; 3], "the copy that comes too late starts nothing");
    assert_eq!(reporters(&mut site, ids::HOLD_ENDED), [""; 0], "and ends nothing");
}

/// One whose stop says it will be done later and never is has to be a probe, for that cannot
/// be injected. One whose stop blocks its thread is the given component, on a thread of its
/// own.
fn x06(kit: &Kit) -> Ran {
    let mut site = fifty(kit, Probe::new("HUNG").stop(Does::Hang).build().0);
    let hung = stop_with_one_hung(&mut site, 30 * SECOND);
    assert_eq!((hung.exit_status, hung.zombies.len()), (Some(0), 0), "its value was dropped");

    let mut site = fifty(kit, kit.declared("HUNG", |d| d.isolation = Isolation::Dedicated));
    let _guard = fault(&mut site, "HUNG", "stop", BLOCKS);
    let hung = stop_with_one_hung(&mut site, 32 * SECOND);
    assert_eq!(hung.exit_status, Some(21));
    assert_eq!(hung.zombies, [("HUNG".to_owned(), contract::Generation(1))]);
    assert_eq!(reporters(&mut site, ids::COMPONENT_ZOMBIE), ["HUNG"]);

    // Its code comes back after all: the process could end cleanly.
    site.end_hangs();
    site.run_to_rest().expect("it comes to rest");
    let gone = service(&mut site);
    assert_eq!((gone.exit_status, gone.zombies.len()), (Some(0), 0));
    Ran::Passed
}

fn fifty(kit: &Kit, hung: Registration) -> Site {
    let others = (1..50).map(|number| kit.plain(&format!("C{number}")));
    site(std::iter::once(hung).chain(others))
}

/// Stops the executive, which takes `lasting`. All but one stop in the meantime, each by itself.
fn stop_with_one_hung(site: &mut Site, lasting: Duration) -> contract::control::ServiceStatus {
    let begin = now(site);
    let stop = match site.ask(Ask::Service(ServiceCommand::Stop)) {
        Ok(contract::control::Told::Accepted(accepted)) => accepted.operation,
        told => panic!("a stop is accepted, told {told:?}"),
    };
    let stop = stop.expect("there is something to do");
    site.advance(29 * SECOND).expect("it comes to rest");
    for number in 1..50 {
        let row = status(site, &format!("C{number}"));
        assert_eq!((row.state, row.exit_code), (State::Stopped, Code::OK), "{}", row.name);
        assert_eq!(row.last_exit, Some(Exit::Shutdown), "{}", row.name);
    }
    assert_eq!(status(site, "HUNG").state, State::StopPending);
    assert_eq!(service(site).exit_status, None);
    assert_eq!(site.wait(stop, LONG).code, Code::OK);
    assert_eq!(now(site) - begin, lasting);
    let hung = status(site, "HUNG");
    assert_eq!((hung.last_exit, hung.exit_code.0), (Some(Exit::Killed), 1053));
    service(site)
}

fn x07(kit: &Kit) -> Ran {
    let depends =
        |name: &str, on: &'static str| kit.declared(name, |d| d.depends_on = vec![on.into()]);
    let mut site = site([depends("B", "A"), kit.plain("A")]);
    let refusal = site.stop("A").expect_err("B depends on it and runs");
    assert_eq!(refusal.code, Code::DEPENDENTS_RUNNING);
    assert!(refusal.reason.ends_with(": B"), "{refusal}");
    assert_eq!(status(&mut site, "A").state, State::Running);

    let from = site.events().len();
    let dependents = CommandOptions { dependents: true, ..CommandOptions::default() };
    site.control_with("A", Command::Stop, dependents).expect("B is stopped as well");
    let expected = [
        "B 1 Running -> Stopping",
        "B 1 Stopping -> Stopped by operator",
        "A 1 Running -> Stopping",
        "A 1 Stopping -> Stopped by operator",
    ];
    assert_eq!(changes_from(&site, from, &["A", "B"]), expected);

    let guard = fault(&mut site, "A", "start", panics());
    assert_eq!(refused(site.start("A")), 1064);
    site.advance(MINUTE).expect("it comes to rest");
    assert_eq!(status(&mut site, "A").substate, Some(Substate::Failed));
    let refusal = site.start("B").expect_err("A is not to be had");
    assert_eq!(refusal.code, Code::DEPENDENCY_FAIL);
    assert!(refusal.reason.contains("it depends on A"), "{refusal}");
    assert_eq!(generation(&mut site, "B"), 1, "no start was tried");
    drop(guard);
    site.start("A").expect("a failure is no obstacle");
    site.start("B").expect("A runs");

    for circle in [
        vec![depends("A", "A")],
        vec![depends("A", "B"), depends("B", "A"), kit.plain("C")],
        vec![depends("A", "B"), depends("B", "C"), depends("C", "A")],
    ] {
        let refusal = Site::primary("PS1").components(circle).start().expect_err("a circle");
        assert_eq!(refusal.code, Code::CIRCULAR_DEPENDENCY);
    }
    Ran::Passed
}
