//! Manifests that break a rule: refused whole, told with what and why, nothing requested.

use contract::cloud::{ManifestPackage, SiteVersion};
use contract::{Reply, Request};
use proptest::prelude::*;
use testkit::Bench;

use crate::bench::*;

#[track_caller]
fn refused(document: Vec<u8>, why: &str) {
    let mut bench = online();
    let ticket = expect_fetch(&mut bench);
    bench.answer(ticket, Ok(Reply::Signed { document }));
    let line = bench.expect_log("WARNING: Failed to download easy setup payload with exception: ");
    assert!(line.text.contains(why), "{} lacks {why:?}", line.text);
    assert!(line.text.len() < 500, "a line of {} bytes", line.text.len());
    bench.expect_log("WARNING: Retry in the next polling cycle");
    bench.expect_report(60205);
    bench.expect_silence();
    assert_eq!(bench.remembered("LastSyncedTime"), None);
}

/// One bad package behind a good one: the good one is not taken either.
#[track_caller]
fn refused_package(spoil: impl FnOnce(&mut ManifestPackage), why: &str) {
    let mut bad = package("10aa8ba0-04d4-4fe3-bc21-f1874bc8c88c", "5.00.9138.1000");
    spoil(&mut bad);
    refused(document(&[update(), bad]), &format!("package 2 of the manifest: {why}"));
}

#[test]
fn a_truncated_manifest_is_refused_wherever_it_ends() {
    let whole = document(&[update()]);
    for end in 0..whole.len() {
        refused(whole[..end].to_vec(), "the manifest does not parse");
    }
}

#[test]
fn what_is_no_manifest_is_refused() {
    for wrong in [
        b"null".to_vec(),
        b"[]".to_vec(),
        b"{}".to_vec(),
        b"\xff\xfe".to_vec(),
        br#"{"format":1,"format":1,"packages":[]}"#.to_vec(),
        br#"{"format":-1,"packages":[]}"#.to_vec(),
        br#"{"format":1,"packages":{}}"#.to_vec(),
        "[".repeat(1_000_000).into_bytes(),
    ] {
        refused(wrong, "the manifest does not parse");
    }
    refused(br#"{"format":2,"packages":[]}"#.to_vec(), "format 2, not 1");
}

#[test]
fn huge_numbers_are_refused() {
    let whole = String::from_utf8(document(&[update()])).unwrap();
    for huge in ["18446744073709551616", "1e400", "-1", "4096.5", &"9".repeat(10_000)] {
        let spoilt = whole.replace("4096", huge);
        refused(spoilt.into_bytes(), "the manifest does not parse");
    }
    refused(whole.replace("5.00.9141.1000", "5.00.99999999999.1000").into_bytes(), "version");
    refused_package(|p| p.bytes = u64::MAX, "18446744073709551615 bytes is not between");
}

#[test]
fn a_size_of_nothing_or_over_the_limit_is_refused() {
    refused_package(|p| p.bytes = 0, "0 bytes is not between 1 and 8589934592");
    refused_package(|p| p.bytes = (8 << 30) + 1, "8589934593 bytes is not between");
}

#[test]
fn a_guid_that_leads_elsewhere_is_refused() {
    for guid in ["../../bin/evil", "..\\..\\evil", "C:evil", "", "a\nb"] {
        refused_package(|p| p.guid = guid.into(), "guid ");
    }
}

#[test]
fn a_hash_that_is_none_is_refused() {
    for hash in ["", "abc", &"g".repeat(64), &"a".repeat(65)] {
        refused_package(|p| p.sha256 = hash.into(), "sha256 ");
    }
}

#[test]
fn an_address_that_leads_elsewhere_is_refused() {
    for url in ["http://a.example/b.cab", "https://a.example/../../b.cab", "https://a.example/"] {
        refused_package(|p| p.url = url.into(), "url ");
    }
}

#[test]
fn a_name_that_would_spoil_a_log_is_refused() {
    for name in ["", " ", "two\nlines", "bell\u{7}", &"n".repeat(201)] {
        refused_package(|p| p.name = name.into(), "name ");
    }
}

#[test]
fn a_package_that_stands_there_twice_is_refused() {
    refused_package(|p| p.guid = GUID.to_ascii_uppercase(), "guid 3b7d84fa");
}

#[test]
fn a_catalogue_without_end_is_refused() {
    let many: Vec<_> = (0..1_001)
        .map(|n| package(&format!("{n:08x}-0000-0000-0000-000000000000"), "5.00.9141.1000"))
        .collect();
    refused(document(&many), "1001 packages");
}

/// Feeds a document to a check and makes sure that what it leads to bears good names.
fn survives(document: Vec<u8>) {
    let mut bench = online();
    let ticket = expect_fetch(&mut bench);
    bench.answer(ticket, Ok(Reply::Signed { document }));
    let requests = bench.requests();
    assert!(requests.len() <= 1);
    let Some(Request::Download { url, file, bytes, sha256 }) = requests.first() else {
        assert!(requests.is_empty(), "{requests:?}");
        return;
    };
    let guid = file.strip_suffix(".cab").unwrap();
    assert_eq!(guid.len(), 36, "{file}");
    assert!(guid.bytes().all(|b| b"0123456789abcdef-".contains(&b)), "{file}");
    assert!(url.starts_with("https://") && !url.contains("..") && !url.contains(['\\', '\n']));
    assert!(*bytes > 0 && *bytes <= 8 << 30);
    assert!(sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit()));
    answer_download(bench);
}

fn answer_download(mut bench: Bench) {
    let ticket = expect_download(&mut bench);
    bench.answer(ticket, downloaded(false));
    bench.expect_report(60202);
    bench.expect_sent::<contract::message::PackagePublished>(DISTMGR);
    bench.expect_report(60201);
    bench.expect_silence();
}

/// A good text more often than not, so that whole packages come out good, too.
fn mostly(good: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just(good.to_owned()),
        1 => any::<String>(),
        1 => prop::sample::select(vec!["..", "../x", "a\\b", "https://", "\r\n", "%2e%2e/"])
            .prop_map(move |bad| format!("{good}{bad}")),
        1 => prop::sample::select(vec!["../", "\\\\server\\", "x"])
            .prop_map(move |bad| format!("{bad}{good}")),
    ]
}

prop_compose! {
    fn packages()(
        guid in mostly(GUID),
        name in mostly("Update 2509"),
        url in mostly("https://updates.example/release/file.cab"),
        sha256 in mostly("6c3c912c1c79e3958a0d8ee7f306470a87058e5dc6936f3438bf812d367f976f"),
        bytes in prop_oneof![4 => 1u64..10_000, 1 => any::<u64>()],
        version in prop_oneof![4 => Just([5, 0, 9141, 1000]), 1 => any::<[u32; 4]>()],
    ) -> ManifestPackage {
        ManifestPackage {
            guid, name, url, sha256, bytes,
            version: SiteVersion(version),
            ..update()
        }
    }
}

proptest! {
    // A test leaves nothing behind in the sources; what failed is in its text.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_survived(document in prop::collection::vec(any::<u8>(), 0..512)) {
        survives(document);
    }

    #[test]
    fn any_text_is_survived(document in "\\PC{0,256}") {
        survives(document.into_bytes());
    }

    #[test]
    fn any_field_is_survived(packages in prop::collection::vec(packages(), 0..3)) {
        survives(document(&packages));
    }

    #[test]
    fn any_spoilt_byte_is_survived(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut whole = document(&[update()]);
        let at = at.index(whole.len());
        whole[at] = byte;
        survives(whole);
    }
}
