//! Status message catalogue, status manager and summarizer, log record formats.
