//! How many messages of a severity make a component's status Warning or Critical.
//!
//! Defaults and text form are the product's (domain.md 3.5): one triple for every component,
//! and a line `C=<name>,IW=2000,IE=5000,WW=10,WE=50,EW=1,EE=5` for one that differs.

use std::collections::BTreeMap;

use contract::Severity;
use contract::status::Health;

/// How many messages of one severity make Warning, and how many make Critical. Both are
/// inclusive lower bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Levels {
    warning: u64,
    critical: u64,
}

impl Levels {
    /// Levels of `warning` and `critical` messages.
    ///
    /// # Errors
    /// One of them is 0, or Warning is above Critical.
    pub fn new(warning: u64, critical: u64) -> Result<Self, String> {
        if warning == 0 || critical == 0 {
            return Err("a threshold is one message at least".into());
        }
        if warning > critical {
            return Err(format!(
                "the threshold for Warning, {warning}, is above the one for Critical, {critical}"
            ));
        }
        Ok(Levels { warning, critical })
    }

    /// So many messages make Warning.
    pub fn warning(self) -> u64 {
        self.warning
    }

    /// So many messages make Critical.
    pub fn critical(self) -> u64 {
        self.critical
    }

    /// Whether that many is the first that makes a difference.
    fn is_reached_by(self, count: u64) -> bool {
        count == self.warning || count == self.critical
    }

    fn health(self, count: u64) -> Health {
        match count {
            count if count >= self.critical => Health::Critical,
            count if count >= self.warning => Health::Warning,
            _ => Health::Ok,
        }
    }
}

/// The thresholds of one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Triple {
    /// For informational messages.
    pub informational: Levels,
    /// For warnings.
    pub warnings: Levels,
    /// For errors.
    pub errors: Levels,
}

impl Default for Triple {
    /// 2000 and 5000, 10 and 50, 1 and 5 (domain.md 3.5).
    fn default() -> Self {
        Triple {
            informational: Levels { warning: 2000, critical: 5000 },
            warnings: Levels { warning: 10, critical: 50 },
            errors: Levels { warning: 1, critical: 5 },
        }
    }
}

impl Triple {
    /// The worst that the counts of the three severities make.
    pub fn health(&self, counts: &Counts) -> Health {
        let by_severity = [
            self.informational.health(counts.informational),
            self.warnings.health(counts.warnings),
            self.errors.health(counts.errors),
        ];
        by_severity.into_iter().max().unwrap_or_default()
    }

    /// Whether a message of that severity, the last that was counted, has reached a level: only
    /// then does it make a difference.
    pub(crate) fn is_level_reached(&self, by: Severity, counts: &Counts) -> bool {
        let (levels, count) = match by {
            Severity::Informational => (self.informational, counts.informational),
            Severity::Warning => (self.warnings, counts.warnings),
            Severity::Error => (self.errors, counts.errors),
        };
        levels.is_reached_by(count)
    }

    /// The six numbers under their tokens, in the product's order.
    pub fn tokens(&self) -> [(&'static str, u64); 6] {
        [
            ("IW", self.informational.warning),
            ("IE", self.informational.critical),
            ("WW", self.warnings.warning),
            ("WE", self.warnings.critical),
            ("EW", self.errors.warning),
            ("EE", self.errors.critical),
        ]
    }

    /// The triple of the tokens that are given; the others are the default's.
    ///
    /// # Errors
    /// A token that is none of the six, or [`Levels::new`]'s.
    pub fn from_tokens<'t>(
        tokens: impl IntoIterator<Item = (&'t str, u64)>,
    ) -> Result<Self, String> {
        let mut numbers = Triple::default().tokens();
        for (token, number) in tokens {
            let place = numbers
                .iter_mut()
                .find(|(name, _)| name.eq_ignore_ascii_case(token))
                .ok_or_else(|| format!("{token:?} is none of IW, IE, WW, WE, EW, EE"))?;
            place.1 = number;
        }
        let [iw, ie, ww, we, ew, ee] = numbers.map(|(_, number)| number);
        Ok(Triple {
            informational: Levels::new(iw, ie)?,
            warnings: Levels::new(ww, we)?,
            errors: Levels::new(ew, ee)?,
        })
    }
}

/// How many messages of each severity came in an interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Counts {
    /// Informational messages.
    pub informational: u64,
    /// Warnings.
    pub warnings: u64,
    /// Errors.
    pub errors: u64,
}

impl Counts {
    /// Counts one message more.
    pub fn add(&mut self, severity: Severity) {
        let count = match severity {
            Severity::Informational => &mut self.informational,
            Severity::Warning => &mut self.warnings,
            Severity::Error => &mut self.errors,
        };
        *count += 1;
    }
}

/// The thresholds of a site: one triple for all components, and those that differ. Names are
/// compared without regard to case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Thresholds {
    default: Triple,
    /// Upper-case name -> name as it was given, triple.
    overrides: BTreeMap<String, (String, Triple)>,
}

impl Thresholds {
    /// The triple of a component.
    pub fn of(&self, component: &str) -> Triple {
        self.own(component).unwrap_or(self.default)
    }

