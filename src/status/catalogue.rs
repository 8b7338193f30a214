//! The status messages that the simulator knows, with where each id and text comes from.
//!
//! Ids that a source confirms stand under module "SMS Server" (domain.md 3.3). What the
//! simulator has to say and no source has an id for stands under a module of its own, in the
//! range 60000 to 60999, so that nobody takes it for Microsoft's.

use contract::Severity;

/// The module of ids that a source confirms (domain.md 3.1).
pub const MODULE_PRODUCT: &str = "SMS Server";
/// The module of the simulator's own ids, and of ids that nobody knows.
pub const MODULE_OWN: &str = "SMS Executive Simulator";

/// Where an id and its text come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// A source has the id and the words.
    Confirmed,
    /// A source has the id; the words are the simulator's own, and so is the severity where
    /// [`Row::note`] says so.
    OwnText,
    /// Both are the simulator's own.
    Own,
}

/// One message of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// 0 to 65535; rows stand in ascending order.
    pub id: u32,
    /// How grave it is by default. What is reported may say otherwise.
    pub severity: Severity,
    /// Who reports it; any component if none.
    pub component: Option<&'static str>,
    /// The text, with %1 to %10 where insertion strings go.
    pub text: &'static str,
    /// Where id and text come from.
    pub source: Source,
    /// The source, or what the simulator means by it.
    pub note: &'static str,
}

impl Row {
    /// The module that the message is reported under.
    pub fn module(&self) -> &'static str {
        match self.source {
            Source::Confirmed | Source::OwnText => MODULE_PRODUCT,
            Source::Own => MODULE_OWN,
        }
    }
}

macro_rules! catalogue {
    ($($name:ident = $id:literal, $severity:ident, $component:expr, $source:ident,
       $text:literal, $note:literal;)*) => {
        /// The ids of the catalogue by name.
        pub mod ids {
            $(
                #[doc = concat!("`", $text, "` (", stringify!($severity), "; ", $note, ")")]
                pub const $name: u32 = $id;
            )*
        }

        /// Every message of the catalogue, in ascending order of ids.
        pub const ROWS: &[Row] = &[$(Row {
            id: $id,
            severity: Severity::$severity,
            component: $component,
            text: $text,
            source: Source::$source,
            note: $note,
        },)*];
    };
}

const EXECUTIVE: Option<&str> = Some("SMS_EXECUTIVE");
const BACKUP: Option<&str> = Some("SMS_SITE_BACKUP");
const SUMMARIZER: Option<&str> = Some(crate::manager::SUMMARIZER);
const DISTRIBUTION: Option<&str> = Some("SMS_DISTRIBUTION_MANAGER");
const DOWNLOADER: Option<&str> = Some("SMS_DMP_DOWNLOADER");
const UPLOADER: Option<&str> = Some("SMS_DMP_UPLOADER");
const CONNECTOR: Option<&str> = Some("SMS_SERVICE_CONNECTOR");

