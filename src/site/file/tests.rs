//! Whole files, broken files, and files by chance.

use std::time::Duration;

use contract::lifecycle::{Budget, Group, Startup, Strategy as GroupStrategy};
use contract::settings::{Mode, keys};
use contract::time::WallTime;
use proptest::prelude::*;
use status::Triple;

use super::Problem;
use crate::definition::SiteDefinition;

fn problems(text: &str) -> Vec<String> {
    let problems = SiteDefinition::from_toml(text).expect_err("the file has problems");
    problems.iter().map(Problem::to_string).collect()
}

#[test]
fn a_whole_file_is_read() {
    let site = SiteDefinition::from_toml(
        r#"
        [site]
        code = "CHQ"
        name = "Head office"
        type = "primary"
        server = "CM1.corp.example"
        version = "5.00.9128.1000"
        installed = 2026-02-03T04:05:06.789+01:00
        bias_minutes = -60
        distribution_points = ["DP1", "DP2"]
        roles = ["Site server"]

        [settings]
        Mode = "OFFLINE"
        package_bytes_max = 1_000
        endpoints = ["https://a.example!", "https://b.example"]

        [thresholds]
        SMS_DMP_DOWNLOADER = { EW = 2, EE = 0x0A }

        [components]
        SMS_DMP_UPLOADER = "manual"

        [[group]]
        name = "cloud"
        strategy = "One-For-All"
        members = ["SMS_DMP_DOWNLOADER", "SMS_DMP_UPLOADER"]
        restarts = 3
        within = "1m30s"

        [[group]]
        name = "distribution"
        strategy = "rest-for-one"
        members = ["SMS_DISTRIBUTION_MANAGER"]
        "#,
    )
    .unwrap();
    assert_eq!((site.code.as_str(), site.name.as_str()), ("CHQ", "Head office"));
    assert_eq!((site.server.as_str(), site.bias_minutes), ("CM1.corp.example", -60));
    assert_eq!(site.version.to_string(), "5.00.9128.1000");
    assert_eq!(site.installed, WallTime::from_unix_seconds(1_770_087_906));
    assert_eq!(site.distribution_points, ["DP1", "DP2"]);
    assert_eq!(site.roles, ["Site server"]);
    assert_eq!(site.initial.text("mode"), Some("offline"));
    assert_eq!(site.initial.text("package_bytes_max"), Some("1000"));
    let settings = site.settings();
    assert_eq!(settings.get(&keys::MODE), Mode::Offline);
    let critical: Vec<_> =
        settings.get(&keys::ENDPOINTS).iter().map(|endpoint| endpoint.critical).collect();
    assert_eq!(critical, [true, false]);
    let expected = Triple::from_tokens([("EW", 2), ("EE", 10)]).unwrap();
    assert_eq!(site.thresholds.of("SMS_DMP_DOWNLOADER"), expected);
    assert_eq!(site.startup["SMS_DMP_UPLOADER"], Startup::Manual);
    let members = ["SMS_DMP_DOWNLOADER", "SMS_DMP_UPLOADER"];
    let mut cloud = Group::new("cloud", GroupStrategy::OneForAll, members);
    cloud.budget = Budget { crashes: 3, period: Duration::from_secs(90) };
    let members = ["SMS_DISTRIBUTION_MANAGER"];
    let distribution = Group::new("distribution", GroupStrategy::RestForOne, members);
    assert_eq!(site.groups, [cloud, distribution]);
    assert_eq!(site.check(), Ok(()));
}

#[test]
fn what_a_file_leaves_out_is_the_default() {
    assert_eq!(SiteDefinition::from_toml(""), Ok(SiteDefinition::default()));
    let site = SiteDefinition::from_toml("[site]\ncode = \"ABC\"\nserver = \"X1\"").unwrap();
    assert_eq!(site.name, "Primary site ABC");
    assert_eq!(site.distribution_points, ["X1"], "R-112");
    let site = SiteDefinition::from_toml("[site]\ndistribution_points = []").unwrap();
    assert!(site.distribution_points.is_empty());
}

