//! What a site's groups must satisfy, whoever put them together (lifecycle.md 3.3).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::lifecycle::{Group, Strategy};
use contract::time::{duration_text, parse_duration};

use crate::definition::{check_component_name, check_new};

/// The strategies that a group may have.
const STRATEGIES: [Strategy; 3] = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];

/// What the groups before have taken: no two share a name, and none a component.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    names: BTreeSet<String>,
    /// Lower-case component -> how many groups there were with its own, and what that is called.
    members: BTreeMap<String, (usize, String)>,
    groups: usize,
}

impl Taken {
    /// The members that follow belong to another group.
    pub(crate) fn next_group(&mut self) {
        self.groups += 1;
    }

    /// Whether `name` can be a group's, and no group before has it; notes it.
    pub(crate) fn name(&mut self, name: &str) -> Result<(), String> {
        check_group_name(name)?;
        check_new(&mut self.names, name).map_err(|_| {
            format!("{name:?} is the name of a group before; no two groups have one name")
        })
    }

    /// Whether `member` can be a component's, and no group before `group` has it; notes it.
    pub(crate) fn member(&mut self, group: &str, member: &str) -> Result<(), String> {
        check_component_name(member)?;
        let this = (self.groups, group.to_owned());
        let (number, owner) = self.members.entry(member.to_lowercase()).or_insert(this);
        if *number != self.groups {
            return Err(format!(
                "{member:?} is in group {owner:?} already; a component is in one group at most"
            ));
        }
        Ok(())
    }
}

/// Whether `name` can be a group's: an operator types it behind `group:`, so that it holds no
/// blank.
fn check_group_name(name: &str) -> Result<(), String> {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() > 100 || !name.bytes().all(fit) {
        return Err(format!(
            "{name:?} is no group name: letters, digits, '-', '_' and '.' are needed"
        ));
    }
    Ok(())
}

/// Whether a group can have so many members.
pub(crate) fn check_count(members: usize) -> Result<(), String> {
    if members == 0 {
        return Err("a group has one member at least".into());
    }
    Ok(())
}

/// The period of a group's budget, if the site file can hold it.
pub(crate) fn check_period(period: Duration) -> Result<Duration, String> {
    if period.is_zero() || parse_duration(&duration_text(period)) != Ok(period) {
        return Err("a group's period is a millisecond at least, in whole ones, and a century \
                    at most"
            .into());
    }
    Ok(period)
}

/// The strategy of a word, in any case.
pub(crate) fn strategy(word: &str) -> Result<Strategy, String> {
    STRATEGIES.into_iter().find(|one| one.to_string().eq_ignore_ascii_case(word)).ok_or_else(|| {
        format!("{word:?} is none of {}", STRATEGIES.map(|one| one.to_string()).join(", "))
    })
}

/// Every problem of a site's groups, each with the group it is about.
pub(crate) fn problems(groups: &[Group]) -> Vec<String> {
    let mut taken = Taken::default();
    let mut problems = Vec::new();
    for group in groups {
        let mut note = |outcome: Result<(), String>| {
            problems.extend(outcome.err().map(|why| format!("group {:?}: {why}", group.name)));
        };
        taken.next_group();
        note(taken.name(&group.name));
        note(check_count(group.members.len()));
        note(check_period(group.budget.period).map(drop));
        let mut seen = BTreeSet::new();
        for member in &group.members {
            note(taken.member(&group.name, member).and_then(|()| check_new(&mut seen, member)));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use contract::lifecycle::Budget;

    use super::*;
    use crate::SiteDefinition;

    fn cloud(name: &str, members: &[&str]) -> Group {
        Group::new(name, Strategy::OneForAll, members.iter().copied())
    }

    fn with_period(period: Duration) -> Group {
        Group { budget: Budget { crashes: 5, period }, ..cloud("cloud", &["A"]) }
    }

    #[test]
    fn groups_that_share_nothing_are_in_order() {
        let groups = vec![cloud("cloud", &["A", "B"]), cloud("other", &["C"])];
        assert_eq!(SiteDefinition { groups, ..Default::default() }.check(), Ok(()));
    }

    #[test]
    fn every_problem_of_a_group_is_found() {
        for (groups, expected) in [
            (vec![cloud("", &["A"])], vec!["group \"\": \"\" is no group name"]),
            (vec![cloud("a b", &["A"])], vec!["group \"a b\": \"a b\" is no group name"]),
            (vec![cloud("a", &[])], vec!["group \"a\": a group has one member at least"]),
            (vec![cloud("a", &["X", "x"])], vec!["group \"a\": \"x\" stands twice"]),
            (vec![cloud("a", &["X,Y"])], vec!["group \"a\": \"X,Y\" is no component name"]),
            (
                vec![cloud("cloud", &["A"]), cloud("Cloud", &["B"])],
                vec!["group \"Cloud\": \"Cloud\" is the name of a group before"],
            ),
            (
                vec![cloud("one", &["A"]), cloud("two", &["B", "a"])],
                vec!["group \"two\": \"a\" is in group \"one\" already"],
            ),
            // Two groups of one name are two groups all the same.
            (
                vec![cloud("one", &["A"]), cloud("one", &["A"])],
                vec!["\"one\" is the name of a group before", "is in group \"one\" already"],
            ),
            (vec![with_period(Duration::ZERO)], vec!["a millisecond at least"]),
            (vec![with_period(Duration::from_micros(1_500))], vec!["in whole ones"]),
            (vec![with_period(Duration::MAX)], vec!["a century at most"]),
        ] {
            let site = SiteDefinition { groups, ..Default::default() };
            let found = site.check().unwrap_err();
            assert_eq!(found.len(), expected.len(), "{found:#?}");
            for (problem, words) in found.iter().zip(expected) {
                assert!(problem.contains(words), "{words}: {problem}");
            }
        }
    }

    #[test]
    fn every_strategy_reads_as_it_is_written() {
        for one in STRATEGIES {
            assert_eq!(strategy(&one.to_string().to_uppercase()), Ok(one));
        }
        let refusal = strategy("all").unwrap_err();
        assert_eq!(refusal, "\"all\" is none of one-for-one, one-for-all, rest-for-one");
    }
}
