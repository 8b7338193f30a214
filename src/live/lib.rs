//! Drives a host in real time, on actix and tokio.
