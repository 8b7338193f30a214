//! The real outside: HTTPS client, endpoint probe, disk, and the embedded cloud's server.
