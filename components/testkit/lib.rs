//! Test bench for one component: manual clock, expectations, answers by hand.