catalogue! {
    COMPONENT_STARTED = 500, Informational, None, OwnText,
        "The component has started.", "domain.md 3.3";
    PACKAGE_PROCESSING = 2300, Informational, DISTRIBUTION, OwnText,
        "Distribution Manager begins to process package %1 (package ID = %2).",
        "domain.md 3.3, log-samples BLOCK 29";
    PACKAGE_PROCESSED = 2301, Informational, DISTRIBUTION, Confirmed,
        "Distribution Manager successfully processed package %1 (package ID = %2).",
        "domain.md 3.3";
    PACKAGE_FAILED = 2302, Error, DISTRIBUTION, OwnText,
        "Distribution Manager could not process package %1 (package ID = %2). %3",
        "domain.md 3.3, older products";
    STATUS_CRITICAL = 4609, Error, SUMMARIZER, OwnText,
        "The status of component %1 has changed to Critical.",
        "domain.md 3.3; the severity is the simulator's own";
    STATUS_WARNING = 4610, Warning, SUMMARIZER, OwnText,
        "The status of component %1 has changed to Warning.",
        "domain.md 3.3; the severity is the simulator's own";
    STATUS_RESET = 4611, Informational, SUMMARIZER, OwnText,
        "The status of component %1 was reset and its counts start over.",
        "domain.md 3.3; the severity is the simulator's own";
    BACKUP_COMPLETED = 5035, Informational, BACKUP, OwnText,
        "The site backup was completed without errors.", "domain.md 3.3";
    BACKUP_SCRIPT_STARTED = 5040, Informational, BACKUP, OwnText,
        "AfterBackup.bat was started.", "domain.md 3.3";
    BACKUP_PREPARING = 5055, Informational, BACKUP, OwnText,
        "The site backup prepares its snapshot.",
        "domain.md 3.3 confirms its place in the order; the severity is the simulator's own";
    BACKUP_COPYING = 5056, Informational, BACKUP, OwnText,
        "The snapshot exists and the site backup copies from it.",
        "domain.md 3.3 confirms its place in the order; the severity is the simulator's own";
    UPLOAD_FAILED = 9605, Error, UPLOADER, OwnText,
        "Usage data could not be uploaded: %1", "domain.md 3.3";
    UPLOAD_EXCEPTION = 9607, Error, UPLOADER, OwnText,
        "The upload of usage data ended unexpectedly: %1", "domain.md 3.3";
    CHECKS_SUCCESSFUL = 11410, Informational, CONNECTOR, Confirmed,
        "All checks are successful.", "R-061";
    CHECKS_NON_CRITICAL = 11411, Warning, CONNECTOR, Confirmed,
        "One or more non-critical failures occurred.", "R-062";
    CHECKS_CRITICAL = 11412, Error, CONNECTOR, Confirmed,
        "One or more critical failures occurred.", "R-063";
    ENDPOINTS_UNREACHABLE = 11488, Error, CONNECTOR, OwnText,
        "The site cannot connect to required endpoints of a cloud service: %1",
        "domain.md 3.3; who reports it is the simulator's own choice";

    COMPONENT_STOPPED = 60001, Informational, None, Own,
        "The component has stopped.", "after every end that somebody asked for";
    COMPONENT_PAUSED = 60002, Informational, None, Own,
        "The component is paused.", "after an operator's pause";
    COMPONENT_RESUMED = 60003, Informational, None, Own,
        "The component goes on after a pause.", "after an operator's resume";
    COMPONENT_RESTARTS = 60004, Error, None, Own,
        "The component ended unexpectedly (%1). It is started again in %2.",
        "%1 how it ended, %2 the delay";
    COMPONENT_FAILED = 60005, Error, None, Own,
        "The component ended unexpectedly more than %1 times within %2 and is not started again. Start it or reset it in Service Manager. Last: %3",
        "its restart budget is exceeded; %3 how it ended";
    COMPONENT_COMPLETED = 60006, Informational, None, Own,
        "The component has finished its work and ended.", "a life that ended as it meant to";
    COMPONENT_NOT_APPLICABLE = 60007, Informational, None, Own,
        "The component has nothing to do on this server: %1", "%1 why";
    COMPONENT_KILLED = 60008, Warning, None, Own,
        "The component did not stop in time, or was to be ended at once, and was ended by force.",
        "a kill, or a stop that took too long";
    COMPONENT_STUCK = 60009, Warning, None, Own,
        "The component has been busy with one call for %1.", "%1 how long";
    COMPONENT_ENDED = 60010, Error, None, Own,
        "The component ended unexpectedly (%1) and is not started again: its restart type forbids it.",
        "%1 how it ended";
    COMPONENT_STARTED_AGAIN = 60011, Informational, None, Own,
        "The component is started with SMS_EXECUTIVE, although an operator had stopped it before.",
        "a stop lasts until the next start of the executive (lifecycle.md 2.4)";
    COMPONENT_HUNG = 60012, Error, None, Own,
        "The component hangs: its code has not come back for %1.",
        "%1 how long; no lease covers it (lifecycle.md 3.10)";
    COMPONENT_RECOVERED = 60013, Informational, None, Own,
        "The component's code has come back after %1. It does not hang any longer.",
        "%1 how long it was away";
    COMPONENT_ZOMBIE = 60014, Warning, None, Own,
        "Generation %1 of the component has ended, but its code has not come back and may still hold what it held.",
        "%1 the generation; Rust cannot end a thread (lifecycle.md 3.9)";
    COMPONENT_ZOMBIE_GONE = 60015, Informational, None, Own,
        "The code of generation %1 of the component has come back. Nothing of that generation is left.",
        "%1 the generation; after 60014";
    COMPONENT_STARTUP_CHANGED = 60016, Informational, None, Own,
        "The startup type of the component was changed from %1 to %2.",
        "%1 and %2 Automatic, Manual or Disabled; as event 7040 of the Service Control Manager";
    COMPONENT_REMOVED = 60017, Informational, None, Own,
        "The component was removed.", "it stays listed until the process ends; the next one has it again";
    COMPONENT_DROP_PANICKED = 60018, Warning, None, Own,
        "What the component had in memory could not be cleaned up: its drop panicked (%1).",
        "%1 what it panicked with; how its life ended stays as it was";
    INBOX_FULL = 60019, Warning, None, Own,
        "The inbox of %1 is full (1816). Messages of %2 wait until there is room.",
        "%1 the receiver, %2 the sender; ERROR_NOT_ENOUGH_QUOTA, nothing is lost";
    MESSAGE_SET_ASIDE = 60020, Warning, None, Own,
        "Message %1 (%2) was set aside and is not delivered any more: %3",
        "%1 the name of its type, %2 its id, %3 why";
    CONTROL_TIMED_OUT = 60021, Warning, None, Own,
        "The component did not answer the control \"%1\" within %2 (1053). It is not ended for that.",
        "%1 the control, %2 how long; a stop that takes too long is 60008";
    COMPONENT_DEPRIVED = 60022, Error, None, Own,
        "The component does not run: %1, on which it depends, is not to be had (1068). Start it in Service Manager when that runs.",
        "%1 what it depends on; as event 7001 of the Service Control Manager";

    EXECUTIVE_STOPPED = 60101, Informational, EXECUTIVE, Own,
        "SMS_EXECUTIVE has stopped.", "all its components have stopped";
    BACKUP_STARTED = 60102, Informational, BACKUP, Own,
        "The site backup has started and stops SMS_EXECUTIVE.", "R-023";
    BACKUP_FAILED = 60103, Error, BACKUP, Own,
        "The site backup failed: %1", "%1 why; SMS_EXECUTIVE is started again";
    SETTING_CHANGED = 60104, Informational, EXECUTIVE, Own,
        "Setting %1 was changed from %2 to %3.", "stored, not yet in effect everywhere";
    SETTING_PENDING = 60105, Informational, EXECUTIVE, Own,
        "Setting %1 takes effect when these components are restarted: %2", "R-020";
    NOT_KEPT = 60106, Error, EXECUTIVE, Own,
        "What must outlive the process could not be written: %1",
        "%1 why; it is tried again with every change";
    SHARD_LOST = 60107, Error, EXECUTIVE, Own,
        "The thread of shard %1 was lost: code of %2 has not come back. The other components of that shard are started again on a new thread.",
        "%1 the shard's number, %2 the component; the others are not charged (lifecycle.md 3.9)";
    GROUP_RESTARTS = 60108, Informational, EXECUTIVE, Own,
        "Group %1 (%2) is restarted in %3.",
        "%1 the group, %2 its strategy, %3 the delay (lifecycle.md 3.3)";
    GROUP_FAILED = 60109, Error, EXECUTIVE, Own,
        "Group %1 had to be restarted more than %2 times within %3 and is not restarted again. Start its members or reset them in Service Manager.",
        "%1 the group, %2 and %3 its restart budget, which is exceeded";
    EXECUTIVE_RESTARTS = 60110, Warning, EXECUTIVE, Own,
        "SMS_EXECUTIVE is restarted because of %1, which ended unexpectedly too often.",
        "%1 the component that escalates (lifecycle.md 3.5)";
    EXECUTIVE_GIVES_UP = 60111, Error, EXECUTIVE, Own,
        "SMS_EXECUTIVE had to be restarted more than %1 times within %2, at last because of %3. It stops and ends with exit code 20.",
        "%1 and %2 its restart budget, %3 the component (lifecycle.md 3.5)";
    EXECUTIVE_ENDED_BADLY = 60112, Warning, EXECUTIVE, Own,
        "SMS_EXECUTIVE did not end as it should before this start.",
        "its process was killed or lost, or the computer was (lifecycle.md part 4, P07)";
    HOLD_TAKEN = 60113, Informational, EXECUTIVE, Own,
        "A hold (%1) keeps %2 down, for %3 at most.",
        "%1 the kind, %2 the component or \"every component\", %3 its lease";
    HOLD_ENDED = 60114, Informational, EXECUTIVE, Own,
        "The hold (%1) on %2 has ended.",
        "%1 the kind, %2 the component or \"every component\"; it was released";
    HOLD_RAN_OUT = 60115, Warning, EXECUTIVE, Own,
        "The hold (%1) on %2 was not released before its lease ran out, and holds no longer.",
        "%1 the kind, %2 the component or \"every component\"";

    UPDATE_CHECK_COMPLETED = 60201, Informational, DOWNLOADER, Own,
        "The check for updates is complete: %1 listed, %2 applicable.", "numbers of updates";
    UPDATE_DOWNLOADED = 60202, Informational, DOWNLOADER, Own,
        "Update %1 was downloaded.", "%1 the name, %2 the GUID";
    UPDATE_DOWNLOAD_FAILED = 60203, Warning, DOWNLOADER, Own,
        "Update %1 could not be downloaded: %3. Retry in the next polling cycle.",
        "%1 the name, %2 the GUID, %3 why";
    MANIFEST_FAILED = 60204, Warning, DOWNLOADER, Own,
        "The update manifest could not be downloaded: %1. Retry in the next polling cycle.",
        "%1 why";
    MANIFEST_REFUSED = 60205, Error, DOWNLOADER, Own,
        "The update manifest was refused: %1. Retry in the next polling cycle.",
        "%1 why: its signature, its size or its form";
    OFFLINE = 60206, Informational, None, Own,
        "The service connection point is offline, so the component makes no connection.", "R-018";
    USAGE_UPLOADED = 60210, Informational, UPLOADER, Own,
        "Usage data was uploaded at level %1.", "%1 Basic, Enhanced or Full";

    CONTENT_DISTRIBUTED = 60301, Informational, DISTRIBUTION, Own,
        "The content of package %1 is on distribution point %2.", "%1 package id, %2 server";
    CONTENT_FAILED = 60302, Warning, DISTRIBUTION, Own,
        "The content of package %1 could not be put on distribution point %2: %3",
        "%1 package id, %2 server, %3 why";
}

