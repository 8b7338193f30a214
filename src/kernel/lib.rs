//! Lifecycle table, supervision, dispatch, timers: pure and deterministic.
