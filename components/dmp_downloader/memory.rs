//! What one life leaves in the registry for the next.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::cloud::ManifestPackage;
use contract::component::Registry;
use contract::{Context, WallTime};

/// Unix seconds of the last good check (domain.md 5.6).
const LAST_SYNCED_TIME: &str = "LastSyncedTime";
/// Which packages SMS_DISTRIBUTION_MANAGER has been told of.
const PUBLISHED: &str = "Published";

/// How long from now the next check is due. At once if there never was a good one, or if it
/// lies in the future: then the clock was set back, and waiting for it could take years.
pub(crate) fn due_in(registry: &Registry, now: WallTime, interval: Duration) -> Duration {
    match last_synced(registry) {
        Some(last) if last <= now => interval.saturating_sub(now.since(last)),
        _ => Duration::ZERO,
    }
}

/// A value that is no number is as good as none: the worst that follows is one check more.
fn last_synced(registry: &Registry) -> Option<WallTime> {
    let seconds = registry.get(LAST_SYNCED_TIME)?.parse().ok()?;
    Some(WallTime::from_unix_seconds(seconds))
}

/// Keeps that the check which began at `began` came to a good end.
pub(crate) fn remember_synced(began: WallTime, cx: &mut Context<'_>) {
    cx.remember(LAST_SYNCED_TIME, began.unix_seconds().to_string());
}

/// Packages that SMS_DISTRIBUTION_MANAGER has been told of: hash by GUID. A package that comes
/// again with another hash is another package.
#[derive(Debug, Default)]
pub(crate) struct Published(BTreeMap<String, String>);

impl Published {
    /// What earlier lives kept: `guid:sha256`, parted by blanks. Other words are passed over.
    pub(crate) fn read(registry: &Registry) -> Self {
        let text = registry.get(PUBLISHED).map_or("", String::as_str);
        let pairs = text.split_whitespace().filter_map(|word| word.split_once(':'));
        Published(pairs.map(|(guid, hash)| (guid.to_owned(), hash.to_owned())).collect())
    }

    pub(crate) fn holds(&self, package: &ManifestPackage) -> bool {
        self.0.get(&package.guid) == Some(&package.sha256)
    }

    pub(crate) fn remember(&mut self, package: &ManifestPackage, cx: &mut Context<'_>) {
        self.0.insert(package.guid.clone(), package.sha256.clone());
        let words: Vec<String> =
            self.0.iter().map(|(guid, hash)| format!("{guid}:{hash}")).collect();
        cx.remember(PUBLISHED, words.join(" "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const NOW: WallTime = WallTime::from_unix_seconds(1_000_000);

    #[track_caller]
    fn due(kept: &str, expected: Duration) {
        let registry = Registry::from([(LAST_SYNCED_TIME.to_owned(), kept.to_owned())]);
        assert_eq!(due_in(&registry, NOW, DAY), expected, "{kept:?}");
    }

    #[test]
    fn a_check_is_due_one_interval_after_the_last_good_one() {
        assert_eq!(due_in(&Registry::new(), NOW, DAY), Duration::ZERO);
        due("1000000", DAY);
        due("999900", DAY - Duration::from_secs(100));
        due("913600", Duration::ZERO);
        due("0", Duration::ZERO);
    }

    #[test]
    fn a_time_in_the_future_or_none_at_all_means_at_once() {
        for kept in ["1000001", "9223372036854775807", "-9223372036854775808", "", "x", "1e9"] {
            due(kept, Duration::ZERO);
        }
    }
}
