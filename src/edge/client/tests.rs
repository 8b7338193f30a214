//! The client against servers that misbehave in ways the embedded cloud does not.

use super::*;
use crate::raw::{HOST, Raw, Script};
use cloud::signed::Signer;

const URL: &str = "https://raw.example/x";
const SHORT: Duration = Duration::from_millis(50);

/// For tests in which nothing times out, or one time-out alone.
fn patient() -> TimeOuts {
    let day = Duration::from_secs(24 * 60 * 60);
    TimeOuts { connect: day, idle: day, document: day }
}

fn say(text: &str) -> Script {
    Script::Say(text.as_bytes().to_vec())
}

fn signer() -> Signer {
    Signer::from_seed([1; 32])
}

async fn fetch(client: &Client, url: &str) -> Result<Reply, FailureKind> {
    let answer = client.fetch_signed(url, 1000, &signer().trusted_key()).await;
    answer.map_err(|failure| failure.kind)
}

async fn fetch_from(script: Script) -> Result<Reply, FailureKind> {
    let raw = Raw::start(script).await;
    fetch(&raw.client(patient()), URL).await
}

/// An answer in chunks, whose length nobody knows before its end.
fn chunked(body: &[u8]) -> Vec<u8> {
    let mut text = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(100) {
        text.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        text.extend([chunk, b"\r\n"].concat());
    }
    text.extend(b"0\r\n\r\n");
    text
}

#[tokio::test]
async fn a_body_of_no_declared_length_is_held_to_the_limit() {
    let document = signer().sign(&[b'x'; 500]);
    let reply = fetch_from(Script::Say(chunked(&document))).await;
    assert_eq!(reply, Ok(Reply::Signed { document: vec![b'x'; 500] }));

    let document = signer().sign(&[b'x'; 1000]);
    let reply = fetch_from(Script::Say(chunked(&document))).await;
    assert_eq!(reply, Err(FailureKind::TooLarge));

    // It stops there: this one would go on for ever.
    let endless = Script::SayAndDrip(b"HTTP/1.1 200 OK\r\n\r\n".to_vec());
    assert_eq!(fetch_from(endless).await, Err(FailureKind::TooLarge));
}

