//! Panics and exits: cases P.

use super::Case;

pub(super) const CASES: &[Case] = &[];
