//! A site in real time: the host on actix and tokio.
//!
//! [`Site::start`] gives the host a thread and an actix system of its own, so it embeds in any
//! program, async or not, any number of times. The executive is one actor; each shard is
//! another, on an arbiter of its own, fed by its lane as a stream. Requests run as tokio tasks
//! on the arbiter of the shard that asked, and end with the life that asked.
//!
//! The site's clock is real time plus an offset, so it can be moved on.

mod activity;
mod alarm;
mod clock;
mod executive;
mod handle;
pub mod logs;
mod lookout;
mod news;
mod nowhere;
mod shard;
mod shared;
mod site;

pub use clock::{SiteClock, utc_now};
pub use handle::Handle;
pub use kernel::Transition;
pub use nowhere::NoOutside;
pub use site::{Options, Site};