    /// The triple of every component that has none of its own.
    pub(crate) fn common(&self) -> Triple {
        self.default
    }

    /// The triple that a component has of its own; none if the default is good for it.
    pub(crate) fn own(&self, component: &str) -> Option<Triple> {
        if self.overrides.is_empty() {
            return None;
        }
        let (_, triple) = self.overrides.get(&component.to_ascii_uppercase())?;
        Some(*triple)
    }

    /// Gives a component a triple of its own, in place of one it has.
    pub fn set(&mut self, component: impl Into<String>, triple: Triple) {
        let name = component.into();
        self.overrides.insert(name.to_ascii_uppercase(), (name, triple));
    }

    /// The components that have a triple of their own, by name.
    pub fn overrides(&self) -> impl Iterator<Item = (&str, Triple)> {
        self.overrides.values().map(|(name, triple)| (name.as_str(), *triple))
    }

    /// The product's text form of one component's triple: `C=<name>,IW=..,..,EE=..`.
    pub fn row_text(component: &str, triple: &Triple) -> String {
        let numbers = triple.tokens().map(|(token, number)| format!(",{token}={number}"));
        format!("C={component}{}", numbers.concat())
    }

    /// Reads what [`Thresholds::row_text`] writes. Tokens may stand in any order and any
    /// case; a number that is missing is the default's.
    ///
    /// # Errors
    /// What is wrong with the text: no component, a token that is unknown or stands twice, no
    /// number, or [`Levels::new`]'s.
    pub fn parse_row(text: &str) -> Result<(String, Triple), String> {
        let mut component = None;
        let mut numbers: Vec<(&str, u64)> = Vec::new();
        for part in text.split(',') {
            let wrong = || format!("{part:?} is not of the form name=value");
            let (token, value) = part.split_once('=').ok_or_else(wrong)?;
            let (token, value) = (token.trim(), value.trim());
            if token.eq_ignore_ascii_case("C") {
                if value.is_empty() || component.replace(value.to_owned()).is_some() {
                    return Err("C= names one component".into());
                }
                continue;
            }
            if numbers.iter().any(|(before, _)| before.eq_ignore_ascii_case(token)) {
                return Err(format!("{token} stands twice"));
            }
            let number = value.parse().map_err(|_| format!("{value:?} is no whole number"))?;
            numbers.push((token, number));
        }
        let component = component.ok_or("C= names no component")?;
        Ok((component, Triple::from_tokens(numbers)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: &str = "C=SMS_HIERARCHY_MANAGER,IW=2000,IE=5000,WW=10,WE=50,EW=1,EE=5";

    #[test]
    fn the_default_reads_as_the_product_stores_it() {
        let (name, triple) = Thresholds::parse_row(DEFAULT).unwrap();
        assert_eq!(triple, Triple::default());
        assert_eq!(Thresholds::row_text(&name, &triple), DEFAULT);
    }

    #[test]
    fn what_is_missing_is_the_default_s() {
        let (name, triple) = Thresholds::parse_row(" ee=9 , C=X").unwrap();
        assert_eq!(
            Thresholds::row_text(&name, &triple),
            "C=X,IW=2000,IE=5000,WW=10,WE=50,EW=1,EE=9"
        );
    }

    #[test]
    fn a_bad_row_is_refused_with_its_reason() {
        for (row, reason) in [
            ("", "name=value"),
            ("IW=1", "no component"),
            ("C=,IW=1", "one component"),
            ("C=A,C=B", "one component"),
            ("C=A,IW=1,iw=2", "stands twice"),
            ("C=A,XX=1", "none of"),
            ("C=A,IW=-1", "whole number"),
            ("C=A,EW=0", "one message at least"),
            ("C=A,EW=6", "above"),
        ] {
            let problem = Thresholds::parse_row(row).unwrap_err();
            assert!(problem.contains(reason), "{row}: {problem}");
        }
    }

    #[test]
    fn bounds_are_inclusive() {
        let triple = Triple::default();
        let errors = |errors| triple.health(&Counts { errors, ..Counts::default() });
        assert_eq!(
            [0, 1, 4, 5].map(errors),
            [Health::Ok, Health::Warning, Health::Warning, Health::Critical]
        );
        let warnings = |warnings| triple.health(&Counts { warnings, ..Counts::default() });
        assert_eq!(
            [9, 10, 49, 50].map(warnings),
            [Health::Ok, Health::Warning, Health::Warning, Health::Critical]
        );
        let infos = |informational| triple.health(&Counts { informational, ..Counts::default() });
        assert_eq!(
            [1999, 2000, 4999, 5000].map(infos),
            [Health::Ok, Health::Warning, Health::Warning, Health::Critical]
        );
    }

    #[test]
    fn an_override_is_found_in_any_case() {
        let mut thresholds = Thresholds::default();
        let triple = Triple::from_tokens([("EW", 3)]).unwrap();
        thresholds.set("Sms_X", triple);
        assert_eq!(thresholds.of("SMS_X"), triple);
        assert_eq!(thresholds.of("SMS_Y"), Triple::default());
        assert_eq!(thresholds.overrides().collect::<Vec<_>>(), [("Sms_X", triple)]);
    }
}