/// The catalogue's row of an id, if it has one.
pub fn find(id: u32) -> Option<&'static Row> {
    ROWS.binary_search_by_key(&id, |row| row.id).ok().map(|place| &ROWS[place])
}

/// Module and text of a message: the template with the insertion strings in place. A string
/// that the message lacks is empty. Unknown ids stand under [`MODULE_OWN`] with a text that
/// shows the strings.
pub fn describe(id: u32, strings: &[String]) -> (&'static str, String) {
    match find(id) {
        Some(row) => (row.module(), insert(row.text, strings)),
        None => (MODULE_OWN, unknown(id, strings)),
    }
}

/// What the simulator knows of an id, in a few lines for a person.
pub fn explain(id: u32) -> String {
    let Some(row) = find(id) else {
        return format!("{id}: not in the catalogue");
    };
    let origin = match row.source {
        Source::Confirmed => "id and text are the product's",
        Source::OwnText => "the id is the product's, the text is the simulator's own",
        Source::Own => "id and text are the simulator's own",
    };
    let component = row.component.unwrap_or("any component");
    format!(
        "{id} ({severity}, {module}, {component})\n{text}\n{origin}; {note}",
        severity = row.severity,
        module = row.module(),
        text = row.text,
        note = row.note,
    )
}

fn unknown(id: u32, strings: &[String]) -> String {
    let shown = if strings.is_empty() { "none".to_owned() } else { strings.join("; ") };
    format!("Message {id} is not in the catalogue. Insertion strings: {shown}")
}

