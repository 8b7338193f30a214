//! What happens to wall clocks: jumps, and daylight saving.

use std::time::Duration;

use contract::time::WallTime;

use crate::event::What;
use crate::run::Site;

impl Site {
    /// The wall clock jumps ahead, as when somebody sets it. The monotonic clock does not, and
    /// timers keep their distance: use [`advance`](contract::control::HostControl::advance) to
    /// let time pass.
    pub fn jump_wall_ahead(&mut self, by: Duration) {
        self.epoch = self.epoch + by;
        self.plan_anew();
        self.record(What::ClockJumped { by, ahead: true });
    }

    /// The wall clock jumps back. What was written bears the time it was written at.
    pub fn jump_wall_back(&mut self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.epoch = WallTime(self.epoch.0.saturating_sub(micros));
        self.plan_anew();
        self.record(What::ClockJumped { by, ahead: false });
    }

    /// What goes by the wall clock goes by the new one.
    fn plan_anew(&mut self) {
        let clock = self.clock();
        self.host.wall_clock_jumped(clock);
    }

    /// Changes the minutes to add to the site's local time to get UTC, as the beginning and the
    /// end of daylight saving do: -60 is Central European winter time, -120 its summer time.
    /// UTC goes on as it was; log lines and the tallies' midnight follow the new local time.
    pub fn set_bias(&mut self, minutes: i32) {
        self.host.set_bias(minutes);
        self.plan_anew();
        self.record(What::BiasSet { minutes });
    }
}