#[test]
fn every_problem_is_named_with_its_line() {
    let text = r#"[site]
code = "CON"
nmae = "x"
type = "secondary"
server = 7
version = "5.0"
installed = 2026-01-01
bias_minutes = 900
distribution_points = [
  "DP1",
  "DP 2",
  "dp1",
  3,
]
roles = "Site server"

[setings]

[settings]
modee = "online"
"site.code" = "PS1"
update_check_interval = "24"
endpoints = ["https://a.example", "http://b.example"]
usage_level = 1.5
mode = "x"
MODE = "online"

[thresholds]
SMS_A = { EW = 0 }
SMS_B = { XX = 1, EW = "1" }
SMS_C = 1
"," = {}

[components]
SMS_A = "sometimes"
sms_a = "manual"
"#;
    let expected = [
        (2, "reserved name"),
        (3, "did you mean name?"),
        (4, "hierarchies come later"),
        (5, "server is a text in quotation marks, not a TOML integer"),
        (6, "a version looks like"),
        (7, "a time with its zone"),
        (8, "no bias"),
        (11, "no server name"),
        (12, "stands twice"),
        (13, "distribution_points is a text"),
        (15, "roles is a list of texts"),
        (17, "there is no section \"setings\"; did you mean settings"),
        (20, "there is no setting \"modee\"; did you mean mode"),
        (21, "set by the site's installation"),
        (22, "a duration looks like"),
        (23, "\"http://b.example\" is no https address"),
        (24, "usage_level is a text, a whole number, true or false, or a list of texts"),
        (25, "the mode is online or offline"),
        (26, "stands twice"),
        (29, "one message at least"),
        (30, "there is no threshold \"XX\""),
        (30, "EW is a whole number"),
        (31, "SMS_C is a table"),
        (32, "no component name"),
        (35, "none of Automatic"),
        (36, "stands twice"),
    ];
    let found = SiteDefinition::from_toml(text).unwrap_err();
    let shown = found.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n");
    assert_eq!(found.len(), expected.len(), "\n{shown}");
    for (problem, (line, words)) in found.iter().zip(expected) {
        assert!(problem.line == line && problem.text.contains(words), "{line} {words}\n{shown}");
    }
    assert!(found.is_sorted_by_key(|problem| problem.line));
}

#[test]
fn a_setting_with_a_full_stop_is_read_however_toml_has_it() {
    for text in [
        "[settings]\nbackup.enabled = true\nbackup.at = \"3:30\"",
        "[settings]\n\"backup.enabled\" = \"true\"\n\"Backup.At\" = \"03:30\"",
        "[settings.backup]\nenabled = true\nat = \"03:30\"",
        "[settings]\nBACKUP = { Enabled = true, at = \"03:30\" }",
    ] {
        let site = SiteDefinition::from_toml(text).unwrap_or_else(|p| panic!("{text}: {p:?}"));
        let initial: Vec<_> = site.initial.iter().collect();
        assert_eq!(initial, [("backup.at", "03:30"), ("backup.enabled", "true")], "{text}");
    }
    for (text, expected) in [
        ("backup.enabled = 1", "line 2: true or false is needed"),
        ("backup.at = \"25:00\"", "line 2: a time of day looks like 02:00"),
        ("backup.lease = \"2d\"", "line 2: a lease is one second at least and 24h at most"),
        ("backup = true", "line 2: there is no setting \"backup\"; did you mean backup.at"),
        ("backup.att = \"02:00\"", "line 2: there is no setting \"backup.att\"; did you mean"),
        ("mode.x = 1", "line 2: mode is a text"),
        ("site.code = \"ABC\"", "line 2: site.code is set by the site's installation"),
        ("backup.at = \"02:00\"\n\"BACKUP.at\" = \"02:00\"", "line 3: \"BACKUP.at\" stands twice"),
    ] {
        let found = problems(&format!("[settings]\n{text}"));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{text}: {found:?}");
    }
}

#[test]
fn every_problem_of_a_group_is_named_with_its_line() {
    let text = r#"[[group]]
name = ""
strategy = "all"
members = []

[[group]]
nmae = "x"

[[group]]
name = "cloud"
strategy = "one-for-all"
members = [
  "A",
  "b",
  "a",
  "B,C",
  7,
]
restarts = -1
within = "5"

[[group]]
name = "CLOUD"
strategy = 1
members = ["C", "B"]
restarts = "5"
within = "0s"

[[group]]
name = 3
strategy = "one-for-one"
members = "D"
restarts = 4294967296
within = 5
"#;
    let expected = [
        (2, "\"\" is no group name"),
        (3, "\"all\" is none of one-for-one, one-for-all, rest-for-one"),
        (4, "one member at least"),
        (6, "a group needs the key name"),
        (6, "a group needs the key strategy"),
        (6, "a group needs the key members"),
        (7, "there is no key of [[group]] \"nmae\"; did you mean name?"),
        (15, "\"a\" stands twice"),
        (16, "\"B,C\" is no component name"),
        (17, "members is a text in quotation marks, not a TOML integer"),
        (19, "restarts is 0 to 4294967295"),
        (20, "a duration looks like"),
        (23, "\"CLOUD\" is the name of a group before"),
        (24, "strategy is a text"),
        (25, "\"B\" is in group \"cloud\" already"),
        (26, "restarts is a whole number"),
        (27, "a group's period is a millisecond at least"),
        (30, "name is a text"),
        (32, "members is a list of texts"),
        (33, "restarts is 0 to 4294967295"),
        (34, "within is a text"),
    ];
    let found = SiteDefinition::from_toml(text).unwrap_err();
    let shown = found.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n");
    assert_eq!(found.len(), expected.len(), "\n{shown}");
    for (problem, (line, words)) in found.iter().zip(expected) {
        let fit = problem.line == line && problem.text.contains(words);
        assert!(fit, "{line} {words}\n{shown}");
    }
}

