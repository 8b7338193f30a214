//! A shard: many components on one thread, with no task, no wake-up and no allocation per
//! message. [`Shard::step`] is the dispatch loop: the same in the benchmark, in simulation
//! and live.

use std::collections::VecDeque;
use std::sync::Arc;

use contract::component::{Component, Progress, Start, Started};
use contract::context::{Context, Identity};
use contract::effect::{Answer, Effect};
use contract::id::{ComponentId, Generation, Ticket};
use contract::lifecycle::{Exit, State};
use contract::message::Message;
use contract::time::{Moment, WallTime};
use contract::{Fault, Registration};

use crate::board::{Board, Cell};
use crate::lane::{AnswerSlip, Lane, LaneEnd, Parcel, TimerSlip};
use crate::order::{LifeChange, LifeEvent, Order, Output};
use crate::timers::{Timer, Timers};
use crate::unwind::{guarded, keep_quiet};

/// After so many failed deliveries a message is quarantined (lifecycle.md 2.5).
const POISON_AFTER: u8 = 3;

/// Mail is taken from one source this many times before the next has its turn.
const STRIDE: usize = 64;

/// Takes and serves one piece of mail; false if there is none.
type Source = fn(&mut Shard, Clock, &mut Vec<Output>) -> bool;

/// What time it is, on both clocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clock {
    /// The host's monotonic clock.
    pub now: Moment,
    /// The site's wall clock.
    pub utc: WallTime,
}

/// What a turn did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turn {
    /// Messages, timers and answers handed to components.
    pub handled: usize,
    /// Whether there is more to do at the same moment.
    pub more: bool,
}

/// The components of one thread, and their mail.
#[derive(Debug)]
pub struct Shard {
    number: u8,
    slots: Vec<Slot>,
    end: LaneEnd,
    /// Every shard's lane, this one's included, by number.
    lanes: Arc<[Lane]>,
    board: Arc<Board>,
    /// Mail between components of this shard: it needs no lane.
    local: VecDeque<Parcel>,
    /// Running components with mail in their inbox.
    ready: VecDeque<u32>,
    timers: Timers,
    /// What the hook being called has asked for; empty between hooks.
    effects: Vec<Effect>,
    /// Which source of mail the next turn begins with.
    first_source: usize,
    /// From when `after` counts: now, or the moment that the timer being served was due.
    base: Moment,
    trace: bool,
}

struct Slot {
    registration: Registration,
    life: Option<Life>,
    /// Mail that waits: for Running, or for its turn.
    inbox: VecDeque<Parcel>,
    /// Whether the slot is on the ready list.
    ready: bool,
    /// How often the first message of the inbox has failed.
    failed_deliveries: u8,
    cell: Arc<Cell>,
}

struct Life {
    component: Box<dyn Component>,
    identity: Identity,
    phase: Phase,
    /// The last ticket given out.
    tickets: u64,
    /// Timers that count: key, and serial in the heap.
    timers: Vec<(&'static str, u64)>,
    /// It pauses as soon as it runs.
    then_pause: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    Running,
    Pausing,
    Paused,
    Resuming,
    Stopping,
}

impl Phase {
    /// Whether answers and timers go straight to the hooks: they are how a pending start, stop
    /// or pause gets on. In Paused they wait with the messages.
    fn takes_own_mail(self) -> bool {
        self != Phase::Paused
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot")
            .field("name", &self.registration.name)
            .field("phase", &self.life.as_ref().map(|life| life.phase))
            .field("inbox", &self.inbox.len())
            .finish_non_exhaustive()
    }
}

impl Shard {
    /// Shard `number`, fed by `end`, which reaches the others through `lanes`.
    pub fn new(number: u8, end: LaneEnd, lanes: Arc<[Lane]>, board: Arc<Board>) -> Self {
        keep_quiet();
        Shard {
            number,
            slots: Vec::new(),
            end,
            lanes,
            board,
            local: VecDeque::new(),
            ready: VecDeque::new(),
            timers: Timers::default(),
            effects: Vec::new(),
            first_source: 0,
            base: Moment::ZERO,
            trace: false,
        }
    }

