//! The component: one package at a time, in order.

use contract::message::PackagePublished;
use contract::settings::keys;
use contract::{Answer, Component, Context, Fault, Message, Start, Started, Ticket};

use crate::job::Job;
use crate::queue::Queue;
use crate::wording;

/// SMS_DISTRIBUTION_MANAGER.
#[derive(Debug, Default)]
pub(crate) struct Manager {
    distribution_points: Vec<String>,
    queue: Queue,
    /// Works at the head of the queue.
    job: Option<Job>,
}

impl Component for Manager {
    fn start(&mut self, start: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        self.distribution_points = start.settings.get(&keys::DISTRIBUTION_POINTS);
        match Queue::read(start.registry) {
            Ok(queue) => self.queue = queue,
            Err(why) => wording::queue_lost(&why, cx),
        }
        if self.queue.len() > 0 {
            wording::left_over(self.queue.len(), cx);
        }
        self.begin_next(cx);
        Ok(Started::Running)
    }

    fn message(&mut self, message: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
        let Some(package) = message.get::<PackagePublished>() else {
            cx.warn(format!("Ignored a message of an unknown kind: {}", message.name()));
            return Ok(());
        };
        if self.queue.add(package, cx) {
            wording::queued(&package.guid, cx);
            self.begin_next(cx);
        } else {
            wording::queued_before(&package.guid, cx);
        }
        Ok(())
    }

    fn answer(
        &mut self,
        ticket: Ticket,
        answer: Answer,
        cx: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let Some(job) = &mut self.job else { return Ok(()) };
        if job.answer(ticket, &answer, &self.distribution_points, cx) {
            self.job = None;
            self.queue.drop_head(cx);
            self.begin_next(cx);
        }
        Ok(())
    }
}

impl Manager {
    fn begin_next(&mut self, cx: &mut Context<'_>) {
        if self.job.is_none()
            && let Some(package) = self.queue.head()
        {
            self.job = Some(Job::begin(package, cx));
        }
    }
}
