//! Values as TOML has them, and as a site has them.

use contract::lifecycle::Startup;
use contract::time::WallTime;
use toml::Spanned;
use toml::de::{DeInteger, DeString, DeTable, DeValue};

/// A table's entries as they stand in the file: of two that collide the later one is at fault.
pub(super) fn in_order<'a, 'i>(
    table: &'a DeTable<'i>,
) -> Vec<(&'a Spanned<DeString<'i>>, &'a Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// The settings of a table as they stand in the file, by key. `backup.at = "02:00"` is a table in
/// a table to TOML, and so is `[settings.backup]`.
pub(super) fn setting_entries<'a, 'i>(
    table: &'a DeTable<'i>,
) -> Vec<(String, &'a Spanned<DeString<'i>>, &'a Spanned<DeValue<'i>>)> {
    let mut entries = Vec::new();
    for (key, value) in table.iter() {
        let name = key.get_ref().as_ref();
        match value.get_ref().as_table().filter(|_| crate::settings::is_prefix(name)) {
            Some(inner) => entries.extend(
                inner.iter().map(|(key, value)| (format!("{name}.{}", key.get_ref()), key, value)),
            ),
            None => entries.push((name.to_owned(), key, value)),
        }
    }
    entries.sort_by_key(|(_, key, _)| key.span().start);
    entries
}

/// The keys that may stand in `[settings]`.
pub(super) fn operator_keys() -> impl Iterator<Item = &'static str> {
    crate::settings::TABLE.iter().filter(|row| !row.fixed).map(|row| row.key)
}

pub(super) fn wrong_type(key: &str, wanted: &str, value: &DeValue<'_>) -> String {
    format!("{key} is {wanted}, not a TOML {}", value.type_str())
}

pub(super) fn integer(value: &DeValue<'_>, key: &str) -> Result<i64, String> {
    let number = value.as_integer().ok_or_else(|| wrong_type(key, "a whole number", value))?;
    whole(number).ok_or_else(|| format!("{key} is a whole number of 64 bits at most"))
}

fn whole(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A time with its zone, in whole seconds: a fraction is dropped.
pub(super) fn moment(value: &DeValue<'_>) -> Result<WallTime, String> {
    const FORM: &str = "installed is a time with its zone, such as 2026-01-01T00:00:00Z";
    let time = value.as_datetime().ok_or(FORM)?;
    let time: jiff::Timestamp = time.to_string().parse().map_err(|_| FORM)?;
    Ok(WallTime::from_unix_seconds(WallTime(time.as_microsecond()).unix_seconds()))
}

/// The text of a setting's value: a text as it stands, a whole number in decimal, true or false,
/// a list of texts parted by blanks.
pub(super) fn setting_text(value: &DeValue<'_>, key: &str) -> Result<String, String> {
    let form = "a text, a whole number, true or false, or a list of texts";
    let wrong = || wrong_type(key, form, value);
    match value {
        DeValue::String(text) => Ok(text.as_ref().to_owned()),
        DeValue::Integer(_) => integer(value, key).map(|number| number.to_string()),
        DeValue::Boolean(truth) => Ok(truth.to_string()),
        DeValue::Array(items) => {
            let words = items.iter().map(|item| item.get_ref().as_str());
            let words: Option<Vec<&str>> = words.collect();
            words.map(|words| words.join(" ")).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

pub(super) fn startup_type(word: &str) -> Result<Startup, String> {
    [Startup::Automatic, Startup::Manual, Startup::Disabled]
        .into_iter()
        .find(|kind| kind.to_string().eq_ignore_ascii_case(word))
        .ok_or_else(|| format!("{word:?} is none of Automatic, Manual, Disabled"))
}
