//! SMS_DMP_DOWNLOADER: checks for updates and downloads the newest that applies.
