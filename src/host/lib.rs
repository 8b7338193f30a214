//! One SMS_EXECUTIVE service: executive, status manager and stored settings joined in one pure value.
