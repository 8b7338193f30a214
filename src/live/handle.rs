//! An operator's hand on a running host; there may be many.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use actix::prelude::*;
use contract::control::{
    Ask, ClockView, ComponentStatus, HostControl, Outcome, Refusal, Told, Until,
};
use contract::id::{ComponentId, MessageId, OpId};
use contract::lifecycle::Code;
use contract::message::Message;
use contract::time::Moment;
use kernel::{Board, Lane, Parcel, Port, Transition};

use crate::clock::SiteClock;
use crate::executive::{
    AskWaits, Asked, ExecutiveActor, LookAtClock, Subscribes, Waits, Watching, reply,
};
use crate::shared::Shared;

/// The executive answers in microseconds; one that has not in this time is gone.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(60);
/// The site comes to rest within this real time after its clock was moved.
const REST_MAX: Duration = Duration::from_secs(120);

/// One of any number of operators of a [`Site`](crate::Site): cheap to clone, for use on any
/// thread. It does not keep the host alive: once that is gone, everything is refused (1067).
#[derive(Clone)]
pub struct Handle {
    pub(crate) executive: Addr<ExecutiveActor>,
    pub(crate) ask: crossbeam_channel::Sender<Asked>,
    pub(crate) shared: Shared,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("clock", &self.shared.clock.read()).finish_non_exhaustive()
    }
}

impl Handle {
    /// Status cells and names: what can be read without asking anybody.
    pub fn board(&self) -> &Arc<Board> {
        &self.shared.board
    }

    /// The lane of each shard: the way to send messages in from outside.
    pub fn lanes(&self) -> &[Lane] {
        &self.shared.lanes
    }

    /// The site's clock.
    pub fn clock(&self) -> &SiteClock {
        &self.shared.clock
    }

    /// Sends a message to a component from outside. What an inbox holds is known as far as its
    /// shard has got: a burst may go beyond it by what the shard has not taken in yet.
    ///
    /// # Errors
    /// 1060 if there is no such component; 1816 if its inbox is full, or its thread is far
    /// behind; 1067 if the host is gone.
    pub fn send(&self, component: &str, message: impl Into<Message>) -> Result<(), Refusal> {
        self.post(component, message.into(), None)
    }

    /// Sends a message that is set aside if its turn has not come within `within`, on the
    /// site's clock.
    ///
    /// # Errors
    /// Those of [`Handle::send`].
    pub fn send_within(
        &self,
        component: &str,
        message: impl Into<Message>,
        within: Duration,
    ) -> Result<(), Refusal> {
        self.post(component, message.into(), Some(within))
    }

    fn post(
        &self,
        component: &str,
        message: Message,
        within: Option<Duration>,
    ) -> Result<(), Refusal> {
        let Some(to) = self.shared.board.find(component) else {
            return Err(self.unknown(component));
        };
        if !self.executive.connected() {
            return Err(gone());
        }
        if self.shared.board.view(to).is_some_and(|cell| cell.is_full()) {
            return Err(host::inbox_is_full(component));
        }
        let lane = &self.shared.lanes[usize::from(to.shard())];
        if lane.mail() >= self.shared.lane_max {
            let (reason, way_out) = ("its thread is far behind", host::SEND_AGAIN);
            return Err(Refusal::new(Code::NOT_ENOUGH_QUOTA, component, reason, way_out));
        }
        let id = MessageId { from: ComponentId::OUTSIDE, number: lane.next_number() };
        let expires = within.map(|within| self.shared.clock.read().now + within);
        lane.send(Parcel::outside(to, id, message, expires));
        Ok(())
    }

    /// A way to send much from one thread, to components by their places
    /// ([`Board::find`]): one message at a time, or `gathers` of them together.
    pub fn port(&self, gathers: usize) -> Port {
        let lanes = self.shared.lanes.iter().cloned();
        let port = Port::new(lanes, Arc::clone(&self.shared.board), gathers);
        port.with_lane_max(self.shared.lane_max)
    }

    /// What the executive says of a component that there is not: it knows the names near by.
    fn unknown(&self, component: &str) -> Refusal {
        match self.clone().query(component) {
            Err(refusal) => refusal,
            Ok(status) => unreachable!("{} is on no board", status.name),
        }
    }

