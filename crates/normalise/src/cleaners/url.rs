//! Web addresses: parsed and written as the WHATWG URL standard does, without fragment, credentials and campaign parameters.

use std::borrow::Cow;

use ::url::{Host, Url};
use aqueduct_schema::Cleaned;

use super::host;
use super::text::{Presence, note, presence_without_na, trim};

/// The version of these rules.
pub(super) const VERSION: u32 = 1;

rules! { Url;
    Missing "url.empty" "  " => None, "There is nothing but space.";
    Missing "url.placeholder" "https://" => None, "The text stands for no address.";
    Fixed "url.scheme_added" "www.acme.com/about" => Some("https://www.acme.com/about"), "A host with a known suffix stood alone; https:// was put before it.";
    Fixed "url.credentials_removed" "https://ada:secret@acme.com/" => Some("https://acme.com/"), "A user name or password was taken out.";
    Fixed "url.campaign_parameters_removed" "https://acme.com/?utm_source=x&page=2" => Some("https://acme.com/?page=2"), "Parameters that follow a visitor (utm_*, gclid and their like) were taken out.";
    Fixed "url.fragment_removed" "https://acme.com/a#top" => Some("https://acme.com/a"), "The part after the hash sign was taken out.";
    Fixed "url.normalised" "HTTPS://Acme.com:443" => Some("https://acme.com/"), "Scheme and host were written in lower case and ASCII, the default port and space were taken out, the path was encoded.";
    Suspect "url.other_scheme" "ftp://acme.com/file" => Some("ftp://acme.com/file"), "The address is none of the web (http or https).";
    Suspect "url.no_public_host" "http://localhost/a" => Some("http://localhost/a"), "The host is an IP address or has no known suffix.";
    Invalid "url.unsafe_scheme" "javascript:alert(1)" => None, "The address would run code or hold data.";
    Invalid "url.malformed" "see our web site" => None, "It is no address.";
}

pub(super) fn clean(value: &str) -> Cleaned<'_> {
    if let Some(name) = canonical_host(value) {
        return if host::has_known_suffix(name) { Cleaned::ok(value) } else { Cleaned::suspect(value, "url.no_public_host") };
    }
    let text = match presence_without_na(value) {
        Presence::Empty => return Cleaned::missing("url.empty"),
        Presence::Placeholder => return Cleaned::missing("url.placeholder"),
        Presence::Value(text) => text,
    };
    if matches!(text.to_ascii_lowercase().as_str(), "http://" | "https://" | "http://www." | "https://www." | "www." | "http:" | "https:") {
        return Cleaned::missing("url.placeholder");
    }
    let mut code = "";
    let Some(mut url) = parse(text, &mut code) else {
        return Cleaned::invalid("url.malformed");
    };
    match url.scheme() {
        "http" | "https" => {}
        "javascript" | "data" | "vbscript" | "blob" | "file" => return Cleaned::invalid("url.unsafe_scheme"),
        _ => return other_scheme(&url, value),
    }
    if url.username() != "" || url.password().is_some() {
        note(&mut code, "url.credentials_removed");
        if url.set_username("").is_err() || url.set_password(None).is_err() {
            return Cleaned::invalid("url.malformed");
        }
    }
    drop_campaign_parameters(&mut url, &mut code);
    if url.fragment().is_some() {
        note(&mut code, "url.fragment_removed");
        url.set_fragment(None);
    }
    let is_public = matches!(url.host(), Some(Host::Domain(name)) if host::has_known_suffix(name.trim_end_matches('.')));
    let clean = if url.as_str() == value { Cow::Borrowed(value) } else { Cow::Owned(String::from(url)) };
    if !is_public {
        return Cleaned::suspect(clean, "url.no_public_host");
    }
    match clean {
        Cow::Borrowed(_) => Cleaned::ok(value),
        Cow::Owned(clean) => {
            note(&mut code, "url.normalised");
            Cleaned::fixed(clean, code)
        }
    }
}

/// The host of an address that needs nothing: a lower-case name and a plain path, no port, query or fragment.
fn canonical_host(value: &str) -> Option<&str> {
    let rest = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"))?;
    let slash = rest.find('/')?;
    let (name, path) = rest.split_at(slash);
    if !host::is_canonical(name.as_bytes()) || ends_like_number(name) {
        return None;
    }
    let mut previous = b'/';
    for (index, &byte) in path.as_bytes().iter().enumerate() {
        let plain = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b'+' | b',' | b'=' | b'@' | b'!' | b'/' => true,
            // A dot at the start of a part may make "." or "..", which the standard resolves.
            b'.' => index > 0 && previous != b'/',
            _ => false,
        };
        if !plain {
            return None;
        }
        previous = byte;
    }
    Some(name)
}

/// The standard reads hosts whose last label looks like a number, hexadecimal included, as IPv4 addresses.
fn ends_like_number(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|label| label.starts_with(|c: char| c.is_ascii_digit()))
}

