//! What overtakes what: cases R.

use super::Case;

pub(super) const CASES: &[Case] = &[];
