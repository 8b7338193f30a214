//! One shard and its executive, driven by hand in a time of their own, and a component that
//! counts.

use std::sync::Arc;

use contract::context::{Context, Delivery, Hostless, Identity, LifeNotes};
use contract::control::ServiceCommand;
use contract::effect::Asked;
use contract::{
    Component, ComponentId, Descriptor, Fault, Generation, Message, Moment, Registration, Settings,
};
use kernel::{
    Board, Clock, Executive, ExecutiveOptions, Lane, Order, Output, Parcel, Shard, Step, lane,
};

use super::Tally;

/// So much a shard does in a turn.
const BUDGET: usize = 1_024;

/// A shard with running components, as an executive has set it up.
pub(crate) struct Rig {
    pub(crate) executive: Executive,
    pub(crate) shard: Shard,
    pub(crate) lane: Lane,
    pub(crate) board: Arc<Board>,
    pub(crate) clock: Clock,
    outputs: Vec<Output>,
    steps: Vec<Step>,
}

impl Rig {
    /// So many components. `make` makes a life of the component of that number.
    pub(crate) fn new<C: Component + 'static>(
        components: u32,
        descriptor: Descriptor,
        make: impl Fn(u32) -> C + Clone + Send + Sync + 'static,
    ) -> Self {
        let (lane, end) = lane();
        let board = Arc::new(Board::default());
        let shard = Shard::new(0, end, Arc::new([lane.clone()]), Arc::clone(&board));
        let options = ExecutiveOptions::new(1);
        let mut executive = Executive::new(options, Settings::default(), Arc::clone(&board));
        let descriptor = Arc::new(descriptor);
        for number in 0..components {
            let (make, descriptor) = (make.clone(), Arc::clone(&descriptor));
            let registration = Registration::new(name(number), descriptor, move || make(number));
            executive
                .register(Moment::ZERO, registration, Default::default(), None)
                .expect("the names differ");
        }
        executive.service(Moment::ZERO, ServiceCommand::Start).expect("a new executive starts");
        let (outputs, steps) = (Vec::new(), Vec::new());
        let clock = Clock::default();
        let mut rig = Rig { executive, shard, lane, board, clock, outputs, steps };
        rig.settle();
        rig
    }

    /// Has executive and shard get on until neither has anything to do at this moment.
    pub(crate) fn settle(&mut self) {
        let now = self.clock.now;
        loop {
            if self.executive.next_due().is_some_and(|due| due <= now) {
                self.executive.fire_due(now);
            }
            self.executive.take_steps(&mut self.steps);
            for step in self.steps.drain(..) {
                if let Step::Order(_, order) = step {
                    self.lane.order(order);
                }
            }
            let turn = self.shard.step(self.clock, BUDGET, &mut self.outputs);
            let mut heard = false;
            for output in self.outputs.drain(..) {
                if let Output::Life(event) = output {
                    self.executive.life(now, event);
                    heard = true;
                }
            }
            if !turn.more && !heard {
                return;
            }
        }
    }

    /// Puts a word for each target into the lane.
    pub(crate) fn send(&self, targets: &[u32], word: u64) {
        targets.iter().for_each(|target| self.lane.send(parcel(*target, word)));
    }

    /// Takes turns until the shard has nothing to do; answers how much was handed over.
    pub(crate) fn drain(&mut self) -> usize {
        let mut handled = 0;
        loop {
            let turn = self.shard.step(self.clock, BUDGET, &mut self.outputs);
            handled += turn.handled;
            self.outputs.clear();
            if !turn.more {
                return handled;
            }
        }
    }

    /// Takes a turn, with so much in it at most; answers how much was handed over.
    pub(crate) fn turn(&mut self, most: usize) -> usize {
        let turn = self.shard.step(self.clock, most.min(BUDGET), &mut self.outputs);
        self.outputs.clear();
        turn.handled
    }

    /// Ends every life, the first of each.
    pub(crate) fn kill_all(mut self) {
        for id in self.executive.ids() {
            self.lane.order(Order::Kill(id, Generation(1), Box::new(contract::Exit::Killed)));
        }
        self.drain();
    }
}

/// The name of the component of that number.
pub(crate) fn name(number: u32) -> String {
    format!("COMPONENT_{number}")
}

/// A word to that component.
pub(crate) fn parcel(target: u32, word: u64) -> Parcel {
    Parcel::Message {
        to: ComponentId::new(0, target),
        from: ComponentId::OUTSIDE,
        number: 0,
        message: Message::Word(word),
    }
}

/// Adds up what it is sent, and tells when it is dropped.
pub(crate) struct Counter {
    sum: u64,
    tally: Tally,
    number: u32,
}

impl Counter {
    pub(crate) fn new(tally: &Tally, number: u32) -> Self {
        Counter { sum: 0, tally: tally.clone(), number }
    }

    /// A shard of so many.
    pub(crate) fn rig(components: u32, tally: &Tally) -> Rig {
        let tally = tally.clone();
        let descriptor = Descriptor::new("counts messages", "counter.log");
        Rig::new(components, descriptor, move |number| Counter::new(&tally, number))
    }

    /// So many with nothing in between.
    pub(crate) fn boxes(components: u32, tally: &Tally) -> Vec<Box<dyn Component>> {
        let boxed = |number| Box::new(Counter::new(tally, number)) as Box<dyn Component>;
        (0..components).map(boxed).collect()
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
        self.tally.add(self.number, self.sum);
    }
}

/// Calls the message hook of a component, with nothing in between.
pub(crate) struct Caller {
    place: Hostless,
    life: LifeNotes,
    asked: Asked,
}

impl Caller {
    pub(crate) fn new() -> Self {
        Caller {
            place: Hostless::new("floor"),
            life: LifeNotes::new(Generation(1)),
            asked: Asked::default(),
        }
    }

    /// Hands it a message.
    #[inline]
    pub(crate) fn call(&mut self, component: &mut dyn Component, message: &Message) {
        let id = ComponentId::new(0, 0);
        let Caller { place, life, asked } = self;
        let identity = Identity { id, place, life };
        let clock = Clock::default();
        let mut cx = Context::new(&clock, Delivery::NONE, identity, asked);
        component.message(message, &mut cx).expect("a counter never fails");
    }
}