#[test]
fn groups_of_another_form_are_problems() {
    for (text, expected) in [
        ("[group]\nname = \"a\"", "line 1: group is a section, [[group]], one for each group"),
        ("group = 1", "line 1: group is a section, [[group]], one for each group"),
        ("\ngroup = [1]", "line 2: group is a section, [[group]], not a TOML integer"),
        ("[[groups]]", "line 1: there is no section \"groups\"; did you mean group?"),
    ] {
        assert_eq!(problems(text), [expected], "{text}");
    }
    let broken = problems("[components]\n[[group]\nname = \"cloud\"\nrestarts = 1\n");
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert!(broken[0].starts_with("line 2: "), "{broken:?}");
    let empty = SiteDefinition::from_toml("group = []").unwrap();
    assert!(empty.groups.is_empty());
}

#[test]
fn a_broken_line_does_not_hide_the_others() {
    let text = "[site]\ncode = PS1\nversion = \"5\"\nname = \"open\nserver = \"A B\"\n";
    let lines: Vec<_> =
        SiteDefinition::from_toml(text).unwrap_err().iter().map(|p| p.line).collect();
    assert_eq!(lines, [2, 3, 4, 5]);
    assert_eq!(problems("[site]\ncode = \"A\n").len(), 1);
    let twice = problems("[site]\ncode = \"ABC\"\ncode = \"DEF\"\n");
    assert_eq!(twice, ["line 3: duplicate key"]);
    let open = problems("[site]\nroles = [\"a\",\n");
    assert_eq!(open.len(), 1);
    assert!(open[0].starts_with("line 2: "), "{open:?}");
}

#[test]
fn a_problem_at_the_end_of_the_file_is_on_its_last_line() {
    for text in ["a = \"\"\"x\n", "[site]\na = '''\n", "[site]\nroles = [\n", "[site"] {
        let last = text.lines().count();
        let found = SiteDefinition::from_toml(text).unwrap_err();
        assert!(found.iter().all(|problem| problem.line <= last), "{text:?}: {found:?}");
    }
}

#[test]
fn keys_of_a_section_with_a_broken_head_are_not_taken_for_sections() {
    let found = problems("[site]\ncode = \"ABC\"\n[settings\nmode = \"online\"\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("line 3: "), "{found:?}");
}

#[test]
fn a_deep_or_large_file_is_a_problem_and_no_crash() {
    assert!(SiteDefinition::from_toml(&"[".repeat(100_000)).is_err());
    assert!(SiteDefinition::from_toml(&format!("a = {}", "[".repeat(100_000))).is_err());
    assert!(SiteDefinition::from_toml(&format!("a{} = 1", ".a".repeat(100_000))).is_err());
    assert!(SiteDefinition::from_toml(&"x = 1\n".repeat(20_000)).is_err());
}

/// Pieces of site files, so that chance gets past the first character.
fn torn() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "(?s).{0,12}",
        proptest::sample::select(vec![
            "[site]\n",
            "[settings]\n",
            "[thresholds]\n",
            "[components]\n",
            "[[site]]\n",
            "[[group]]\n",
            "[settings.backup]\n",
            "name",
            "strategy",
            "members",
            "restarts",
            "within",
            "backup.at",
            "\"one-for-all\"",
            "\"5m\"",
            "code",
            "mode",
            "endpoints",
            "installed",
            "bias_minutes",
            "version",
            "roles",
            "distribution_points",
            " = ",
            "\"PS1\"",
            "\"online\"",
            "2026-01-01T00:00:00Z",
            "0000-01-01T00:00:00+23:59",
            "-1",
            "0xFFFFFFFFFFFFFFFF",
            "1e999",
            "nan",
            "true",
            "[\"a\", \"A\"]",
            "{ EW = 1 }",
            "\n",
            "\r\n",
            "\"",
            "'''",
            "#",
            ".",
            "\\u0000",
        ])
        .prop_map(str::to_owned),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn never_panics(text: &str) -> Result<(), TestCaseError> {
    match SiteDefinition::from_toml(text) {
        Ok(site) => prop_assert_eq!(site.check(), Ok(())),
        Err(problems) => {
            prop_assert!(!problems.is_empty());
            prop_assert!(problems.is_sorted_by_key(|problem| problem.line));
            let lines = text.lines().count().max(1);
            let within = |problem: &Problem| (1..=lines).contains(&problem.line);
            prop_assert!(problems.iter().all(within), "{:?}", problems);
        }
    }
    Ok(())
}

proptest! {
    // A file of failures would stand in `src` and look like a member of the workspace.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_bytes_are_a_site_or_problems(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        never_panics(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn any_text_is_a_site_or_problems(text in any::<String>()) {
        never_panics(&text)?;
    }

    #[test]
    fn any_torn_file_is_a_site_or_problems(text in torn()) {
        never_panics(&text)?;
    }
}