fn parse(text: &str, code: &mut &'static str) -> Option<Url> {
    if text.contains("://") || has_opaque_scheme(text) {
        return Url::parse(text).ok();
    }
    let bare = text.trim_start_matches('/');
    let name = bare.split(['/', '?', '#', ':', '\\']).next()?;
    let ascii = host::to_ascii(name)?;
    if name.contains('@') || !ascii.contains('.') || !host::has_known_suffix(&ascii) || host::registrable_domain(&ascii).is_none() {
        return None;
    }
    note(code, "url.scheme_added");
    Url::parse(&format!("https://{bare}")).ok()
}

/// "mailto:…", "tel:…", "javascript:…": a scheme without slashes, and not a host with a port.
fn has_opaque_scheme(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    !scheme.contains('.')
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-'))
        && !rest.is_empty()
}

fn other_scheme<'v>(url: &Url, value: &'v str) -> Cleaned<'v> {
    let text = url.as_str();
    // Some addresses of foreign schemes do not come out the same when they are read a second time; those are not stored.
    if trim(text) != text || Url::parse(text).ok().as_ref() != Some(url) || url.password().is_some() {
        return Cleaned::invalid("url.malformed");
    }
    let clean = if text == value { Cow::Borrowed(value) } else { Cow::Owned(text.to_owned()) };
    Cleaned::suspect(clean, "url.other_scheme")
}

/// Parameters by which advertisers and mailers follow one visitor.
const FOLLOWERS: [&str; 17] = [
    "gclid",
    "gclsrc",
    "dclid",
    "gbraid",
    "wbraid",
    "fbclid",
    "msclkid",
    "yclid",
    "ttclid",
    "twclid",
    "li_fat_id",
    "igshid",
    "mc_cid",
    "mc_eid",
    "_hsenc",
    "_hsmi",
    "mkt_tok",
];

fn drop_campaign_parameters(url: &mut Url, code: &mut &'static str) {
    let Some(query) = url.query() else {
        return;
    };
    let follows = |parameter: &str| {
        let name = parameter.split_once('=').map_or(parameter, |(name, _)| name);
        name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("utm_"))
            || FOLLOWERS.iter().any(|follower| follower.eq_ignore_ascii_case(name))
    };
    if query.is_empty() {
        url.set_query(None);
    } else if query.split('&').any(follows) {
        let kept: Vec<&str> = query.split('&').filter(|parameter| !follows(parameter)).collect();
        let kept = kept.join("&");
        note(code, "url.campaign_parameters_removed");
        url.set_query(if kept.is_empty() { None } else { Some(&kept) });
    }
}

#[cfg(test)]
mod tests {
    use crate::cleaners::vectors::check;

    #[test]
    fn addresses_and_their_dirt() {
        check(
            aqueduct_schema::SemanticType::Url,
            &[
                ("https://acme.com/", Some("https://acme.com/"), ""),
                ("http://www.acme.co.uk/About-us/team.html", Some("http://www.acme.co.uk/About-us/team.html"), ""),
                ("https://acme.com/?page=2", Some("https://acme.com/?page=2"), ""),
                ("https://acme.com", Some("https://acme.com/"), "url.normalised"),
                ("HTTP://ACME.com:80/a b", Some("http://acme.com/a%20b"), "url.normalised"),
                (" https://acme.com/\n", Some("https://acme.com/"), "url.normalised"),
                ("https://acme.com:8443/x", Some("https://acme.com:8443/x"), ""),
                ("https://acme.com/a/../b/./c", Some("https://acme.com/b/c"), "url.normalised"),
                ("acme.com", Some("https://acme.com/"), "url.scheme_added"),
                ("//acme.com/x", Some("https://acme.com/x"), "url.scheme_added"),
                ("acme.com:8080/x", Some("https://acme.com:8080/x"), "url.scheme_added"),
                ("bücher.de", Some("https://xn--bcher-kva.de/"), "url.scheme_added"),
                ("https://acme.com/a?UTM_Source=x&gclid=1#frag", Some("https://acme.com/a"), "url.campaign_parameters_removed"),
                ("https://acme.com/a?b=1&utm_medium=x&c=2", Some("https://acme.com/a?b=1&c=2"), "url.campaign_parameters_removed"),
                ("https://acme.com/a?", Some("https://acme.com/a"), "url.normalised"),
                ("https://192.0.2.7/x", Some("https://192.0.2.7/x"), "url.no_public_host"),
                ("http://crm.intranet/", Some("http://crm.intranet/"), "url.no_public_host"),
                ("ftp://acme.com/", Some("ftp://acme.com/"), "url.other_scheme"),
                ("mailto:ada@acme.com", Some("mailto:ada@acme.com"), "url.other_scheme"),
                ("data:text/html,hi", None, "url.unsafe_scheme"),
                ("JavaScript:alert(1)", None, "url.unsafe_scheme"),
                ("acme", None, "url.malformed"),
                ("ada@acme.com", None, "url.malformed"),
                ("https:// acme .com", None, "url.malformed"),
                ("http://", None, "url.placeholder"),
            ],
        );
    }
}