    /// Whether every delivery is told as [`Output::Trace`]. Off at first.
    pub fn set_trace(&mut self, trace: bool) {
        self.trace = trace;
    }

    /// Whether there is something to do at `now`.
    pub fn has_work(&mut self, now: Moment) -> bool {
        !self.end.is_empty()
            || !self.local.is_empty()
            || !self.ready.is_empty()
            || self.next_due().is_some_and(|due| due <= now)
    }

    /// When the next timer falls due.
    pub fn next_due(&mut self) -> Option<Moment> {
        let slots = &self.slots;
        self.timers.next_due(|timer| {
            let life = slots[timer.slot as usize].life.as_ref();
            life.is_some_and(|life| {
                life.identity.generation == timer.generation
                    && life.timers.iter().any(|(_, serial)| *serial == timer.serial)
            })
        })
    }

    /// One turn of the dispatch loop: every order that waits, then timers and mail by turns,
    /// `budget` of them at most. What is left for the driver to do is appended to `out`, in
    /// order.
    pub fn step(&mut self, clock: Clock, budget: usize, out: &mut Vec<Output>) -> Turn {
        self.base = clock.now;
        while let Ok(order) = self.end.orders.try_recv() {
            self.obey(order, clock, out);
        }
        // Every source has its turn, and not the same one first: a component that sets itself
        // timers for at once must not keep the others from their messages.
        const SOURCES: [Source; 4] =
            [Shard::take_timer, Shard::take_retained, Shard::take_local, Shard::take_lane];
        self.first_source = (self.first_source + 1) % SOURCES.len();
        let mut handled = 0;
        loop {
            let before = handled;
            for number in self.first_source..self.first_source + SOURCES.len() {
                let take = SOURCES[number % SOURCES.len()];
                for _ in 0..STRIDE.min(budget.saturating_sub(handled)) {
                    if !take(self, clock, out) {
                        break;
                    }
                    handled += 1;
                }
            }
            if handled == before {
                break;
            }
        }
        Turn { handled, more: self.has_work(clock.now) }
    }

    /// Serves the first timer that is due; false if there is none.
    fn take_timer(&mut self, clock: Clock, out: &mut Vec<Output>) -> bool {
        while let Some(Timer { at, serial, slot: number, generation }) =
            self.timers.take_due(clock.now)
        {
            let slot = &mut self.slots[number as usize];
            let Some(life) = &slot.life else { continue };
            if life.identity.generation != generation {
                continue;
            }
            let Some(key) = life.key_of(serial) else { continue };
            if life.phase == Phase::Paused {
                let timer = Box::new(TimerSlip { generation, key, serial });
                slot.inbox.push_back(Parcel::Timer { to: life.identity.id, timer });
                slot.cell.set_inbox(slot.inbox.len());
            } else {
                // What is set from here counts from when this was due, so that a daily timer
                // does not creep through the day on a machine that is a little late each time.
                self.base = at;
                self.ring(number, serial, clock, out);
                self.base = clock.now;
            }
            return true;
        }
        false
    }

    /// Calls the timer hook, if that setting of the timer still counts.
    fn ring(&mut self, number: u32, serial: u64, clock: Clock, out: &mut Vec<Output>) {
        let Some(life) = &mut self.slots[number as usize].life else { return };
        let Some(key) = life.key_of(serial) else { return };
        life.timers.retain(|(_, other)| *other != serial);
        self.tell_trace(number, ComponentId::OUTSIDE, || format!("timer {key}"), out);
        self.call_unit(number, clock, out, |component, cx| component.timer(key, cx));
    }

    /// Delivers the first message of the first ready inbox; false if there is none.
    fn take_retained(&mut self, clock: Clock, out: &mut Vec<Output>) -> bool {
        while let Some(number) = self.ready.pop_front() {
            let slot = &mut self.slots[number as usize];
            slot.ready = false;
            if !slot.is_running() {
                continue;
            }
            let Some(parcel) = slot.inbox.pop_front() else { continue };
            slot.cell.set_inbox(slot.inbox.len());
            self.deliver(number, parcel, clock, out);
            self.make_ready(number);
            return true;
        }
        false
    }

