//! Messages: cases M.

use std::sync::Arc;

use contract::control::{DeadReason, HostControl};
use contract::id::{ComponentId, MessageId};
use contract::lifecycle::{Exit, State};
use contract::{Component, Context, Descriptor, Fault, Message, Registration};
use status::ids;

use super::stage::{HOUR, LONG, MINUTE, assert_fails_at, fault_where, post, site};
use super::view::{dead_letters, delivered, generation, refused, status};
use super::{Case, Kit, Ran};
use crate::event::What;
use crate::faults::CallVerdict;
use crate::run::Site;

pub(super) const CASES: &[Case] = &[
    Case { number: "M01", about: "messages wait for who does not run, or expire", run: m01 },
    Case { number: "M02", about: "a message that always fails is set aside", run: m02 },
    Case { number: "M04", about: "who sends to a full inbox has to wait", run: m04 },
];

fn m01(kit: &Kit) -> Ran {
    messages_for_a_stopped_one(kit);
    messages_that_expire(kit, HostControl::stop, HostControl::start);
    if kit.is_pausable() {
        messages_that_expire(kit, HostControl::pause, HostControl::resume);
    }
    Ran::Passed
}

fn messages_for_a_stopped_one(kit: &Kit) {
    let mut site = site([kit.plain("A")]);
    site.stop("A").expect("it runs");
    let sent = post(kit, &mut site, "A", 0..100);
    site.advance(HOUR).expect("it comes to rest");
    assert_eq!(delivered(&site, "A", &sent), [], "nothing is dispatched");
    assert_eq!(status(&mut site, "A").inbox, 100);
    site.start("A").expect("it is stopped");
    site.advance(HOUR).expect("it comes to rest");
    assert_eq!(delivered(&site, "A", &sent), sent, "in order, and once");
    assert_eq!((dead_letters(&mut site, "A").len(), status(&mut site, "A").inbox), (0, 0));
}

type Verb = fn(&mut Site, &str) -> Result<contract::control::Accepted, contract::control::Refusal>;

/// Of 100 messages every other one is of no use after half an hour, and the rest for as long as
/// two hours or for ever. It takes an hour until their turn comes.
fn messages_that_expire(kit: &Kit, down: Verb, up: Verb) {
    let mut site = site([kit.plain("A")]);
    down(&mut site, "A").expect("it runs");
    let (mut lasting, mut expiring) = (Vec::new(), Vec::new());
    for number in 0..100 {
        let (to, within) = match number % 4 {
            0 => (&mut lasting, None),
            2 => (&mut lasting, Some(2 * HOUR)),
            _ => (&mut expiring, Some(30 * MINUTE)),
        };
        to.push(site.post("A", kit.message(number), within).expect("it is accepted"));
    }
    site.advance(HOUR).expect("it comes to rest");
    up(&mut site, "A").expect("it is down");
    site.advance(HOUR).expect("it comes to rest");

    assert_eq!(delivered(&site, "A", &lasting), lasting, "in order, and once");
    assert_eq!(delivered(&site, "A", &expiring), [], "too late");
    let letters = dead_letters(&mut site, "A");
    let set_aside: Vec<MessageId> = letters.iter().map(|letter| letter.id).collect();
    assert_eq!(set_aside, expiring, "in order, and once");
    assert!(letters.iter().all(|letter| letter.reason == DeadReason::Expired), "{letters:?}");
    let reports = site.messages();
    let told = reports.iter().filter(|record| record.message.id == ids::MESSAGE_SET_ASIDE);
    assert_eq!(told.count(), expiring.len(), "each is reported");
    assert_eq!(status(&mut site, "A").inbox, 0);
}

fn m02(kit: &Kit) -> Ran {
    let mut site = site([kit.plain("A"), kit.plain("B")]);
    let poison = site.post("A", kit.message(0), None).expect("it is accepted");
    let _guard = fault_where(
        &mut site,
        CallVerdict::Panic("poison".into()),
        move |call| matches!(call.hook, crate::Hook::Message { id, .. } if id == poison),
    );
    let good = post(kit, &mut site, "A", 1..21);
    site.run_until(LONG, |site| delivered(site, "A", &good).len() == 20);
    site.run_to_rest().expect("it comes to rest");
    let mut expected = vec![poison; 3];
    expected.extend(&good);
    let all = [&[poison], good.as_slice()].concat();
    assert_eq!(delivered(&site, "A", &all), expected, "it comes first each time, then the rest");

    let letters = dead_letters(&mut site, "A");
    assert_eq!(letters.iter().map(|letter| letter.id).collect::<Vec<_>>(), [poison]);
    let DeadReason::Poison { deliveries: 3, exit: Exit::Panic { text, .. } } = &letters[0].reason
    else {
        panic!("it was set aside for another reason: {:?}", letters[0].reason)
    };
    assert_eq!(&**text, "poison");

    let a = status(&mut site, "A");
    assert_eq!((a.state, a.generation.0, a.inbox), (State::Running, 4, 0));
    let crashes = site.crashes("A").unwrap();
    let died_of: Vec<_> = crashes.iter().map(|crash| (crash.message, crash.charged)).collect();
    let once = |failed| (Some((poison, failed)), failed == 1);
    assert_eq!(died_of, [once(1), once(2), once(3)], "it costs once");
    assert_eq!(generation(&mut site, "B"), 1, "its sibling is untouched");

    // And so it does: four crashes more are within the budget, a fifth is not.
    assert_fails_at(kit, &mut site, 5);
    site.allow_stranded();
    Ran::Passed
}

