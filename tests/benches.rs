//! The benchmarks at smoke size: that both sides of every case do what they say they do, and come
//! to the same.

use std::collections::BTreeSet;

#[path = "../benches/kernel/subjects/mod.rs"]
mod subjects;

use subjects::{Case, SUBJECTS, Scale, hash_of};

#[test]
fn every_side_of_every_case_does_all_its_work() {
    for subject in SUBJECTS {
        for case in (subject.cases)(Scale::Smoke) {
            let Case { name, floor, components, operations, make } = case;
            let mut sides = make();
            for _ in 0..2 {
                sides.floor.run();
                sides.ours.run();
            }
            let state = hash_of(sides);
            println!(
                "{}: {name} beside {floor}, {operations} with {components} components: {state:016x}",
                subject.name
            );
        }
    }
}

/// Nothing is measured that was not run here.
#[test]
fn every_case_of_full_size_has_one_of_smoke_size() {
    let names = |subject: &subjects::Subject, scale| -> BTreeSet<&str> {
        (subject.cases)(scale).into_iter().map(|case| case.name).collect()
    };
    for subject in SUBJECTS {
        assert_eq!(names(subject, Scale::Full), names(subject, Scale::Smoke), "{}", subject.name);
    }
}
