//! Downloads that do not come to a good end.

use super::*;
use crate::raw::{Raw, Script};
use cloud::TimeOuts;
use cloud::hash;
use std::path::Path;

fn download(body: &[u8]) -> Download {
    Download {
        url: "https://raw.example/x.cab".into(),
        file: "x.cab".into(),
        bytes: body.len() as u64,
        sha256: hash::sha256(body),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn payload(root: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(root.join("EasySetupPayload")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn open() -> (tempfile::TempDir, Arc<SiteFolder>) {
    let root = tempfile::tempdir().unwrap();
    let folder = Arc::new(SiteFolder::open(root.path()).unwrap());
    (root, folder)
}

#[test]
fn a_download_that_is_dropped_half_way_leaves_nothing() {
    let (root, folder) = open();
    let body = vec![b'x'; 1 << 20];
    let half = [&b"HTTP/1.1 200 OK\r\ncontent-length: 1048576\r\n\r\n"[..], &body[..700_000]];
    let runtime = runtime();
    runtime.block_on(async {
        let raw = Raw::start(Script::SayAndStay(half.concat())).await;
        let client = raw.client(TimeOuts::default());
        let half_made = async {
            // Two blocks of it lie on the disk.
            let written = || {
                let part = root.path().join("EasySetupPayload/.part-0");
                std::fs::metadata(part).is_ok_and(|part| part.len() > BLOCK_BYTES as u64)
            };
            while !written() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            answer = download(&body).run(&client, &folder) => panic!("it ended: {answer:?}"),
            () = half_made => {}
        }
    });
    // File work that was under way is waited for here.
    drop(runtime);
    assert!(payload(root.path()).is_empty(), "{:?}", payload(root.path()));
}

#[test]
fn a_download_without_declared_length_is_held_to_its_size() {
    let head = b"HTTP/1.1 200 OK\r\n\r\n";
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfive!\r\n0\r\n\r\n";
    for (script, kind) in [
        // Ended by the connection alone, which this server does without a good-bye.
        (Script::Say([&head[..], b"five!"].concat()), FailureKind::Cut),
        (Script::Say([&head[..], b"seven!!"].concat()), FailureKind::WrongSize),
        (Script::Say(chunked.to_vec()), FailureKind::WrongSize),
        (Script::SayAndDrip(head.to_vec()), FailureKind::WrongSize),
    ] {
        let (root, folder) = open();
        let answer = runtime().block_on(async {
            let raw = Raw::start(script).await;
            download(b"update").run(&raw.client(TimeOuts::default()), &folder).await
        });
        assert_eq!(answer.map_err(|failure| failure.kind), Err(kind));
        assert!(payload(root.path()).is_empty());
    }
}

#[test]
fn a_file_that_is_there_and_does_not_match_is_replaced() {
    let (root, folder) = open();
    std::fs::write(root.path().join("EasySetupPayload/x.cab"), b"udpate").unwrap();
    let text = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nupdate".to_vec();
    let answers = runtime().block_on(async {
        let raw = Raw::start(Script::Say(text)).await;
        let client = raw.client(TimeOuts::default());
        let first = download(b"update").run(&client, &folder).await;
        let second = download(b"update").run(&client, &folder).await;
        assert_eq!(raw.connections(), 1);
        [first, second]
    });
    let downloaded = |already_there| Ok(Reply::Downloaded { bytes: 6, already_there });
    assert_eq!(answers, [downloaded(false), downloaded(true)]);
    assert_eq!(payload(root.path()), ["x.cab"]);
}
