//! The component: when an upload begins, and how it ended.

use std::time::Duration;

use contract::component::Registry;
use contract::settings::{Mode, Settings, keys};
use contract::time::duration_text;
use contract::{
    Answer, Component, Context, FailureKind, Fault, Reply, Request, Start, Started, StatusMessage,
    Ticket, WallTime,
};

use crate::usage::{Site, Terms, document};

const UPLOAD: &str = "upload";
const LAST_UPLOAD_TIME: &str = "LastUploadTime";
const RETRY: Duration = Duration::from_secs(60 * 60);
/// A shorter interval would leave a host no time for anything else.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// DMP_UPLOADER_UPLOAD_FAILED. Strings, the simulator's own: why.
const UPLOAD_FAILED: u32 = 9605;
/// DMP_UPLOADER_UPLOAD_EXCEPTION. Strings, the simulator's own: why.
const UPLOAD_EXCEPTION: u32 = 9607;
/// Informational, the simulator's own. No strings.
const OFFLINE: u32 = 60206;
/// Informational, the simulator's own. Strings: the level.
const USAGE_UPLOADED: u32 = 60210;

/// SMS_DMP_UPLOADER.
#[derive(Debug, Default)]
pub(crate) struct Uploader {
    site: Site,
    url: String,
    /// `None` until the start.
    terms: Option<Terms>,
    last: Option<WallTime>,
    upload: Option<Upload>,
}

/// An upload under way.
#[derive(Debug)]
struct Upload {
    ticket: Ticket,
    began: WallTime,
    terms: Terms,
}

impl Component for Uploader {
    fn start(&mut self, start: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        self.site = Site::read(start.settings);
        self.url = start.settings.get(&keys::USAGE_URL);
        self.last = last_upload(start.registry, cx.utc());
        self.take_terms(start.settings, cx);
        Ok(Started::Running)
    }

    fn changed(&mut self, settings: &Settings, cx: &mut Context<'_>) -> Result<(), Fault> {
        self.take_terms(settings, cx);
        Ok(())
    }

    fn timer(&mut self, key: &'static str, cx: &mut Context<'_>) -> Result<(), Fault> {
        // A timer set online falls due offline all the same.
        if let Some(terms) = self.terms
            && key == UPLOAD
            && terms.mode == Mode::Online
            && self.upload.is_none()
        {
            self.begin(terms, cx);
        }
        Ok(())
    }

    fn answer(
        &mut self,
        ticket: Ticket,
        answer: Answer,
        cx: &mut Context<'_>,
    ) -> Result<(), Fault> {
        // An upload that was given up when the mode changed has no one to take its answer.
        let Some(upload) = self.upload.take_if(|upload| upload.ticket == ticket) else {
            return Ok(());
        };
        match answer {
            Ok(Reply::Uploaded) => self.succeed(upload, cx),
            Ok(_) => fail(UPLOAD_EXCEPTION, "the answer is of another kind than the request", cx),
            Err(failure) => fail(id_of(failure.kind), &failure.to_string(), cx),
        }
        Ok(())
    }
}

impl Uploader {
    fn take_terms(&mut self, settings: &Settings, cx: &mut Context<'_>) {
        let terms = Terms::read(settings);
        let before = self.terms.replace(terms);
        let same = |before: Terms| {
            before.mode == terms.mode && before.upload_interval == terms.upload_interval
        };
        // Only these two decide when; another level is for the next upload, whenever it is.
        if before.is_some_and(same) {
            return;
        }
        match terms.mode {
            Mode::Online => self.schedule(terms, cx),
            Mode::Offline => self.go_offline(before, cx),
        }
    }

    fn go_offline(&mut self, before: Option<Terms>, cx: &mut Context<'_>) {
        self.upload = None;
        // The interval may change while it is offline: no news.
        if before.is_none_or(|before| before.mode == Mode::Online) {
            cx.log("The service connection point is offline, no usage data is uploaded");
            cx.report(StatusMessage::informational(OFFLINE));
        }
    }

    /// Uploads at once if that is overdue. One under way sets the next when it ends.
    fn schedule(&mut self, terms: Terms, cx: &mut Context<'_>) {
        if self.upload.is_some() {
            return;
        }
        let last = self.last.unwrap_or(self.site.installed());
        let due = last + terms.upload_interval.max(INTERVAL_MIN);
        let delay = due.since(cx.utc());
        if delay.is_zero() {
            self.begin(terms, cx);
        } else {
            cx.log(format!("The next upload is due in {}", duration_text(delay)));
            cx.after(delay, UPLOAD);
        }
    }

    fn begin(&mut self, terms: Terms, cx: &mut Context<'_>) {
        cx.log(format!("Uploading usage data at level {}", terms.level));
        let json = document(&self.site, terms, cx.utc());
        let ticket = cx.request(Request::Upload { url: self.url.clone(), json });
        self.upload = Some(Upload { ticket, began: cx.utc(), terms });
    }

    fn succeed(&mut self, upload: Upload, cx: &mut Context<'_>) {
        cx.log("Usage data was uploaded");
        cx.report(
            StatusMessage::informational(USAGE_UPLOADED).with(upload.terms.level.to_string()),
        );
        cx.remember(LAST_UPLOAD_TIME, upload.began.unix_seconds().to_string());
        self.last = Some(upload.began);
        if let Some(terms) = self.terms {
            self.schedule(terms, cx);
        }
    }
}

fn fail(id: u32, why: &str, cx: &mut Context<'_>) {
    cx.error(format!("Failed to upload usage data: {why}"));
    cx.log(format!("Retry in {}", duration_text(RETRY)));
    cx.report(StatusMessage::error(id).with(why));
    cx.after(RETRY, UPLOAD);
}

/// The service answered and would not have it, or there was no answer.
fn id_of(kind: FailureKind) -> u32 {
    match kind {
        FailureKind::Status(_) => UPLOAD_FAILED,
        _ => UPLOAD_EXCEPTION,
    }
}

/// When the last good upload began. A time in the future means that the clock was set back;
/// like a value that is no number, it is as good as none.
fn last_upload(registry: &Registry, now: WallTime) -> Option<WallTime> {
    let seconds = registry.get(LAST_UPLOAD_TIME)?.parse().ok()?;
    Some(WallTime::from_unix_seconds(seconds)).filter(|last| *last <= now)
}
