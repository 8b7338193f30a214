//! Which of the rules of the source documents have a test: a test that covers a
//! rule bears its number, as in `r020_…`. README shows the table; this test prints it and
//! holds README against it. `SMSEXEC_BLESS=1 cargo test --test rules` writes it there.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use common::{root, rust_files};

const RULES: u32 = 142;
const BEGIN: &str = "<!-- rules: begin -->\n";
const END: &str = "<!-- rules: end -->";

/// The sections of the source documents, and the last rule of each.
const SECTIONS: [(&str, u32); 14] = [
    ("A. What the service connection point is for", 10),
    ("B. Where it may be", 14),
    ("C. Modes of operation", 19),
    ("D. Changing the mode", 23),
    ("E. Service Manager", 29),
    ("F. Intune", 31),
    ("G. On a remote server", 36),
    ("H. Internet access and proxy", 45),
    ("I. Endpoint check", 63),
    ("J. Installing, moving, notifications", 72),
    ("K. Logs", 76),
    ("L. Sites, servers and roles in general", 99),
    ("M. Roles, one by one", 140),
    ("N. About the documents", 142),
];

/// Rule number -> how many tests bear it.
fn tested() -> BTreeMap<u32, usize> {
    let files = ["src", "components", "tests"].map(|folder| rust_files(&root().join(folder)));
    let mut tested = BTreeMap::new();
    for file in files.into_iter().flatten() {
        let text = fs::read_to_string(&file).expect("a source file");
        for word in text.split(|c: char| !c.is_alphanumeric() && c != '_') {
            for number in numbers(word) {
                *tested.entry(number).or_default() += 1;
            }
        }
    }
    tested
}

/// The rules that a test's name bears: `r020_…`, or `r016_r017_…` for two.
fn numbers(word: &str) -> impl Iterator<Item = u32> {
    word.split('_').map_while(|part| {
        let digits = part.strip_prefix('r')?;
        let is_rule = digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit());
        is_rule.then(|| digits.parse().expect("three digits"))
    })
}

fn table() -> String {
    let tested = tested();
    let mut text = String::from("| section | with a test | without |\n|---|---|---|\n");
    let mut first = 1;
    let mut total = 0;
    for (section, last) in SECTIONS {
        let (with, without): (BTreeSet<u32>, BTreeSet<u32>) =
            (first..=last).partition(|rule| tested.contains_key(rule));
        total += with.len();
        text += &format!("| {section} | {} | {} |\n", spans(&with), spans(&without));
        first = last + 1;
    }
    text + &format!("\n{total} of {RULES} rules have a test.\n")
}

/// Numbers as people write them.
fn spans(rules: &BTreeSet<u32>) -> String {
    let mut spans: Vec<(u32, u32)> = Vec::new();
    for rule in rules {
        match spans.last_mut() {
            Some((_, last)) if *last + 1 == *rule => *last = *rule,
            _ => spans.push((*rule, *rule)),
        }
    }
    let words = spans.iter().map(|(first, last)| match last - first {
        0 => format!("R-{first:03}"),
        _ => format!("R-{first:03} to R-{last:03}"),
    });
    words.collect::<Vec<_>>().join(", ")
}

#[test]
fn readme_shows_which_rules_have_a_test() {
    let table = table();
    println!("{table}");
    let path = root().join("README.md");
    let readme = fs::read_to_string(&path).expect("README.md");
    let (before, rest) = readme.split_once(BEGIN).expect("README has a place for the table");
    let (shown, after) = rest.split_once(END).expect("the place has an end");
    if std::env::var_os("SMSEXEC_BLESS").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).expect("README.md");
        return;
    }
    assert_eq!(shown, table, "run SMSEXEC_BLESS=1 cargo test --test rules");
}

#[test]
fn every_number_that_a_test_bears_is_a_rule() {
    for number in tested().keys() {
        assert!((1..=RULES).contains(number), "there is no R-{number:03}");
    }
    assert_eq!(numbers("r016_r017_online").collect::<Vec<_>>(), [16, 17]);
    assert_eq!(numbers("r01_a_case").count(), 0, "a case of the lifecycle reference");
}
