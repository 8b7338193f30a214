//! The canonical workload: single messages to uniformly random components of one shard. The
//! benchmark runs it at full size, `tests/workload.rs` at smoke size.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use contract::context::{Call, Context, Identity};
use contract::{
    Component, ComponentId, Descriptor, Fault, Generation, Message, Moment, Registration, Settings,
    WallTime,
};
use kernel::{
    Board, Clock, Executive, ExecutiveOptions, Lane, Order, Output, Parcel, Shard, Step, lane,
};

/// Counts what it is sent; a sum keeps the optimiser honest.
pub(crate) struct Counter {
    sum: u64,
    total: Arc<AtomicU64>,
}

impl Counter {
    fn new(total: &Arc<AtomicU64>) -> Self {
        Counter { sum: 0, total: Arc::clone(total) }
    }
}

impl Component for Counter {
    fn message(&mut self, message: &Message, _: &mut Context<'_>) -> Result<(), Fault> {
        self.sum = self.sum.wrapping_add(message.word().unwrap_or_default());
        Ok(())
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.total.fetch_add(self.sum, Ordering::Relaxed);
    }
}

/// A message's receiver, drawn from a seed: a linear congruential generator is enough, and is
/// the same for everybody who is measured.
pub(crate) fn targets(components: u32, messages: usize) -> Vec<u32> {
    let mut state: u64 = 0x5DEE_CE66;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        ((u128::from(state) * u128::from(components)) >> 64) as u32
    };
    (0..messages).map(|_| next()).collect()
}

/// The floor: a loop over boxed components, nothing in between.
pub(crate) struct PlainLoop {
    components: Vec<Box<dyn Component>>,
    total: Arc<AtomicU64>,
}

impl PlainLoop {
    pub(crate) fn new(components: u32) -> Self {
        let total = Arc::new(AtomicU64::new(0));
        let boxed = |_| Box::new(Counter::new(&total)) as Box<dyn Component>;
        PlainLoop { components: (0..components).map(boxed).collect(), total }
    }

    /// Hands a 1 to each target.
    pub(crate) fn run(&mut self, targets: &[u32]) {
        let name = "floor".into();
        let identity =
            Identity { name: &name, id: ComponentId::new(0, 0), generation: Generation(1) };
        let (mut tickets, mut effects, lease) = (0, Vec::new(), AtomicU64::new(0));
        for target in targets {
            let call = Call::plain(Moment::ZERO, WallTime::default());
            let mut cx = Context::new(call, identity, &mut tickets, &mut effects, &lease);
            let component = &mut self.components[*target as usize];
            component.message(&Message::Word(1), &mut cx).expect("a counter never fails");
        }
    }

    /// How many messages were handled, over all components.
    pub(crate) fn finish(self) -> u64 {
        drop(self.components);
        self.total.load(Ordering::Relaxed)
    }
}

/// A shard with running components, as an executive has set it up.
pub(crate) struct OneShard {
    shard: Shard,
    lane: Lane,
    outputs: Vec<Output>,
    executive: Executive,
    total: Arc<AtomicU64>,
}

impl OneShard {
    pub(crate) fn new(components: u32) -> Self {
        let total = Arc::new(AtomicU64::new(0));
        let (lane, end) = lane();
        let board = Arc::new(Board::default());
        let shard = Shard::new(0, end, Arc::new([lane.clone()]), Arc::clone(&board));
        let mut executive = Executive::new(ExecutiveOptions::new(1), Settings::default(), board);
        let descriptor = Arc::new(Descriptor::new("counts messages", "counter.log"));
        for number in 0..components {
            let total = Arc::clone(&total);
            let registration = Registration::new(
                format!("COUNTER_{number}"),
                Arc::clone(&descriptor),
                move || Counter::new(&total),
            );
            executive
                .register(Moment::ZERO, registration, Default::default(), None)
                .expect("the names differ");
        }
        let start = contract::control::ServiceCommand::Start;
        executive.service(Moment::ZERO, start).expect("a new executive starts");
        let mut workload = OneShard { shard, lane, outputs: Vec::new(), executive, total };
        workload.obey();
        workload.drain();
        workload
    }

    fn obey(&mut self) {
        let mut steps = Vec::new();
        self.executive.take_steps(&mut steps);
        for step in steps {
            if let Step::Order(_, order) = step {
                self.lane.order(order);
            }
        }
    }

    /// Puts a 1 for each target into the lane.
    pub(crate) fn send(&self, targets: &[u32]) {
        for target in targets {
            self.lane.send(Parcel::Message {
                to: ComponentId::new(0, *target),
                from: ComponentId::OUTSIDE,
                number: 0,
                message: Message::Word(1),
            });
        }
    }

    /// Takes turns until the lane is empty; answers how many messages were handed over.
    pub(crate) fn drain(&mut self) -> usize {
        let mut handled = 0;
        loop {
            let turn = self.shard.step(Clock::default(), 1_024, &mut self.outputs);
            handled += turn.handled;
            self.outputs.clear();
            if !turn.more {
                return handled;
            }
        }
    }

    /// Ends every life; answers how many messages the components themselves counted.
    pub(crate) fn finish(mut self) -> u64 {
        for id in self.executive.ids() {
            self.lane.order(Order::Kill(id, Generation(1), contract::Exit::Killed));
        }
        self.drain();
        self.total.load(Ordering::Relaxed)
    }
}