const CAP: u64 = 1_000;

/// The component senders are the kit's own, beside the component. On one shard the cap is kept
/// to the message. From another shard what is on its way when the inbox becomes full is
/// accepted beyond it, and what comes after that waits.
fn m04(kit: &Kit) -> Ran {
    senders_outside(kit);
    senders_inside(kit, 1);
    senders_inside(kit, 2);
    Ran::Passed
}

fn senders_outside(kit: &Kit) {
    let mut site = site([kit.declared("A", |a| a.inbox_max = CAP as u32), kit.plain("B")]);
    site.stop("A").expect("it runs");
    let mut sent = Vec::new();
    for number in 0..CAP {
        sent.extend(post(kit, &mut site, "A", [number]));
        site.run_to_rest().expect("it comes to rest");
    }
    assert_eq!(refused(site.post("A", kit.message(CAP), None)), 1816);
    assert_eq!(status(&mut site, "A").inbox, CAP, "nothing is dropped");
    let other = post(kit, &mut site, "B", [0]);
    site.run_to_rest().expect("it comes to rest");
    assert_eq!(delivered(&site, "B", &other), other, "other inboxes are not concerned");

    site.start("A").expect("it is stopped");
    site.run_until(LONG, |site| status(site, "A").inbox == 0);
    sent.extend(post(kit, &mut site, "A", [CAP]));
    site.run_to_rest().expect("it comes to rest");
    assert_eq!(delivered(&site, "A", &sent), sent, "in order, and once");
    assert_eq!(dead_letters(&mut site, "A").len(), 0);
}

fn senders_inside(kit: &Kit, shards: u8) {
    let a = kit.declared("A", |a| a.inbox_max = CAP as u32);
    let site = Site::primary("PS1")
        .components([a, sender(kit, "S"), kit.plain("B"), sender(kit, "T")])
        .shards(shards)
        .start();
    let mut site = site.expect("the site starts");
    site.stop("A").expect("it runs");
    site.send("S", Message::Word(CAP + 500)).expect("it is accepted");
    site.send("T", Message::Word(100)).expect("it is accepted");
    site.send("S", Message::Word(100)).expect("it is accepted");

    let waiting =
        |site: &mut Site| ["S", "T"].map(|name| status(site, name).outbox).iter().sum::<u64>();
    let (inbox, outside) = (status(&mut site, "A").inbox, waiting(&mut site));
    assert_eq!(inbox + outside, CAP + 700, "nothing is dropped");
    assert!(inbox >= CAP && outside >= 100, "{inbox} are there and {outside} wait");
    if shards == 1 {
        assert_eq!(inbox, CAP);
    }
    assert_eq!(refused(site.post("A", kit.message(0), None)), 1816);
    let reports = site.messages();
    assert!(reports.iter().any(|r| r.message.id == ids::INBOX_FULL && r.component == "A"));
    let others = passed(&site, "B");
    assert_eq!(others.len(), 3, "one from each burst");
    assert_eq!(delivered(&site, "B", &others), others, "other inboxes are not concerned");

    site.start("A").expect("it is stopped");
    site.run_until(LONG, |site| status(site, "A").inbox == 0 && waiting(site) == 0);
    let last = post(kit, &mut site, "A", [0]);
    site.run_to_rest().expect("it comes to rest");
    assert_eq!(delivered(&site, "A", &last), last, "there is room again");
    let sent = passed(&site, "A");
    assert_eq!(sent.len() as u64, CAP + 700);
    for name in ["S", "T"] {
        let id = place(&site, name);
        let sent: Vec<MessageId> = sent.iter().filter(|m| m.from == id).copied().collect();
        assert_eq!(delivered(&site, "A", &sent), sent, "those of {name}: in order, and once");
    }
}

fn place(site: &Site, name: &str) -> ComponentId {
    site.host.board().find(name).expect("a component of the case")
}

/// The messages to that component that the kit's senders have sent, in order.
fn passed(site: &Site, name: &str) -> Vec<MessageId> {
    let to_it = |event: &crate::event::Event| match &event.what {
        What::Passed { to, from: Some(from), id, .. }
            if &**to == name && matches!(&**from, "S" | "T") =>
        {
            Some(*id)
        }
        _ => None,
    };
    site.events().iter().filter_map(to_it).collect()
}

/// Handed a number, it sends A so many messages, and then B one.
struct Sender {
    message: Arc<dyn Fn(u64) -> Message + Send + Sync>,
}

impl Component for Sender {
    fn message(&mut self, message: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
        for number in 0..message.word().unwrap_or_default() {
            cx.send_by_name("A", (self.message)(number));
        }
        cx.send_by_name("B", (self.message)(0));
        Ok(())
    }
}

fn sender(kit: &Kit, name: &str) -> Registration {
    let message = Arc::clone(&kit.message);
    let descriptor = Descriptor::new("sends messages to A", "sender.log");
    Registration::new(name, descriptor, move || Sender { message: Arc::clone(&message) })
}
