//! Which addresses a request may go to: the connector's own host, and nowhere else.

use aqueduct_schema::{Error, Result, codes};
use url::{Host, Url};

/// The base URL of a connector.
#[derive(Clone, Debug)]
pub(crate) struct BaseUrl {
    text: String,
    url: Option<Url>,
}

impl BaseUrl {
    /// Reads a base URL. An empty one belongs to a connector that sends no requests.
    ///
    /// # Errors
    /// `AQ1005` when it is not an address, has credentials in it, or speaks plain HTTP to a host that is neither this machine nor
    /// among `plain_http_hosts`.
    pub(crate) fn parse(text: &str, plain_http_hosts: &[String]) -> Result<Self> {
        let text = text.trim_end_matches('/').to_owned();
        let url = if text.is_empty() { None } else { Some(check(&text, "base URL", plain_http_hosts)?) };
        Ok(Self { text, url })
    }

    /// Reads the address that a token's answer gave; `login` is where the token came from.
    ///
    /// # Errors
    /// `AQ3007` when it lies outside the vendor's domains. This machine is allowed where the token came from it too: a vendor must not be
    /// able to send credentials to programs that listen here.
    pub(crate) fn of_vendor(text: &str, domains: &[&str], login: &Url, plain_http_hosts: &[String]) -> Result<Self> {
        let base = Self::parse(text, plain_http_hosts).map_err(|_| elsewhere())?;
        let host = base.url.as_ref().and_then(Url::host_str).unwrap_or_default();
        let inside = |domain: &&str| host == *domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
        let is_test = base.is_loopback() && is_loopback(login);
        if is_test || domains.iter().any(inside) { Ok(base) } else { Err(elsewhere()) }
    }

    /// The address of a path below the base URL, or an absolute URL that leads to the same scheme, host and port.
    ///
    /// # Errors
    /// `AQ3007` for an address elsewhere, `AQ9001` for a path that is none.
    pub(crate) fn resolve(&self, address: &str) -> Result<Url> {
        let Some(base) = &self.url else {
            return Err(Error::new(codes::BUG, "a connector without a base URL sent a request"));
        };
        let absolute = if address.starts_with('/') || address.is_empty() { None } else { Some(Url::parse(address)) };
        let url = match absolute {
            Some(url) => url,
            None => Url::parse(&format!("{}{address}", self.text)),
        };
        let url = url.map_err(|_| Error::new(codes::BUG, "a request has neither a path nor an address"))?;
        if same_origin(base, &url) { Ok(url) } else { Err(elsewhere()) }
    }

    /// Whether the base URL is on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.url.as_ref().is_some_and(is_loopback)
    }
}

/// The error for an address the source gave that leads away from it.
pub(crate) fn elsewhere() -> Error {
    Error::new(codes::HOSTILE_ANSWER, "the source points to an address on another host, where credentials must not go")
        .advise("If the source has moved, set `base_url` in the connector's config to where it is now.")
}

/// Whether two addresses share scheme, host and port.
pub(crate) fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme() && one.host() == other.host() && one.port_or_known_default() == other.port_or_known_default()
}

/// Reads an address from a config and holds it against the rules for addresses with credentials.
///
/// # Errors
/// As [`BaseUrl::parse`].
pub(crate) fn check(text: &str, what: &str, plain_http_hosts: &[String]) -> Result<Url> {
    let wrong = |why: &str| Error::new(codes::BAD_CONFIG, format!("the {what} {why}"));
    let url = Url::parse(text).map_err(|_| wrong("is not an address such as https://api.example.com"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must not hold credentials"));
    }
    let plain_allowed = is_loopback(&url) || url.host_str().is_some_and(|host| plain_http_hosts.iter().any(|allowed| allowed == host));
    match url.scheme() {
        "https" => Ok(url),
        "http" if plain_allowed => Ok(url),
        "http" => Err(wrong("must begin with https://; plain http is for this machine alone")),
        _ => Err(wrong("must begin with https://")),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for good in ["https://api.example.com", "http://127.0.0.1:8080/", "http://localhost", "http://[::1]:9", "", "http://simulator:80"] {
            assert!(BaseUrl::parse(good, &["simulator".to_owned()]).is_ok(), "{good}");
        }
        for bad in ["http://api.example.com", "ftp://x.example", "x", "https://user:pass@x.example", "http://127.0.0.1.example"] {
            assert_eq!(BaseUrl::parse(bad, &[]).unwrap_err().code(), codes::BAD_CONFIG, "{bad}");
        }
    }

    #[test]
    fn a_vendor_leads_to_its_own_domains_alone() {
        let of = |login: &str, text: &str| BaseUrl::of_vendor(text, &["vendor.example"], &Url::parse(login).unwrap(), &[]);
        let login = "https://login.vendor.example/token";
        assert!(of(login, "https://eu1.vendor.example").is_ok());
        assert!(of("http://127.0.0.1:8080/token", "http://127.0.0.1:8081").is_ok());
        for elsewhere in [
            "http://127.0.0.1:8081",
            "https://localhost:6443",
            "https://[::1]",
            "https://127.0.0.1.",
            "https://0x7f.1",
            "https://2130706433",
            "https://vendor.example.evil.example",
            "https://vendor.example@evil.example",
            "https://evil.example#vendor.example",
            "http://eu1.vendor.example",
        ] {
            assert_eq!(of(login, elsewhere).unwrap_err().code(), codes::HOSTILE_ANSWER, "{elsewhere}");
        }
    }

    #[test]
    fn requests_stay_on_their_host() {
        let base = BaseUrl::parse("https://api.example.com/v1/", &[]).unwrap();
        assert_eq!(base.resolve("/contacts").unwrap().as_str(), "https://api.example.com/v1/contacts");
        assert_eq!(base.resolve("https://api.example.com:443/v2?after=1").unwrap().as_str(), "https://api.example.com/v2?after=1");
        for foreign in [
            "https://evil.example/contacts",
            "http://api.example.com/contacts",
            "https://api.example.com:8443/",
            "https://api.example.com.evil.example/",
            "https://api.example.com@evil.example/",
        ] {
            assert_eq!(base.resolve(foreign).unwrap_err().code(), codes::HOSTILE_ANSWER, "{foreign}");
        }
        assert!(base.resolve("@evil.example/").is_err());
        assert_eq!(base.resolve("//evil.example/").unwrap().host_str(), Some("api.example.com"));
    }
}