/// Replaces %1 to %10 in one pass, so that a string which looks like a place stays a string.
fn insert(template: &str, strings: &[String]) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(place) = rest.find('%') {
        text.push_str(&rest[..place]);
        rest = &rest[place + 1..];
        let digits = if rest.starts_with("10") { 2 } else { 1 };
        match rest.get(..digits).and_then(|number| number.parse::<usize>().ok()) {
            Some(number @ 1..) => {
                text.push_str(strings.get(number - 1).map_or("", String::as_str));
                rest = &rest[digits..];
            }
            _ => text.push('%'),
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn ids_ascend_and_the_own_ones_keep_to_their_range() {
        assert!(ROWS.is_sorted_by(|a, b| a.id < b.id));
        for row in ROWS {
            let own = (60_000..61_000).contains(&row.id);
            assert_eq!(own, row.source == Source::Own, "{}", row.id);
            assert_eq!(row.module() == MODULE_OWN, own, "{}", row.id);
        }
    }

    #[test]
    fn the_ids_that_sources_name_are_there() {
        for id in [
            500, 2300, 2301, 2302, 4609, 4610, 4611, 5035, 5040, 5055, 5056, 9605, 9607, 11410,
            11411, 11412, 11488,
        ] {
            assert!(find(id).is_some_and(|row| row.source != Source::Own), "{id}");
        }
    }

    #[test]
    fn insertion_strings_stand_in_their_places() {
        let (module, text) = describe(ids::PACKAGE_PROCESSED, &strings(&["Update", "PS100001"]));
        assert_eq!(module, "SMS Server");
        assert_eq!(
            text,
            "Distribution Manager successfully processed package Update (package ID = PS100001)."
        );
        assert!(describe(ids::UPLOAD_FAILED, &[]).1.ends_with(": "));
    }

    #[test]
    fn what_the_executive_says_of_supervision_reads_well() {
        use Severity::{Error, Informational, Warning};
        for (id, severity, words, start) in [
            (ids::COMPONENT_STARTED_AGAIN, Informational, &[][..], "The component is started with"),
            (ids::COMPONENT_HUNG, Error, &["3m"], "The component hangs: its code has not come"),
            (
                ids::COMPONENT_RECOVERED,
                Informational,
                &["4m"],
                "The component's code has come back",
            ),
            (
                ids::COMPONENT_ZOMBIE,
                Warning,
                &["7"],
                "Generation 7 of the component has ended, but",
            ),
            (ids::COMPONENT_ZOMBIE_GONE, Informational, &["7"], "The code of generation 7 of the"),
            (
                ids::COMPONENT_STARTUP_CHANGED,
                Informational,
                &["Automatic", "Manual"],
                "The startup type of the component was changed from Automatic to Manual.",
            ),
            (ids::COMPONENT_REMOVED, Informational, &[], "The component was removed."),
            (ids::COMPONENT_DROP_PANICKED, Warning, &["boom"], "What the component had in memory"),
            (
                ids::INBOX_FULL,
                Warning,
                &["SMS_A", "SMS_B"],
                "The inbox of SMS_A is full (1816). Messages of SMS_B wait until there is room.",
            ),
            (
                ids::MESSAGE_SET_ASIDE,
                Warning,
                &["PackagePublished", "0:1/7", "failed 3 times, at last: error 5: text"],
                "Message PackagePublished (0:1/7) was set aside and is not delivered any more: failed",
            ),
            (
                ids::CONTROL_TIMED_OUT,
                Warning,
                &["pause", "30s"],
                "The component did not answer the control \"pause\" within 30s (1053).",
            ),
            (
                ids::SHARD_LOST,
                Error,
                &["3", "SMS_A"],
                "The thread of shard 3 was lost: code of SMS_A has not come back.",
            ),
            (
                ids::GROUP_RESTARTS,
                Informational,
                &["cloud", "one-for-all", "500ms"],
                "Group cloud (one-for-all) is restarted in 500ms.",
            ),
            (
                ids::GROUP_FAILED,
                Error,
                &["cloud", "5", "5m"],
                "Group cloud had to be restarted more than 5 times within 5m and is not restarted",
            ),
            (ids::EXECUTIVE_RESTARTS, Warning, &["SMS_A"], "SMS_EXECUTIVE is restarted because of"),
            (
                ids::EXECUTIVE_GIVES_UP,
                Error,
                &["5", "5m", "SMS_A"],
                "SMS_EXECUTIVE had to be restarted more than 5 times within 5m, at last because of \
                 SMS_A. It stops and ends with exit code 20.",
            ),
            (ids::EXECUTIVE_ENDED_BADLY, Warning, &[], "SMS_EXECUTIVE did not end as it should"),
            (
                ids::HOLD_TAKEN,
                Informational,
                &["backup", "every component", "1h"],
                "A hold (backup) keeps every component down, for 1h at most.",
            ),
            (
                ids::HOLD_ENDED,
                Informational,
                &["maintenance", "SMS_A"],
                "The hold (maintenance) on SMS_A has ended.",
            ),
            (
                ids::HOLD_RAN_OUT,
                Warning,
                &["backup", "every component"],
                "The hold (backup) on every component was not released before its lease ran out",
            ),
        ] {
            assert_eq!(find(id).map(|row| row.severity), Some(severity), "{id}");
            let (module, text) = describe(id, &strings(words));
            assert_eq!(module, MODULE_OWN, "{id}");
            assert!(text.starts_with(start), "{id}: {text}");
            assert!(words.iter().all(|word| text.contains(word)), "{id}: {text}");
            let next = format!("%{}", words.len() + 1);
            assert!(!find(id).unwrap().text.contains(&next), "{id} has more strings");
        }
    }

    #[test]
    fn a_string_that_looks_like_a_place_is_left_alone() {
        let ten = strings(&["a", "b", "c", "d", "e", "f", "g", "h", "i", "%1"]);
        assert_eq!(insert("%10 %1 %2%% 100% %0", &ten), "%1 a b%% 100% %0");
        assert_eq!(insert("%2%", &ten), "b%");
        assert_eq!(insert("%é", &ten), "%é");
    }

    #[test]
    fn an_unknown_id_shows_what_came_with_it() {
        let (module, text) = describe(7, &strings(&["alpha", "beta"]));
        assert_eq!(module, MODULE_OWN);
        assert!(text.contains('7') && text.contains("alpha; beta"), "{text}");
        assert!(explain(7).contains("not in the catalogue"));
    }

    #[test]
    fn an_explanation_names_its_source() {
        assert!(explain(ids::CHECKS_CRITICAL).contains("R-063"));
        assert!(explain(ids::COMPONENT_FAILED).contains("simulator's own"));
    }
}
