//! What an address on the internet is.

use std::fmt;

use contract::{Failure, FailureKind};

/// No address of the service is nearly as long.
const BYTES_MAX: usize = 2048;

/// An https address: a host name, and a path with its query. Only port 443 is used.
///
/// Reading is strict, so that no two readers can understand one text differently: no user name,
/// no other port, no address by number, no fragment, no `.` or `..` in the path, and no
/// character that would have to be written with a `%`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    path_and_query: String,
}

impl Address {
    /// The address that `text` writes.
    ///
    /// # Errors
    /// [`FailureKind::BadName`], with what is wrong.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        Self::read(text).map_err(|problem| {
            Failure::new(FailureKind::BadName, format!("\"{}\" {problem}", shown(text)))
        })
    }

    /// The host name, in lower case.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path, from its first `/`, with the query if there is one.
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    /// The address as it may be shown to anyone.
    pub fn without_query(&self) -> String {
        let path = self.path_and_query.split('?').next().unwrap_or_default();
        format!("https://{}{path}", self.host)
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        if text.len() > BYTES_MAX {
            return Err("is longer than 2048 bytes");
        }
        let (scheme, rest) = text.split_once("://").ok_or("is no address")?;
        if !scheme.eq_ignore_ascii_case("https") {
            return Err("is no https address");
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path_and_query) = rest.split_at(end);
        let host = authority.strip_suffix(":443").unwrap_or(authority).to_ascii_lowercase();
        check_host(&host)?;
        check_path(path_and_query)?;
        let slash = if path_and_query.starts_with('/') { "" } else { "/" };
        Ok(Address { host, path_and_query: format!("{slash}{path_and_query}") })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}{}", self.host, self.path_and_query)
    }
}

/// What of `text`, which is no address, may stand in a log: it comes from outside, may be long
/// and hold anything, and what would be its query or user name may be a secret.
fn shown(text: &str) -> String {
    let (start, hidden) = match text.find(['?', '#']) {
        Some(end) => (&text[..end + 1], "…"),
        None => (text, ""),
    };
    let (scheme, rest) = start.split_once("//").unwrap_or(("", start));
    let slashes = if start.contains("//") { "//" } else { "" };
    let (user, rest) = match rest.rsplit_once('@') {
        Some((_, rest)) => ("…@", rest),
        None => ("", rest),
    };
    let rest: String = rest.chars().take(200).flat_map(char::escape_debug).collect();
    let scheme: String = scheme.chars().take(20).flat_map(char::escape_debug).collect();
    format!("{scheme}{slashes}{user}{rest}{hidden}")
}

fn check_host(host: &str) -> Result<(), &'static str> {
    let label_fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if host.len() > 253 || !host.split('.').all(label_fits) {
        return Err("has no host name, or a user name or a port other than 443");
    }
    // Readers of addresses take a host whose last label is a number for an IPv4 address, and
    // would then connect without asking for the name.
    let last = host.rsplit('.').next().unwrap_or(host);
    if last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x") {
        return Err("names its host by number");
    }
    Ok(())
}

fn check_path(path_and_query: &str) -> Result<(), &'static str> {
    if path_and_query.contains('#') {
        return Err("has a fragment");
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&()*+,;=:@/?%".contains(&b);
    if !path_and_query.bytes().all(plain) {
        return Err("has a character that an address cannot hold");
    }
    let after_percent = path_and_query.split('%').skip(1);
    let is_escape = |rest: &str| {
        rest.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
    };
    if !after_percent.into_iter().all(is_escape) {
        return Err("has a % without two hexadecimal digits");
    }
    let path = path_and_query.split('?').next().unwrap_or(path_and_query);
    let leads_up = |segment: &str| {
        matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
    };
    if path.split('/').any(leads_up) {
        return Err("has a step . or .. in its path");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::settings::keys;

    #[test]
    fn addresses_of_the_service_are_read() {
        for (text, host, path_and_query) in [
            ("https://aka.ms/configmgrgateway", "aka.ms", "/configmgrgateway"),
            ("HTTPS://Go.Microsoft.com", "go.microsoft.com", "/"),
            ("https://go.microsoft.com:443/?a=b", "go.microsoft.com", "/?a=b"),
            ("https://x?q=%2F..", "x", "/?q=%2F.."),
            ("https://x/a..b/...", "x", "/a..b/..."),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.host(), address.path_and_query()), (host, path_and_query));
            assert_eq!(Address::parse(&address.to_string()), Ok(address));
        }
        for endpoint in keys::ENDPOINTS.default_value() {
            Address::parse(&endpoint.url).unwrap();
        }
        Address::parse(&keys::MANIFEST_URL.default_value()).unwrap();
        Address::parse(&keys::USAGE_URL.default_value()).unwrap();
    }

    #[test]
    fn what_is_no_address_is_shown_without_its_secrets() {
        for (text, wanted) in [
            ("https://user:secret@x/y", "https://…@x/y"),
            ("user:secret@x", "…@x"),
            ("http://x/y?sig=secret", "http://x/y?…"),
            ("https://x/y#secret", "https://x/y#…"),
            ("https://a:se?cret@x/", "https://a:se?…"),
            ("a\"b\n", "a\\\"b\\n"),
            ("", ""),
        ] {
            let text = Address::parse(text).unwrap_err().text;
            assert!(text.starts_with(&format!("\"{wanted}\" ")), "{text}");
            assert!(!text.contains("secret"), "{text}");
        }
        let long = Address::parse(&format!("{}//{0}", "x".repeat(5000))).unwrap_err().text;
        assert!(long.len() < 300, "{long}");
        let address = Address::parse("https://x/y?sig=secret").unwrap();
        assert_eq!(address.without_query(), "https://x/y");
    }

    #[test]
    fn everything_else_is_refused() {
        let too_long = format!("https://x/{}", "a".repeat(BYTES_MAX));
        let wrong = [
            "",
            "x",
            "//x/",
            "http://x/",
            "ftp://x/",
            "https://",
            "https:///x",
            "https://a b/",
            "https://user@x/",
            "https://user:pw@x/",
            "https://x:444/",
            "https://x:/",
            "https://.x/",
            "https://x./",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://2130706433/",
            "https://0x7f.0x1/",
            "https://x/#part",
            "https://x/a b",
            "https://x/a\\b",
            "https://x/\t",
            "https://x/%",
            "https://x/%2",
            "https://x/%zz",
            "https://x/../y",
            "https://x/./y",
            "https://x/%2E%2e/y",
            "https://x/..",
            "https://x/é",
            &too_long,
        ];
        for text in wrong {
            let kind = Address::parse(text).map_err(|failure| failure.kind);
            assert_eq!(kind, Err(FailureKind::BadName), "{text:?}");
        }
    }
}
