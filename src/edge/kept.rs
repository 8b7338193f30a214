//! What outlives the process: `kept.json` in the site's folder.

use std::fs;
use std::io;
use std::sync::PoisonError;

use contract::lifecycle::{Desired, HoldKind, Startup};
use contract::store::Kept;
use contract::{Failure, FailureKind, Generation};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::failure::{disk, gone};
use crate::folder::SiteFolder;
use crate::snapshot::BACKUP;
use crate::temp::TempFile;

pub(crate) const FILE: &str = "kept.json";

impl SiteFolder {
    /// Writes `kept`. On return it survives a crash; a crash before leaves what was there.
    ///
    /// # Errors
    /// [`FailureKind::Disk`]; what was kept before is still there.
    pub fn keep(&self, kept: &Kept) -> Result<(), Failure> {
        let json = serde_json::to_vec_pretty(kept)
            .map_err(|error| Failure::new(FailureKind::Disk, format!("{FILE}: {error}")))?;
        if !self.root.is_dir() {
            return Err(gone(&self.root));
        }
        // One at a time, so that of two the later stays.
        let _one = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut temp = TempFile::create(&self.root, self.next_temp())?;
        temp.write(&json)?;
        temp.write(b"\n")?;
        temp.publish(FILE)
    }

    /// What was kept; nothing yet if there is no such file. The texts of settings are as they
    /// lie in the file: whoever takes them checks them.
    ///
    /// # Errors
    /// [`FailureKind::Malformed`], with what is wrong and where; [`FailureKind::Disk`]. The file
    /// is left as it is.
    pub fn load_kept(&self) -> Result<Kept, Failure> {
        let path = self.root.join(FILE);
        let json = match fs::read(&path) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
            Err(error) => return Err(disk(&path, &error)),
        };
        read(&json).map_err(|problem| {
            let text = format!("{} {problem}; {}", path.display(), self.without_it());
            Failure::new(FailureKind::Malformed, text)
        })
    }

    /// What to do about a file that is malformed.
    fn without_it(&self) -> String {
        let mut way_out = "remove it to begin with the settings of site.toml".to_owned();
        if self.root.join(BACKUP).join(FILE).is_file() {
            way_out += &format!(", or restore {BACKUP}/{FILE}");
        }
        way_out
    }
}

/// What `json` holds; else what is wrong with it.
fn read(json: &[u8]) -> Result<Kept, String> {
    if json.trim_ascii().is_empty() {
        return Err("is empty".into());
    }
    let value: Value = serde_json::from_slice(json).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        if error.is_eof() {
            format!("ends too early, at {place}")
        } else {
            format!("is no JSON from {place} on")
        }
    })?;
    check(&value)?;
    // From the text once more, for the place.
    serde_json::from_slice(json).map_err(|error| format!("does not fit: {error}"))
}

/// Fails where `value` has not the form of [`Kept`], and names the place, which serde does not.
fn check(value: &Value) -> Result<(), String> {
    let top = object("", value)?;
    if let Some(settings) = top.get("settings") {
        texts("settings", settings)?;
    }
    if let Some(registries) = top.get("registries") {
        for (component, registry) in object("registries", registries)? {
            texts(&format!("registries.{component}"), registry)?;
        }
    }
    if let Some(installed) = top.get("installed").filter(|installed| !installed.is_null()) {
        number::<i64>("installed", installed)?;
    }
    if let Some(components) = top.get("components") {
        for (name, component) in object("components", components)? {
            check_component(&format!("components.{name}"), component)?;
        }
    }
    if let Some(holds) = top.get("holds") {
        let holds = holds.as_array().ok_or_else(|| misfit("holds", holds, "a list"))?;
        for (number, hold) in holds.iter().enumerate() {
            check_hold(&format!("holds.{number}"), hold)?;
        }
    }
    top.get("running").map_or(Ok(()), |running| truth("running", running))
}

/// As `check`, of a [`KeptComponent`](contract::store::KeptComponent).
fn check_component(place: &str, value: &Value) -> Result<(), String> {
    let component = object(place, value)?;
    let field = |name: &str| (format!("{place}.{name}"), of(component, name));
    let (at, generation) = field("generation");
    number::<u64>(&at, generation)?;
    let max = Generation::KEPT_MAX;
    if generation.as_u64().is_some_and(|generation| generation > max.0) {
        return Err(format!("holds {generation} under {at}, {max} is the most"));
    }
    let (at, desired) = field("desired");
    word::<Desired>(&at, desired)?;
    let (at, persist) = field("persist");
    truth(&at, persist)?;
    let (at, startup) = field("startup");
    if startup.is_null() { Ok(()) } else { word::<Startup>(&at, startup) }
}