    fn take_local(&mut self, clock: Clock, out: &mut Vec<Output>) -> bool {
        let Some(parcel) = self.local.pop_front() else { return false };
        self.dispatch(parcel, clock, out);
        true
    }

    fn take_lane(&mut self, clock: Clock, out: &mut Vec<Output>) -> bool {
        let Ok(parcel) = self.end.parcels.try_recv() else { return false };
        self.dispatch(parcel, clock, out);
        true
    }

    /// Delivers a parcel now, or keeps it in its receiver's inbox until it may be delivered.
    fn dispatch(&mut self, parcel: Parcel, clock: Clock, out: &mut Vec<Output>) {
        let number = parcel.to().slot();
        let Some(slot) = self.slots.get_mut(number as usize) else { return discard(parcel) };
        let now = match (&slot.life, &parcel) {
            (Some(life), Parcel::Message { .. }) => {
                life.phase == Phase::Running && slot.inbox.is_empty()
            }
            (Some(life), _) => life.phase.takes_own_mail(),
            (None, Parcel::Message { .. }) => false,
            // Its life is over, and with it everything it asked for.
            (None, _) => return,
        };
        if now {
            self.deliver(number, parcel, clock, out);
        } else {
            slot.inbox.push_back(parcel);
            slot.cell.set_inbox(slot.inbox.len());
        }
    }

    /// Puts a running component with waiting mail on the ready list.
    fn make_ready(&mut self, number: u32) {
        let slot = &mut self.slots[number as usize];
        if slot.is_running() && !slot.inbox.is_empty() && !slot.ready {
            slot.ready = true;
            self.ready.push_back(number);
        }
    }

    fn deliver(&mut self, number: u32, parcel: Parcel, clock: Clock, out: &mut Vec<Output>) {
        match parcel {
            Parcel::Message { to, from, message } => {
                self.deliver_message(number, to, from, message, clock, out);
            }
            Parcel::Answer { answer, .. } => {
                let AnswerSlip { generation, ticket, answer } = *answer;
                if self.is_life(number, generation) {
                    self.deliver_answer(number, ticket, answer, clock, out);
                }
            }
            Parcel::Timer { timer, .. } => {
                let TimerSlip { generation, serial, .. } = *timer;
                if self.is_life(number, generation) {
                    self.ring(number, serial, clock, out);
                }
            }
        }
    }

    fn deliver_message(
        &mut self,
        number: u32,
        to: ComponentId,
        from: ComponentId,
        message: Message,
        clock: Clock,
        out: &mut Vec<Output>,
    ) {
        self.tell_trace(number, from, || format!("message {}", message.name()), out);
        let result =
            self.call(number, from, clock, |component, cx| component.message(&message, cx));
        let exit = match result {
            Ok(Ok(())) => {
                self.slots[number as usize].failed_deliveries = 0;
                if let Message::Value(payload) = message {
                    discard(payload);
                }
                return self.commit(number, clock, out);
            }
            Ok(Err(fault)) => exit_of(fault),
            Err(exit) => exit,
        };
        let slot = &mut self.slots[number as usize];
        slot.failed_deliveries += 1;
        let failed = slot.failed_deliveries;
        if failed >= POISON_AFTER {
            slot.failed_deliveries = 0;
            out.push(Output::Quarantined { id: to, from, name: message.name() });
            discard(message);
        } else {
            slot.inbox.push_front(Parcel::Message { to, from, message });
            slot.cell.set_inbox(slot.inbox.len());
        }
        self.fail(number, exit, failed, clock, out);
    }

    fn deliver_answer(
        &mut self,
        number: u32,
        ticket: Ticket,
        answer: Answer,
        clock: Clock,
        out: &mut Vec<Output>,
    ) {
        self.tell_trace(number, ComponentId::OUTSIDE, || format!("answer {ticket}"), out);
        let hook = |c: &mut dyn Component, cx: &mut Context<'_>| c.answer(ticket, answer, cx);
        self.call_unit(number, clock, out, hook);
    }

