//! A component of somebody else's, embedded: ACME_LEDGER books payments, and closes the accounts
//! every night. `tests/restarts.rs` shows how its restarts are tested.
//!
//! What makes it interesting: a payment must be booked once however often its message comes; the
//! night's work takes many small steps, and goes on where it was when the component is restarted
//! in between; one of them takes minutes, and must not be taken for a hang; what is sent outside
//! may fail, and may have arrived although no answer came.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use smsexec::contract::component::Registry;
use smsexec::contract::lifecycle::{Isolation, WhenHung};
use smsexec::contract::{
    Answer, Component, Context, Descriptor, Fault, Message, MessageType, Registration, Request,
    Setting, Start, Started, StatusMessage, Ticket,
};

/// What the site calls it.
pub const LEDGER: &str = "ACME_LEDGER";
/// So many accounts are closed every night.
pub const ACCOUNTS: u32 = 12;
/// How long the accounts of a night are parted by.
pub const PACE: Duration = Duration::from_secs(10);
/// Sorting the books may take so long.
pub const SORT_MAX: Duration = Duration::from_secs(15 * 60);
/// The status message of a night that is done: an id of our own.
pub const NIGHT_DONE: u32 = 61_950;
/// The hour of the night, in UTC. Read at a start, and only there.
pub const NIGHT_HOUR: Setting<u64> = Setting::new("acme.night_hour", || 2);
/// Where the total of a night is sent.
pub const REPORT_URL: Setting<String> =
    Setting::new("acme.report_url", || "https://gateway.manage.microsoft.com/usage".into());

const LOOK_EVERY: Duration = Duration::from_secs(15 * 60);
/// So many messages are told from their copies. A copy that comes later than that is booked.
const SEEN_MAX: usize = 256;

/// Somebody has paid.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Payment {
    /// How much.
    pub cents: u64,
}

impl MessageType for Payment {
    const NAME: &'static str = "Payment";
}

/// The ledger as a site takes it.
pub fn registration() -> Registration {
    let mut descriptor = Descriptor::new("books payments, closes accounts at night", "ledger.log");
    descriptor.start_only = vec![NIGHT_HOUR.key, REPORT_URL.key];
    // Sorting blocks its thread: that is to be its own, and nobody waits for one that hangs.
    descriptor.isolation = Isolation::Dedicated;
    descriptor.when_hung = WhenHung::Restart;
    Registration::new(LEDGER, descriptor, Ledger::default)
}

/// One life of the ledger. It holds nothing that its next life could not read again.
#[derive(Default)]
struct Ledger {
    night_hour: u64,
    report_url: String,
    /// All that was ever booked.
    total: u64,
    /// The messages that were booked last, oldest first.
    seen: Vec<String>,
    /// The night that is being closed, or the last one that was, as days since 1970.
    night: i64,
    /// So many of its accounts are closed: the cursor.
    closed: u32,
    /// The last night whose total has arrived outside.
    reported: i64,
    /// This life has sorted the books of that night.
    sorted: bool,
    /// The night whose total is on its way, and the answer that belongs to it.
    sending: Option<(Ticket, i64)>,
}

impl Ledger {
    /// A value of an earlier life. One that cannot be read is an error: to begin anew would book
    /// twice.
    fn read<T: FromStr + Default>(registry: &Registry, name: &str) -> Result<T, Fault> {
        let Some(text) = registry.get(name) else { return Ok(T::default()) };
        text.parse().map_err(|_| Fault::new(1, format!("{name} holds {text:?}")))
    }

    /// Begins what is to be done and is not under way. Called at each start and every quarter of
    /// an hour: a timer for the night itself would be wrong as soon as somebody sets the clock.
    fn look(&mut self, cx: &mut Context<'_>) {
        cx.after(LOOK_EVERY, "look");
        let hours = cx.utc().unix_seconds().div_euclid(3600);
        let (day, hour) = (hours.div_euclid(24), hours.rem_euclid(24).unsigned_abs());
        if hour == self.night_hour && day > self.night {
            (self.night, self.closed, self.sorted) = (day, 0, false);
            cx.remember("night", day.to_string());
            cx.remember("closed", "0");
        }
        if self.closed < ACCOUNTS && self.night > 0 && !self.sorted {
            // For the next hook, which blocks: the watchdog leaves it alone for so long.
            cx.lease(SORT_MAX);
            cx.after(Duration::ZERO, "sort");
        }
        if self.closed == ACCOUNTS && self.reported < self.night && self.sending.is_none() {
            // It may have arrived in an earlier life: whoever gets it tells copies by the night.
            let json = format!("{{\"night\":{},\"total\":{}}}", self.night, self.total);
            let url = self.report_url.clone();
            self.sending = Some((cx.request(Request::Upload { url, json }), self.night));
        }
    }
}

impl Component for Ledger {
    fn start(&mut self, start: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        self.night_hour = start.settings.get(&NIGHT_HOUR);
        self.report_url = start.settings.get(&REPORT_URL);
        let kept = start.registry;
        self.total = Self::read(kept, "total")?;
        self.night = Self::read(kept, "night")?;
        self.closed = Self::read(kept, "closed")?;
        self.reported = Self::read(kept, "reported")?;
        let seen = kept.get("seen").map_or("", String::as_str);
        self.seen = seen.split_whitespace().map(str::to_owned).collect();
        self.look(cx);
        Ok(Started::Running)
    }

    /// What is remembered here is kept together with the fact that the message was handled; if
    /// this life ends before, neither is. So only copies of a message need to be told apart.
    fn message(&mut self, message: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
        let Some(payment) = message.get::<Payment>() else {
            cx.warn(format!("Ignored {}.", message.name()));
            return Ok(());
        };
        let id = cx.message_id().to_string();
        if self.seen.contains(&id) {
            cx.log(format!("Payment {id} is booked already."));
            return Ok(());
        }
        self.seen.push(id);
        self.seen.drain(..self.seen.len().saturating_sub(SEEN_MAX));
        self.total += payment.cents;
        cx.remember("seen", self.seen.join(" "));
        cx.remember("total", self.total.to_string());
        Ok(())
    }

    fn timer(&mut self, key: &'static str, cx: &mut Context<'_>) -> Result<(), Fault> {
        match key {
            "look" => self.look(cx),
            // Minutes of work, in the real one. Here it is the place where a test has it hang.
            "sort" => {
                self.sorted = true;
                cx.log(format!("Sorted the books of night {}.", self.night));
                cx.after(PACE, "close");
            }
            "close" => {
                self.closed += 1;
                cx.log(format!("Closed account {} of night {}.", self.closed, self.night));
                cx.remember("closed", self.closed.to_string());
                match self.closed {
                    ACCOUNTS => self.look(cx),
                    _ => cx.after(PACE, "close"),
                }
            }
            _ => unreachable!("no other timer is set"),
        }
        Ok(())
    }

    fn answer(&mut self, of: Ticket, answer: Answer, cx: &mut Context<'_>) -> Result<(), Fault> {
        let Some((_, night)) = self.sending.take_if(|(ticket, _)| *ticket == of) else {
            return Ok(());
        };
        match answer {
            Ok(_) => {
                self.reported = night;
                cx.remember("reported", night.to_string());
                cx.report(StatusMessage::informational(NIGHT_DONE));
            }
            // The next look sends it again.
            Err(failure) => cx.warn(format!("The total of night {night} is still here, {failure}")),
        }
        Ok(())
    }
}
