//! The processing of one package: into the library, then on to every distribution point.

use std::collections::BTreeMap;

use contract::message::PackagePublished;
use contract::status::{ATTRIBUTE_DISTRIBUTION_POINT, ATTRIBUTE_PACKAGE_ID};
use contract::{Answer, Context, Reply, Request, StatusMessage, Ticket};

use crate::wording;

/// Strings: name, package id.
const PACKAGE_PROCESSING: u32 = 2300;
/// Strings: name, package id.
const PACKAGE_PROCESSED: u32 = 2301;
/// Strings: name, package id, and of the simulator's own: why.
const PACKAGE_FAILED: u32 = 2302;
/// Informational, the simulator's own. Strings: package id, distribution point.
const CONTENT_DISTRIBUTED: u32 = 60301;
/// Warning, the simulator's own. Strings: package id, distribution point, why.
const CONTENT_FAILED: u32 = 60302;

/// A package under way.
#[derive(Debug)]
pub(crate) struct Job {
    package: PackagePublished,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The content goes into the library.
    Adding(Ticket),
    /// Copies go out to distribution points, all at once.
    Distributing { open: BTreeMap<Ticket, String>, failed: Vec<String> },
}

impl Job {
    /// Begins with the package.
    pub(crate) fn begin(package: &PackagePublished, cx: &mut Context<'_>) -> Self {
        wording::begun(&package.guid, cx);
        cx.report(about(package, StatusMessage::informational(PACKAGE_PROCESSING)));
        wording::snapshot(package, cx);
        let ticket = cx.request(Request::AddContent {
            content: package.guid.clone(),
            file: package.file.clone(),
            sha256: package.sha256.clone(),
        });
        Job { package: package.clone(), stage: Stage::Adding(ticket) }
    }

    /// Takes an answer; one that nothing here waits for is ignored. Answers whether the package
    /// is done, well or not.
    pub(crate) fn answer(
        &mut self,
        ticket: Ticket,
        answer: &Answer,
        distribution_points: &[String],
        cx: &mut Context<'_>,
    ) -> bool {
        match &mut self.stage {
            Stage::Adding(waits_for) if *waits_for == ticket => match problem(answer) {
                Some(why) => {
                    self.fail(&format!("content library: {why}"), cx);
                    return true;
                }
                None => self.distribute(distribution_points, cx),
            },
            Stage::Distributing { open, failed } => {
                let Some(to) = open.remove(&ticket) else { return false };
                if !arrived(&self.package, &to, answer, cx) {
                    failed.push(to);
                }
            }
            Stage::Adding(_) => return false,
        }
        self.finish_if_over(cx)
    }

    fn distribute(&mut self, distribution_points: &[String], cx: &mut Context<'_>) {
        wording::hash(&self.package.sha256, cx);
        let mut open = BTreeMap::new();
        for to in distribution_points {
            wording::distributing(&self.package.guid, to, cx);
            let content = self.package.guid.clone();
            open.insert(cx.request(Request::Distribute { content, to: to.clone() }), to.clone());
        }
        self.stage = Stage::Distributing { open, failed: Vec::new() };
    }

    fn finish_if_over(&self, cx: &mut Context<'_>) -> bool {
        let Stage::Distributing { open, failed } = &self.stage else { return false };
        if !open.is_empty() {
            return false;
        }
        if failed.is_empty() {
            cx.report(about(&self.package, StatusMessage::informational(PACKAGE_PROCESSED)));
            wording::succeeded(&self.package.guid, cx);
        } else {
            self.fail(&format!("distribution points: {}", failed.join(", ")), cx);
        }
        true
    }

    fn fail(&self, why: &str, cx: &mut Context<'_>) {
        wording::failed(&self.package.guid, why, cx);
        cx.report(about(&self.package, StatusMessage::error(PACKAGE_FAILED)).with(why));
    }
}

/// Tells how a copy to one distribution point came out; answers whether it arrived.
fn arrived(package: &PackagePublished, to: &str, answer: &Answer, cx: &mut Context<'_>) -> bool {
    let id = &package.guid;
    let why = problem(answer);
    let message = match &why {
        None => {
            wording::distributed(id, to, cx);
            StatusMessage::informational(CONTENT_DISTRIBUTED).with(id).with(to)
        }
        Some(why) => {
            wording::not_distributed(id, to, why, cx);
            StatusMessage::warning(CONTENT_FAILED).with(id).with(to).with(why)
        }
    };
    cx.report(
        message.attribute(ATTRIBUTE_PACKAGE_ID, id).attribute(ATTRIBUTE_DISTRIBUTION_POINT, to),
    );
    why.is_none()
}

fn about(package: &PackagePublished, message: StatusMessage) -> StatusMessage {
    message.with(&package.name).with(&package.guid).attribute(ATTRIBUTE_PACKAGE_ID, &package.guid)
}

fn problem(answer: &Answer) -> Option<String> {
    match answer {
        Ok(Reply::Stored { .. }) => None,
        Ok(_) => Some("the answer is of another kind than the request".to_owned()),
        Err(failure) => Some(failure.to_string()),
    }
}