    fn tell_trace(
        &self,
        number: u32,
        from: ComponentId,
        what: impl FnOnce() -> String,
        out: &mut Vec<Output>,
    ) {
        if !self.trace {
            return;
        }
        if let Some(life) = &self.slots[number as usize].life {
            let Identity { id, generation, .. } = life.identity;
            out.push(Output::Trace { id, generation, from, what: what() });
        }
    }

    fn obey(&mut self, order: Order, clock: Clock, out: &mut Vec<Output>) {
        match order {
            Order::Place { id, registration } => self.place(id, registration),
            Order::Start { id, generation, settings, registry, then_pause } => {
                let start = Start { settings: &settings, registry: &registry };
                self.start(id, generation, &start, then_pause, clock, out);
            }
            Order::Stop(id, generation) => self.stop(id, generation, clock, out),
            Order::Pause(id, generation) => self.pause(id, generation, clock, out),
            Order::Continue(id, generation) => self.resume(id, generation, clock, out),
            Order::Control(id, generation, code) => {
                if self.is_settled(id, generation) {
                    let hook = |c: &mut dyn Component, cx: &mut Context<'_>| c.control(code, cx);
                    self.call_unit(id.slot(), clock, out, hook);
                }
            }
            Order::Changed(id, generation, settings) => {
                if self.is_settled(id, generation) {
                    let hook =
                        |c: &mut dyn Component, cx: &mut Context<'_>| c.changed(&settings, cx);
                    self.call_unit(id.slot(), clock, out, hook);
                }
            }
            Order::Kill(id, generation, exit) => {
                if self.is_life(id.slot(), generation) {
                    self.end(id.slot(), exit, 0, out);
                }
            }
            // Timers are looked at in every turn.
            Order::Wake => {}
        }
    }

    fn place(&mut self, id: ComponentId, registration: Registration) {
        assert_eq!(
            (id.shard(), id.slot() as usize),
            (self.number, self.slots.len()),
            "the executive and the shard count slots alike"
        );
        let cell = self.board.cell(id).expect("a component is on the board before it is placed");
        self.slots.push(Slot {
            registration,
            life: None,
            inbox: VecDeque::new(),
            ready: false,
            failed_deliveries: 0,
            cell,
        });
    }

    fn start(
        &mut self,
        id: ComponentId,
        generation: Generation,
        start: &Start<'_>,
        then_pause: bool,
        clock: Clock,
        out: &mut Vec<Output>,
    ) {
        let number = id.slot();
        let slot = &mut self.slots[number as usize];
        debug_assert!(slot.life.is_none(), "one life at a time");
        let factory = Arc::clone(&slot.registration.factory);
        let component = match guarded(|| factory()) {
            Ok(component) => component,
            Err(exit) => {
                let change = LifeChange::Ended { exit, failed_deliveries: 0, drop_panic: None };
                out.push(Output::Life(LifeEvent { id, generation, change }));
                return;
            }
        };
        let name = Arc::clone(&slot.registration.name);
        slot.life = Some(Life {
            component,
            identity: Identity { name, id, generation },
            phase: Phase::Starting,
            tickets: 0,
            timers: Vec::new(),
            then_pause,
        });
        let result = self
            .call(number, ComponentId::OUTSIDE, clock, |component, cx| component.start(start, cx));
        match result {
            Ok(Ok(Started::Running)) => {
                self.finish(number, clock, out);
                self.commit(number, clock, out);
            }
            Ok(Ok(Started::Pending { hint })) => {
                self.tell(number, LifeChange::Checkpoint(hint), out);
                self.commit(number, clock, out);
            }
            Ok(Ok(Started::NotApplicable(why))) => {
                self.keep_logs_only(number, clock, out);
                self.end(number, Exit::Ignore(why), 0, out);
            }
            Ok(Err(fault)) => self.fail(number, exit_of(fault), 0, clock, out),
            Err(exit) => self.fail(number, exit, 0, clock, out),
        }
    }