    /// Every change of a component's state from now on, in order, none left out. They wait
    /// there until they are read: whoever does not want them any more drops the receiver.
    ///
    /// What was asked for after a transition came about is answered after it was put in; so
    /// before the answer to a command, the transition that the command itself brought about
    /// is there.
    ///
    /// # Errors
    /// 1067 if the host is gone.
    pub fn watch(&self) -> Result<crossbeam_channel::Receiver<Transition>, Refusal> {
        let (subscriber, transitions) = crossbeam_channel::unbounded();
        let (done, is_done) = mpsc::channel();
        self.executive.do_send(Subscribes { subscriber, done });
        is_done.recv_timeout(ANSWER_MAX).map_err(|_| gone())?;
        Ok(transitions)
    }

    /// Lets everything happen that is due, and waits for the end of it.
    fn come_to_rest(&self) -> Result<Option<Moment>, Refusal> {
        self.look_at_clock()?;
        self.shared.wake_shards();
        if !self.shared.wait_for_rest(REST_MAX) {
            let under_way = self.shared.under_way();
            return Err(Refusal::new(
                Code::REQUEST_TIMEOUT,
                "advance",
                format!("the site did not come to rest; {under_way} things are under way"),
                "query and logs show what it is busy with",
            ));
        }
        let due = self.look_at_clock()?;
        Ok(self.shared.next_due().into_iter().chain(due).min())
    }

    fn look_at_clock(&self) -> Result<Option<Moment>, Refusal> {
        let (reply, told) = mpsc::channel();
        self.executive.do_send(LookAtClock { reply });
        told.recv_timeout(ANSWER_MAX).map_err(|_| gone())
    }

    fn clock_view(&mut self) -> Result<ClockView, Refusal> {
        match self.ask(Ask::Clock)? {
            Told::Clock(view) => Ok(view),
            told => unreachable!("the clock was asked for, told {told:?}"),
        }
    }

    fn is_not_so(&mut self, component: &str, until: Until, within: Duration) -> Refusal {
        match self.query(component) {
            Ok(status) => Refusal::new(
                Code::REQUEST_TIMEOUT,
                component,
                format!("it was not {until} within {within:?}; it is {}", status.state),
                "query shows the rest",
            ),
            Err(refusal) => refusal,
        }
    }
}

pub(crate) fn gone() -> Refusal {
    Refusal::new(Code::PROCESS_ABORTED, "SMS_EXECUTIVE", "the host is gone", "start it again")
}

impl HostControl for Handle {
    fn ask(&mut self, ask: Ask) -> Result<Told, Refusal> {
        if let Ask::Cloud(command) = ask {
            return self.shared.outside.cloud(command).map(Told::Cloud);
        }
        let (reply, told) = mpsc::channel();
        self.ask.send(Asked { ask, reply }).map_err(|_| gone())?;
        self.executive.do_send(AskWaits);
        told.recv_timeout(ANSWER_MAX).map_err(|_| gone())?
    }

    fn wait_for(
        &mut self,
        component: &str,
        until: Until,
        within: Duration,
    ) -> Result<ComponentStatus, Refusal> {
        let (reply, told) = reply();
        self.executive.do_send(Watching { component: component.to_owned(), until, reply });
        told.within(within).unwrap_or_else(|error| match error {
            RecvTimeoutError::Timeout => Err(self.is_not_so(component, until, within)),
            RecvTimeoutError::Disconnected => Err(gone()),
        })
    }

    fn wait(&mut self, operation: OpId, within: Duration) -> Outcome {
        let (reply, ended) = reply();
        self.executive.do_send(Waits { operation, reply });
        ended.within(within).unwrap_or_else(|error| match error {
            RecvTimeoutError::Timeout => Outcome {
                operation,
                code: Code::REQUEST_TIMEOUT,
                text: format!("not done within {within:?}"),
            },
            RecvTimeoutError::Disconnected => {
                Outcome { operation, code: Code::PROCESS_ABORTED, text: gone().reason }
            }
        })
    }

    fn pass(&mut self, time: Duration) -> Result<ClockView, Refusal> {
        std::thread::sleep(time);
        self.clock_view()
    }

    /// Goes from one due time to the next, and waits each time until the site has come to rest:
    /// what a week brings is seven daily checks, live as in simulation. A hook that does not
    /// come back within [`Options::patience`](crate::Options::patience) is not waited for.
    fn advance(&mut self, by: Duration) -> Result<ClockView, Refusal> {
        let advancing = Arc::clone(&self.shared.advancing);
        let _one_at_a_time = advancing.lock().unwrap_or_else(PoisonError::into_inner);
        let until = self.shared.clock.read().now + by;
        while let Some(due) = self.come_to_rest()?.filter(|due| *due <= until) {
            self.shared.clock.move_to(due);
        }
        self.shared.clock.move_to(until);
        self.come_to_rest()?;
        self.clock_view()
    }
}
