//! Commands, states and codes: cases L.

use super::Case;

pub(super) const CASES: &[Case] = &[];