    fn stop(
        &mut self,
        id: ComponentId,
        generation: Generation,
        clock: Clock,
        out: &mut Vec<Output>,
    ) {
        let number = id.slot();
        let phase = match &mut self.slots[number as usize].life {
            Some(life) if life.identity.generation == generation => &mut life.phase,
            _ => return,
        };
        match *phase {
            Phase::Stopping => return,
            // The stop hook belongs to a start that went well; this one never did.
            Phase::Starting => return self.end(number, Exit::Shutdown, 0, out),
            Phase::Running | Phase::Pausing | Phase::Paused | Phase::Resuming => {}
        }
        *phase = Phase::Stopping;
        self.release_own_mail(number);
        let result =
            self.call(number, ComponentId::OUTSIDE, clock, |component, cx| component.stop(cx));
        self.progressed(number, result, clock, out);
    }

    fn pause(
        &mut self,
        id: ComponentId,
        generation: Generation,
        clock: Clock,
        out: &mut Vec<Output>,
    ) {
        if self.step_phase(id, generation, Phase::Running, Phase::Pausing) {
            let result = self.call(id.slot(), ComponentId::OUTSIDE, clock, |c, cx| c.pause(cx));
            self.progressed(id.slot(), result, clock, out);
        }
    }

    fn resume(
        &mut self,
        id: ComponentId,
        generation: Generation,
        clock: Clock,
        out: &mut Vec<Output>,
    ) {
        if self.step_phase(id, generation, Phase::Paused, Phase::Resuming) {
            self.release_own_mail(id.slot());
            let result = self.call(id.slot(), ComponentId::OUTSIDE, clock, |c, cx| c.resume(cx));
            self.progressed(id.slot(), result, clock, out);
        }
    }

    /// Moves that life from one phase to another; false if it is not in the first.
    fn step_phase(
        &mut self,
        id: ComponentId,
        generation: Generation,
        from: Phase,
        to: Phase,
    ) -> bool {
        match &mut self.slots[id.slot() as usize].life {
            Some(life) if life.identity.generation == generation && life.phase == from => {
                life.phase = to;
                true
            }
            _ => false,
        }
    }

    /// What a stop, pause or resume hook has answered.
    fn progressed(
        &mut self,
        number: u32,
        result: Result<Result<Progress, Fault>, Exit>,
        clock: Clock,
        out: &mut Vec<Output>,
    ) {
        match result {
            Ok(Ok(Progress::Done)) => {
                self.commit(number, clock, out);
                self.finish(number, clock, out);
            }
            Ok(Ok(Progress::Pending { hint })) => {
                self.tell(number, LifeChange::Checkpoint(hint), out);
                self.commit(number, clock, out);
            }
            Ok(Err(fault)) => self.fail(number, exit_of(fault), 0, clock, out),
            Err(exit) => self.fail(number, exit, 0, clock, out),
        }
    }

    /// Answers and timers that waited with the messages while it was paused have their turn as
    /// soon as it is not: a pending resume or stop may need them to get on.
    fn release_own_mail(&mut self, number: u32) {
        let slot = &mut self.slots[number as usize];
        let (own, messages): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut slot.inbox)
            .into_iter()
            .partition(|parcel| !matches!(parcel, Parcel::Message { .. }));
        slot.inbox = messages;
        slot.cell.set_inbox(slot.inbox.len());
        self.local.extend(own);
    }

    /// A pending phase is finished.
    fn finish(&mut self, number: u32, clock: Clock, out: &mut Vec<Output>) {
        let Some(life) = &self.slots[number as usize].life else { return };
        let Identity { id, generation, .. } = life.identity;
        match life.phase {
            Phase::Starting if life.then_pause => {
                self.enter(number, Phase::Running, LifeChange::Started, out);
                self.pause(id, generation, clock, out);
            }
            Phase::Starting => self.enter(number, Phase::Running, LifeChange::Started, out),
            Phase::Pausing => self.enter(number, Phase::Paused, LifeChange::Paused, out),
            Phase::Resuming => self.enter(number, Phase::Running, LifeChange::Continued, out),
            Phase::Stopping => self.end(number, Exit::Shutdown, 0, out),
            // It says so once too often.
            Phase::Running | Phase::Paused => {}
        }
    }

    fn enter(&mut self, number: u32, phase: Phase, change: LifeChange, out: &mut Vec<Output>) {
        if let Some(life) = &mut self.slots[number as usize].life {
            life.phase = phase;
        }
        self.tell(number, change, out);
        self.make_ready(number);
    }

