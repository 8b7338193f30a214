//! The packages to process, in order, as one life leaves them to the next.

use std::collections::VecDeque;

use contract::Context;
use contract::component::Registry;
use contract::message::PackagePublished;

/// A JSON list, or nothing at all for an empty queue.
const QUEUE: &str = "Queue";

/// Packages to process. The head stays until it is done, so that no life can lose it.
#[derive(Debug, Default)]
pub(crate) struct Queue(VecDeque<PackagePublished>);

impl Queue {
    /// What the last life left.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(crate) fn read(registry: &Registry) -> Result<Self, String> {
        match registry.get(QUEUE).map_or("", String::as_str) {
            "" => Ok(Queue::default()),
            text => serde_json::from_str(text).map(Queue).map_err(|e| e.to_string()),
        }
    }

    /// Adds a package at the end; false if just that package waits already, which happens when
    /// its sender crashed before it could note that it had told of it.
    pub(crate) fn add(&mut self, package: &PackagePublished, cx: &mut Context<'_>) -> bool {
        if self.0.contains(package) {
            return false;
        }
        self.0.push_back(package.clone());
        self.remember(cx);
        true
    }

    /// The package to process.
    pub(crate) fn head(&self) -> Option<&PackagePublished> {
        self.0.front()
    }

    /// The head is done.
    pub(crate) fn drop_head(&mut self, cx: &mut Context<'_>) {
        self.0.pop_front();
        self.remember(cx);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn remember(&self, cx: &mut Context<'_>) {
        if self.0.is_empty() {
            return cx.remember(QUEUE, "");
        }
        match serde_json::to_string(&self.0) {
            Ok(text) => cx.remember(QUEUE, text),
            // Strings and a number always serialise; if not, what was kept is still good.
            Err(problem) => cx.error(format!("Failed to keep the queue: {problem}")),
        }
    }
}
