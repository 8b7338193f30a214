//! The Service Manager: verbs, scripts, prompt.
