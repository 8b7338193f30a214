//! SMS_DMP_DOWNLOADER on the bench, rule by rule.

mod bad_input;
mod bench;
mod checks;
mod mode;