    fn tell(&self, number: u32, change: LifeChange, out: &mut Vec<Output>) {
        if let Some(life) = &self.slots[number as usize].life {
            let Identity { id, generation, .. } = life.identity;
            out.push(Output::Life(LifeEvent { id, generation, change }));
        }
    }

    /// A hook failed: of what it asked for only the log lines remain, and the life is over.
    fn fail(
        &mut self,
        number: u32,
        exit: Exit,
        failed_deliveries: u8,
        clock: Clock,
        out: &mut Vec<Output>,
    ) {
        self.keep_logs_only(number, clock, out);
        self.end(number, exit, failed_deliveries, out);
    }

    fn keep_logs_only(&mut self, number: u32, clock: Clock, out: &mut Vec<Output>) {
        let effects = std::mem::take(&mut self.effects);
        for effect in effects {
            match effect {
                Effect::Log(_) => self.effects.push(effect),
                effect => discard(effect),
            }
        }
        self.commit(number, clock, out);
    }

    /// Drops the life's value and tells how it ended. Messages stay in the inbox for the next
    /// life; answers and timers were this one's own.
    fn end(&mut self, number: u32, exit: Exit, failed_deliveries: u8, out: &mut Vec<Output>) {
        let slot = &mut self.slots[number as usize];
        let Some(life) = slot.life.take() else { return };
        let Life { component, identity, .. } = life;
        let drop_panic = match guarded(|| drop(component)) {
            Err(Exit::Panic { text, .. }) => Some(text),
            _ => None,
        };
        slot.inbox.retain(|parcel| matches!(parcel, Parcel::Message { .. }));
        slot.cell.set_inbox(slot.inbox.len());
        let change = LifeChange::Ended { exit, failed_deliveries, drop_panic };
        let Identity { id, generation, .. } = identity;
        out.push(Output::Life(LifeEvent { id, generation, change }));
    }

    fn is_life(&self, number: u32, generation: Generation) -> bool {
        let slot = self.slots.get(number as usize);
        let life = slot.and_then(|slot| slot.life.as_ref());
        life.is_some_and(|life| life.identity.generation == generation)
    }

    /// Whether that life is there and neither starting nor stopping.
    fn is_settled(&self, id: ComponentId, generation: Generation) -> bool {
        self.is_life(id.slot(), generation)
            && self.slots[id.slot() as usize]
                .life
                .as_ref()
                .is_some_and(|life| !matches!(life.phase, Phase::Starting | Phase::Stopping))
    }

