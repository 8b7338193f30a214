//! Budgets, delays, groups, escalation: cases S.

use super::Case;

pub(super) const CASES: &[Case] = &[];
