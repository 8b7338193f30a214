//! SMS_DMP_UPLOADER: uploads usage data at the configured level.