    /// Calls a hook of the life in a slot, caught. Its effects wait in `self.effects`.
    fn call<R>(
        &mut self,
        number: u32,
        from: ComponentId,
        clock: Clock,
        hook: impl FnOnce(&mut dyn Component, &mut Context<'_>) -> R,
    ) -> Result<R, Exit> {
        let life = self.slots[number as usize].life.as_mut().expect("the caller has looked");
        let Life { component, identity, tickets, .. } = life;
        let mut cx = Context::new(clock.now, clock.utc, from, identity, tickets, &mut self.effects);
        guarded(|| hook(component.as_mut(), &mut cx))
    }

    /// Calls a hook that answers nothing, and carries out what it asked for.
    fn call_unit(
        &mut self,
        number: u32,
        clock: Clock,
        out: &mut Vec<Output>,
        hook: impl FnOnce(&mut dyn Component, &mut Context<'_>) -> Result<(), Fault>,
    ) {
        match self.call(number, ComponentId::OUTSIDE, clock, hook) {
            Ok(Ok(())) => self.commit(number, clock, out),
            Ok(Err(fault)) => self.fail(number, exit_of(fault), 0, clock, out),
            Err(exit) => self.fail(number, exit, 0, clock, out),
        }
    }

    /// Carries out what the hook asked for, in order; what ends the life comes last.
    fn commit(&mut self, number: u32, clock: Clock, out: &mut Vec<Output>) {
        if self.effects.is_empty() {
            return;
        }
        let mut effects = std::mem::take(&mut self.effects);
        let mut exits = false;
        let fenced = self.is_fenced(number);
        for effect in effects.drain(..) {
            match effect {
                effect if fenced => discard(effect),
                Effect::Exit => exits = true,
                Effect::Done => self.finish(number, clock, out),
                effect => self.carry_out(number, effect, clock, out),
            }
        }
        // Handed back for its capacity: a busy shard allocates no list per message.
        self.effects = effects;
        if exits {
            self.end(number, Exit::Normal, 0, out);
        }
    }

    /// Whether the executive has given this life up while a hook of it still ran: whatever the
    /// hook asked for comes too late.
    fn is_fenced(&self, number: u32) -> bool {
        let Slot { life: Some(life), cell, .. } = &self.slots[number as usize] else {
            return false;
        };
        let view = cell.view();
        view.generation != life.identity.generation || view.state == State::Stopped
    }

    fn carry_out(&mut self, number: u32, effect: Effect, clock: Clock, out: &mut Vec<Output>) {
        // A stop hook that said Done and then went on: its life is over, and so is its say.
        let Some(life) = &mut self.slots[number as usize].life else { return discard(effect) };
        let Identity { id, generation, .. } = life.identity;
        match effect {
            Effect::Send { to, message } => self.send(id, to, message),
            Effect::SendByName { to, message } => match self.board.find(to) {
                Some(to) => self.send(id, to, message),
                None => out.push(Output::Log {
                    id,
                    utc: clock.utc,
                    text: Box::new(contract::effect::LogText {
                        severity: contract::Severity::Warning,
                        text: format!("{to} is not on this server; {} is lost", message.name()),
                    }),
                }),
            },
            Effect::After { delay, key } => {
                let at = (self.base + delay).max(clock.now);
                let serial = self.timers.set(at, number, generation);
                match life.timers.iter_mut().find(|(other, _)| *other == key) {
                    Some(timer) => timer.1 = serial,
                    None => life.timers.push((key, serial)),
                }
            }
            Effect::Cancel { key } => life.timers.retain(|(other, _)| *other != key),
            Effect::Request { ticket, request } => {
                out.push(Output::Request { id, generation, ticket, request });
            }
            Effect::Report(message) => out.push(Output::Report { id, utc: clock.utc, message }),
            Effect::Log(text) => out.push(Output::Log { id, utc: clock.utc, text }),
            Effect::Remember { name, value } => out.push(Output::Remember { id, name, value }),
            Effect::Checkpoint { hint } => self.tell(number, LifeChange::Checkpoint(hint), out),
            Effect::Done | Effect::Exit => unreachable!("commit keeps these for itself"),
        }
    }

    fn send(&mut self, from: ComponentId, to: ComponentId, message: Message) {
        let parcel = Parcel::Message { to, from, message };
        if to.shard() == self.number {
            self.local.push_back(parcel);
        } else if let Some(lane) = self.lanes.get(usize::from(to.shard())) {
            lane.send(parcel);
        } else {
            // To nobody, such as the sender of a message from outside: there is no one to tell.
            discard(parcel);
        }
    }
}

/// A host that goes away takes its components and their mail along, and every drop of those is
/// component code too.
impl Drop for Shard {
    fn drop(&mut self) {
        for slot in std::mem::take(&mut self.slots) {
            let Slot { registration, life, inbox, .. } = slot;
            discard(life);
            inbox.into_iter().for_each(discard);
            discard(registration);
        }
        self.local.drain(..).for_each(discard);
        while let Ok(parcel) = self.end.parcels.try_recv() {
            discard(parcel);
        }
    }
}

impl Life {
    /// The key of the timer that was set as `serial`, if it still counts.
    fn key_of(&self, serial: u64) -> Option<&'static str> {
        self.timers.iter().find(|(_, other)| *other == serial).map(|(key, _)| *key)
    }
}

impl Slot {
    fn is_running(&self) -> bool {
        self.life.as_ref().is_some_and(|life| life.phase == Phase::Running)
    }
}

fn exit_of(fault: Fault) -> Exit {
    Exit::Error { code: fault.code, text: fault.text }
}

/// Drops what holds component code: a payload's drop may panic.
fn discard<T>(value: T) {
    if std::mem::needs_drop::<T>() {
        let _ = guarded(|| drop(value));
    }
}