#[tokio::test]
async fn redirects_stay_on_known_ground() {
    let to = |location: &str| say(&format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\n\r\n"));
    for (location, kind) in [
        ("http://raw.example/x", FailureKind::BadName),
        ("https://127.0.0.1/x", FailureKind::BadName),
        ("https://localhost/x", FailureKind::NameNotResolved),
        ("https://example.org/x", FailureKind::NameNotResolved),
        ("file:///etc/passwd", FailureKind::BadName),
        ("/x", FailureKind::BadName),
    ] {
        assert_eq!(fetch_from(to(location)).await, Err(kind), "{location}");
    }
    let raw = Raw::start(to(URL)).await;
    assert_eq!(fetch(&raw.client(patient()), URL).await, Err(FailureKind::Status(302)));
    assert_eq!(raw.connections(), 6, "the first and five more");
}

#[tokio::test]
async fn unknown_hosts_are_not_connected_to() {
    let raw = Raw::start(Script::HangUp).await;
    let client = raw.client(patient());
    for (url, kind) in [
        ("https://localhost/", FailureKind::NameNotResolved),
        ("https://x.raw.example/", FailureKind::NameNotResolved),
        // A host that stricter readers of addresses than ours take for none.
        ("https://xn--a.example/", FailureKind::NameNotResolved),
        ("https://127.0.0.1/", FailureKind::BadName),
        ("https://raw.example:8443/", FailureKind::BadName),
        ("http://raw.example/", FailureKind::BadName),
    ] {
        assert_eq!(fetch(&client, url).await, Err(kind), "{url}");
        let upload = client.upload(url, "{}".into()).await;
        assert_eq!(upload.map_err(|failure| failure.kind), Err(kind), "{url}");
        let probe = client.probe(url, Duration::from_secs(9)).await;
        assert_eq!(probe.map_err(|failure| failure.kind), Err(kind), "{url}");
    }
    assert_eq!(raw.connections(), 0);
}

#[tokio::test]
async fn each_request_has_a_connection_of_its_own() {
    // This server would keep the connection, and is not taken at its word.
    let answer = b"HTTP/1.1 204 No Content\r\nconnection: keep-alive\r\n\r\n".to_vec();
    let raw = Raw::start(Script::SayAndStay(answer)).await;
    let client = raw.client(patient());
    for connections in 1..=3 {
        let probe = client.probe(URL, Duration::from_secs(9)).await;
        assert_eq!(probe, Ok(Reply::Probed { status: 204 }));
        assert_eq!(raw.connections(), connections);
    }
}

#[tokio::test]
async fn answers_that_end_early_are_cut() {
    for text in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-le",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nha",
        "this is no http\r\n\r\n",
    ] {
        assert_eq!(fetch_from(say(text)).await, Err(FailureKind::Cut), "{text:?}");
    }
    // Nothing of this one is missing, and nobody signed it.
    let reply = fetch_from(say("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    assert_eq!(reply, Err(FailureKind::NotTrusted));
}

#[tokio::test]
async fn a_handshake_that_fails_is_a_tls_failure() {
    assert_eq!(fetch_from(Script::HangUp).await, Err(FailureKind::Tls));
    let plain = Script::Plain(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_eq!(fetch_from(plain).await, Err(FailureKind::Tls));
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_a_tls_failure() {
    let raw = Raw::start(say("HTTP/1.1 204 No Content\r\n\r\n")).await;
    let names = Names::all_at(&[HOST, "other.example"], raw.address);
    let stranger = Raw::start(Script::HangUp).await.root;
    let distrusts = Client::new(names.clone(), [stranger], patient()).unwrap();
    assert_eq!(fetch(&distrusts, URL).await, Err(FailureKind::Tls));
    let trusts_nobody = Client::new(names.clone(), [], patient()).unwrap();
    assert_eq!(fetch(&trusts_nobody, URL).await, Err(FailureKind::Tls));

    let trusts = Client::new(names, [raw.root.clone()], patient()).unwrap();
    let probe = trusts.probe(URL, Duration::from_secs(9)).await;
    assert_eq!(probe, Ok(Reply::Probed { status: 204 }));
    // Its certificate speaks for another name.
    assert_eq!(fetch(&trusts, "https://other.example/").await, Err(FailureKind::Tls));
}

#[tokio::test]
async fn whoever_says_nothing_times_out() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n".to_vec();
    for (script, time_outs) in [
        (Script::Silence, TimeOuts { connect: SHORT, ..patient() }),
        (Script::Silence, TimeOuts { idle: SHORT, ..patient() }),
        (Script::SayAndStay(Vec::new()), TimeOuts { idle: SHORT, ..patient() }),
        (Script::SayAndStay(head.clone()), TimeOuts { idle: SHORT, ..patient() }),
        (Script::SayAndStay(head), TimeOuts { document: SHORT, ..patient() }),
    ] {
        let raw = Raw::start(script).await;
        assert_eq!(fetch(&raw.client(time_outs), URL).await, Err(FailureKind::TimedOut));
    }
}

#[tokio::test]
async fn a_document_that_only_drips_in_times_out_as_a_whole() {
    let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let raw = Raw::start(Script::SayAndDrip(head)).await;
    let client = raw.client(TimeOuts { document: SHORT, ..patient() });
    let answer = client.fetch_signed(URL, u64::MAX, &signer().trusted_key()).await;
    assert_eq!(answer.map_err(|failure| failure.kind), Err(FailureKind::TimedOut));
}

#[tokio::test]
async fn a_probe_waits_for_as_long_as_it_was_told() {
    let raw = Raw::start(Script::Silence).await;
    let probe = raw.client(patient()).probe(URL, SHORT).await;
    assert_eq!(probe.map_err(|failure| failure.kind), Err(FailureKind::TimedOut));
}

#[tokio::test]
async fn nobody_there_is_refused() {
    // Bound and not listening, so that no other test gets the port.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let names = Names::all_at(&[HOST], socket.local_addr().unwrap());
    let client = Client::new(names, [], patient()).unwrap();
    assert_eq!(fetch(&client, URL).await, Err(FailureKind::Refused));
}

/// What an operator reads of a failed fetch, whose address holds a secret.
async fn text_from(client: &Client) -> String {
    let url = "https://raw.example/x?token=secret";
    let answer = client.fetch_signed(url, 1, &signer().trusted_key()).await;
    let shown = answer.unwrap_err().to_string();
    for noise in ["secret", "os error", "docs.rs", "http://"] {
        assert!(!shown.contains(noise), "{shown}");
    }
    shown
}

#[tokio::test]
async fn failures_tell_who_and_why_and_no_secret() {
    let cut = "the connection was cut: raw.example: the connection ended before the answer did";
    let no_http = "the connection was cut: raw.example: what it answered is no HTTP";
    let early = "SSL/TLS failure: raw.example: the connection ended within the handshake";
    for (script, wanted) in [
        (say(""), cut),
        (say("HTTP/1.1 200 OK\r\ncontent-le"), cut),
        (say("HTTP/1.1 200 OK\r\n\r\n"), cut),
        (say("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n"), cut),
        (say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n"), cut),
        (say("this is no http\r\n\r\n"), no_http),
        (say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nhaha\r\n"), no_http),
        (
            say("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"),
            "HTTP status 503: https://raw.example/x answered so",
        ),
        (
            say("HTTP/1.1 302 Found\r\nlocation: https://raw.example/x?token=secret\r\n\r\n"),
            "HTTP status 302: https://raw.example/x redirects without end",
        ),
        (
            say("HTTP/1.1 302 Found\r\nlocation: https://a:secret@b/?x=secret\r\n\r\n"),
            "bad name: \"https://\u{2026}@b/?\u{2026}\" has no host name, or a user name or a port other \
             than 443",
        ),
        (
            say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n12"),
            "too large: raw.example: more than 1 byte",
        ),
        (Script::HangUp, early),
        (
            Script::Plain(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            "SSL/TLS failure: raw.example: received corrupt message of type InvalidContentType",
        ),
    ] {
        let raw = Raw::start(script).await;
        assert_eq!(text_from(&raw.client(patient())).await, wanted);
    }

    let raw = Raw::start(Script::Silence).await;
    let wanted = "the operation timed out: raw.example: no answer within 50ms";
    for time_outs in [
        TimeOuts { connect: SHORT, ..patient() },
        TimeOuts { idle: SHORT, ..patient() },
        TimeOuts { document: SHORT, ..patient() },
    ] {
        assert_eq!(text_from(&raw.client(time_outs)).await, wanted);
    }

    let stranger = Raw::start(Script::HangUp).await.root;
    let raw = Raw::start(say("")).await;
    let distrusts = Client::new(Names::all_at(&[HOST], raw.address), [stranger], patient());
    let shown = text_from(&distrusts.unwrap()).await;
    assert!(shown.starts_with("SSL/TLS failure: raw.example: invalid peer certificate"), "{shown}");

    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let names = Names::all_at(&[HOST], socket.local_addr().unwrap());
    let shown = text_from(&Client::new(names, [], patient()).unwrap()).await;
    assert_eq!(shown, "the connection was refused: nobody listens at raw.example:443");
    let shown = text_from(&Client::new(Names::default(), [], patient()).unwrap()).await;
    assert_eq!(shown, "the name could not be resolved: there is no host raw.example");
}

#[test]
fn a_root_that_is_no_certificate_is_told() {
    let built = Client::new(Names::default(), [b"nonsense".to_vec()], patient());
    assert!(matches!(built, Err(BuildError::Root(_))));
}
