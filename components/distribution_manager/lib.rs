//! SMS_DISTRIBUTION_MANAGER: takes packages into the content library and on to distribution points.
