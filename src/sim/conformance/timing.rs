//! Time-outs, hangs, clocks: cases T.

use super::Case;

pub(super) const CASES: &[Case] = &[];