/// As `check`, of a [`KeptHold`](contract::store::KeptHold).
fn check_hold(place: &str, value: &Value) -> Result<(), String> {
    let hold = object(place, value)?;
    let field = |name: &str| (format!("{place}.{name}"), of(hold, name));
    let (at, kind) = field("kind");
    word::<HoldKind>(&at, kind)?;
    let (at, component) = field("component");
    if !component.is_null() && !component.is_string() {
        return Err(misfit(&at, component, "a text"));
    }
    let (at, until) = field("until");
    number::<i64>(&at, until)
}

/// What an object holds under a name; nothing if it does not have it.
fn of<'a>(object: &'a Map<String, Value>, name: &str) -> &'a Value {
    object.get(name).unwrap_or(&Value::Null)
}

/// Fails where `value` is no whole number that `N` holds.
fn number<'a, N: Deserialize<'a>>(place: &str, value: &'a Value) -> Result<(), String> {
    if !value.is_number() {
        return Err(misfit(place, value, "a number"));
    }
    fits::<N>(place, value)
}

/// Fails where `value` is no word of `W`.
fn word<'a, W: Deserialize<'a>>(place: &str, value: &'a Value) -> Result<(), String> {
    if !value.is_string() {
        return Err(misfit(place, value, "a text"));
    }
    fits::<W>(place, value)
}

/// Fails where `value`, which is of the right type, is none of `T`'s all the same.
fn fits<'a, T: Deserialize<'a>>(place: &str, value: &'a Value) -> Result<(), String> {
    T::deserialize(value).map(drop).map_err(|error| format!("does not fit under {place}: {error}"))
}

fn truth(place: &str, value: &Value) -> Result<(), String> {
    if value.is_boolean() { Ok(()) } else { Err(misfit(place, value, "true or false")) }
}

fn object<'a>(place: &str, value: &'a Value) -> Result<&'a Map<String, Value>, String> {
    value.as_object().ok_or_else(|| misfit(place, value, "an object"))
}

fn texts(place: &str, value: &Value) -> Result<(), String> {
    for (name, text) in object(place, value)? {
        if !text.is_string() {
            return Err(misfit(&format!("{place}.{name}"), text, "a text"));
        }
    }
    Ok(())
}

