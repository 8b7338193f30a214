//! SMS_EXECUTIVE as a whole, configuration, backup, dependencies: cases X.

use super::Case;

pub(super) const CASES: &[Case] = &[];
