//! Drives a host in virtual time, from a seed: the test harness.