fn misfit(place: &str, value: &Value, needed: &str) -> String {
    let found = match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    let under = if place.is_empty() { "" } else { " under " };
    format!("holds {found}{under}{place}, {needed} is needed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::WallTime;
    use contract::settings::{Mode, keys};
    use contract::store::{KeptComponent, KeptHold};

    fn some() -> Kept {
        let mut kept = Kept::default();
        kept.settings.set(&keys::MODE, &Mode::Offline);
        let registry = kept.registries.entry("SMS_DMP_DOWNLOADER".into()).or_default();
        registry.insert("LastSyncedTime".into(), "0".into());
        kept
    }

    fn component(generation: u64, desired: Desired, startup: Option<Startup>) -> KeptComponent {
        let persist = startup.is_some();
        KeptComponent { generation: Generation(generation), desired, persist, startup }
    }

    /// Every field, each word, and the ends of each number.
    fn all() -> Kept {
        let mut kept = Kept { installed: Some(WallTime(i64::MIN)), running: true, ..some() };
        for (name, component) in [
            ("A", component(Generation::KEPT_MAX.0, Desired::Up, None)),
            ("B", component(0, Desired::Down, Some(Startup::Automatic))),
            ("C", component(1, Desired::Paused, Some(Startup::Manual))),
            ("D.e \"f\"", component(2, Desired::Up, Some(Startup::Disabled))),
        ] {
            kept.components.insert(name.into(), component);
        }
        kept.holds = [
            (HoldKind::Backup, None, i64::MAX),
            (HoldKind::Stopping, None, 0),
            (HoldKind::Maintenance, Some("A"), -1),
            (HoldKind::Removal, Some("B"), 1),
        ]
        .map(|(kind, component, until)| KeptHold {
            kind,
            component: component.map(str::to_owned),
            until: WallTime(until),
        })
        .to_vec();
        kept
    }

    #[test]
    fn what_is_kept_is_there_for_the_next_process() {
        let root = tempfile::tempdir().unwrap();
        let folder = SiteFolder::open(root.path()).unwrap();
        assert_eq!(folder.load_kept(), Ok(Kept::default()));
        folder.keep(&Kept::default()).unwrap();
        folder.keep(&all()).unwrap();
        drop(folder);
        assert_eq!(SiteFolder::open(root.path()).unwrap().load_kept(), Ok(all()));
    }

    #[test]
    fn a_malformed_file_is_named_with_what_is_wrong_and_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = SiteFolder::open(root.path()).unwrap();
        let path = root.path().join(FILE);
        for (malformed, what) in [
            ("", "is empty"),
            (" \n", "is empty"),
            ("{", "ends too early, at line 1, column 1"),
            ("{\n  \"settings\": {\"mo", "ends too early, at line 2, column 18"),
            ("nonsense", "is no JSON from line 1, column 2 on"),
            ("\u{0}", "is no JSON from line 1, column 1 on"),
            ("{}\n{}", "is no JSON from line 2, column 1 on"),
            ("{\"settings\": {},}", "is no JSON from line 1, column 17 on"),
            ("[]", "holds a list, an object is needed"),
            ("null", "holds nothing, an object is needed"),
            ("{\"settings\": 1}", "holds a number under settings, an object is needed"),
            (
                "{\"settings\": {\"mode\": true}}",
                "holds true or false under settings.mode, a text is needed",
            ),
            ("{\"registries\": \"x\"}", "holds a text under registries, an object is needed"),
            (
                "{\"registries\": {\"A\": []}}",
                "holds a list under registries.A, an object is needed",
            ),
            (
                "{\"registries\": {\"A\": {\"b\": {}}}}",
                "holds an object under registries.A.b, a text is needed",
            ),
            ("{\"installed\": \"x\"}", "holds a text under installed, a number is needed"),
            ("{\"components\": []}", "holds a list under components, an object is needed"),
            (
                "{\"components\": {\"A\": 1}}",
                "holds a number under components.A, an object is needed",
            ),
            ("{\"holds\": {}}", "holds an object under holds, a list is needed"),
            ("{\"holds\": [null]}", "holds nothing under holds.0, an object is needed"),
            ("{\"running\": \"yes\"}", "holds a text under running, true or false is needed"),
            ("{\"running\": null}", "holds nothing under running, true or false is needed"),
        ] {
            fs::write(&path, malformed).unwrap();
            let failure = folder.load_kept().unwrap_err();
            assert_eq!(failure.kind, FailureKind::Malformed);
            let wanted = "remove it to begin with the settings of site.toml";
            assert_eq!(failure.text, format!("{} {what}; {wanted}", path.display()));
            assert_eq!(fs::read_to_string(&path).unwrap(), malformed);
        }
        fs::write(&path, b"\xff\xfe").unwrap();
        assert_eq!(folder.load_kept().unwrap_err().kind, FailureKind::Malformed);
    }

    /// Puts `value` at `path` into the JSON of [`all`], or takes out what is there.
    fn with(path: &str, value: Option<Value>) -> Vec<u8> {
        let mut json = serde_json::to_value(all()).unwrap();
        let (parent, name) = path.rsplit_once('/').unwrap();
        let parent = json.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        let old = match value {
            Some(value) => parent.insert(name.to_owned(), value),
            None => parent.remove(name),
        };
        assert!(old.is_some(), "{path}");
        serde_json::to_vec(&json).unwrap()
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        let generation = "components.A.generation";
        for (path, value, what) in [
            (
                "/components/A/generation",
                Some("7".into()),
                format!("holds a text under {generation}, a number is needed"),
            ),
            (
                "/components/A/generation",
                None,
                format!("holds nothing under {generation}, a number is needed"),
            ),
            (
                "/components/A/generation",
                Some((-1).into()),
                format!("does not fit under {generation}: invalid value: integer `-1`"),
            ),
            (
                "/components/A/generation",
                Some((Generation::KEPT_MAX.0 + 1).into()),
                format!("holds 274877906944 under {generation}, 274877906943 is the most"),
            ),
            (
                "/components/A/generation",
                Some(u64::MAX.into()),
                format!("holds 18446744073709551615 under {generation}, 274877906943 is the most"),
            ),
            (
                "/components/A/generation",
                Some(1.5.into()),
                format!("does not fit under {generation}: invalid type: floating point `1.5`"),
            ),
            (
                "/components/A/desired",
                Some("Sideways".into()),
                "does not fit under components.A.desired: unknown variant `Sideways`, expected \
                 one of `Up`, `Down`, `Paused`"
                    .into(),
            ),
            (
                "/components/A/desired",
                None,
                "holds nothing under components.A.desired, a text is needed".into(),
            ),
            (
                "/components/A/persist",
                Some("true".into()),
                "holds a text under components.A.persist, true or false is needed".into(),
            ),
            (
                "/components/A/persist",
                None,
                "holds nothing under components.A.persist, true or false is needed".into(),
            ),
            (
                "/components/A/startup",
                Some("automatic".into()),
                "does not fit under components.A.startup: unknown variant `automatic`, expected \
                 one of `Automatic`, `Manual`, `Disabled`"
                    .into(),
            ),
            (
                "/components/A/startup",
                Some(false.into()),
                "holds true or false under components.A.startup, a text is needed".into(),
            ),
            (
                "/holds/2/kind",
                Some("Lunch".into()),
                "does not fit under holds.2.kind: unknown variant `Lunch`, expected one of \
                 `Backup`, `Stopping`, `Maintenance`, `Removal`"
                    .into(),
            ),
            ("/holds/2/kind", None, "holds nothing under holds.2.kind, a text is needed".into()),
            (
                "/holds/2/component",
                Some(1.into()),
                "holds a number under holds.2.component, a text is needed".into(),
            ),
            (
                "/holds/2/until",
                Some("tomorrow".into()),
                "holds a text under holds.2.until, a number is needed".into(),
            ),
            (
                "/holds/2/until",
                Some(u64::MAX.into()),
                "does not fit under holds.2.until: invalid value: integer".into(),
            ),
        ] {
            let problem = read(&with(path, value)).unwrap_err();
            assert!(problem.starts_with(&what), "{path}: {problem}");
        }
        // What may be missing.
        for path in ["/components/A/startup", "/holds/0/component", "/holds", "/running"] {
            assert!(read(&with(path, None)).is_ok(), "{path}");
        }
    }

    #[test]
    fn a_malformed_file_can_be_restored_from_a_backup() {
        let root = tempfile::tempdir().unwrap();
        let folder = SiteFolder::open(root.path()).unwrap();
        folder.keep(&some()).unwrap();
        folder.snapshot().unwrap();
        let path = root.path().join(FILE);
        fs::write(&path, "").unwrap();
        let text = folder.load_kept().unwrap_err().text;
        let wanted = "remove it to begin with the settings of site.toml, or restore \
                      Backup/kept.json";
        assert!(text.ends_with(wanted), "{text}");
        fs::copy(root.path().join("Backup").join(FILE), path).unwrap();
        assert_eq!(folder.load_kept(), Ok(some()));
    }

    #[test]
    fn what_a_file_does_not_name_is_empty() {
        let root = tempfile::tempdir().unwrap();
        let folder = SiteFolder::open(root.path()).unwrap();
        let only_settings = Kept { settings: some().settings, ..Kept::default() };
        let only_registries = Kept { registries: some().registries, ..Kept::default() };
        for (json, kept) in [
            ("{}", Kept::default()),
            ("{\"settings\": {\"mode\": \"offline\"}, \"other\": 1}", only_settings),
            (
                "{\"registries\": {\"SMS_DMP_DOWNLOADER\": {\"LastSyncedTime\": \"0\"}}}",
                only_registries,
            ),
            // As it was before components, holds and running were kept.
            (
                "{\"settings\": {\"mode\": \"offline\"}, \"installed\": 7, \"registries\": \
                 {\"SMS_DMP_DOWNLOADER\": {\"LastSyncedTime\": \"0\"}}}",
                Kept { installed: Some(WallTime(7)), ..some() },
            ),
            ("{\"installed\": null}", Kept::default()),
        ] {
            fs::write(root.path().join(FILE), json).unwrap();
            assert_eq!(folder.load_kept(), Ok(kept), "{json}");
        }
        fs::remove_file(root.path().join(FILE)).unwrap();
        fs::create_dir(root.path().join(FILE)).unwrap();
        let text = folder.load_kept().unwrap_err().text;
        assert!(text.ends_with("is a folder, a file is needed; move it away"), "{text}");
    }

    #[test]
    fn what_cannot_be_kept_leaves_what_was() {
        let root = tempfile::tempdir().unwrap();
        let folder = SiteFolder::open(root.path()).unwrap();
        folder.keep(&some()).unwrap();
        // The next temporary name is taken, so it cannot be written.
        fs::write(root.path().join(".part-1"), b"").unwrap();
        assert_eq!(folder.keep(&Kept::default()).unwrap_err().kind, FailureKind::Disk);
        assert_eq!(folder.load_kept(), Ok(some()));
    }
}
