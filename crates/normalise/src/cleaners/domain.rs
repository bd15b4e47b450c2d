//! Domains: from a host, a web address or an e-mail address to the part that can be registered (Public Suffix List, both of its parts).

use std::borrow::Cow;

use aqueduct_schema::Cleaned;

use super::host;
use super::text::{Presence, is_placeholder, presence_without_na, to_ascii_forms};

/// The version of these rules.
pub(super) const VERSION: u32 = 2;

rules! { Domain;
    Missing "domain.empty" "  " => None, "There is nothing but space.";
    Missing "domain.placeholder" "n/a" => None, "The text stands for no value.";
    Fixed "domain.reduced" "https://www.acme.co.uk/about" => Some("acme.co.uk"), "The part that can be registered was taken from a host, a web address or an e-mail address.";
    Fixed "domain.normalised" "ACME.com" => Some("acme.com"), "The domain was written in lower case and ASCII (UTS-46).";
    Suspect "domain.ip_address" "192.0.2.1" => Some("192.0.2.1"), "It is an IP address.";
    Suspect "domain.unknown_suffix" "crm.intranet" => Some("crm.intranet"), "The Public Suffix List does not know the end of the name; the whole host is kept.";
    Suspect "domain.public_suffix" "co.uk" => Some("co.uk"), "Domains are registered under this name; it belongs to no one company.";
    Invalid "domain.single_label" "localhost" => None, "The name has only one label, as inside a network; nobody registers such a one.";
    Invalid "domain.malformed" "acme corp" => None, "There is no name of a host in it.";
}

pub(super) fn clean(value: &str) -> Cleaned<'_> {
    if host::is_canonical(value.as_bytes()) {
        return judge(value, value);
    }
    let text = match presence_without_na(value) {
        Presence::Empty => return Cleaned::missing("domain.empty"),
        Presence::Placeholder => return Cleaned::missing("domain.placeholder"),
        Presence::Value(text) => text,
    };
    let plain = to_ascii_forms(text);
    let name = host_of(plain.trim());
    if let Some(ip) = ip_address(name) {
        let kept = if ip == value { Cow::Borrowed(value) } else { Cow::Owned(ip) };
        return Cleaned::suspect(kept, "domain.ip_address");
    }
    match host::to_ascii(name) {
        Some(name) if is_placeholder(&name) || name == "na" => Cleaned::missing("domain.placeholder"),
        Some(name) => judge(&name, value),
        None => Cleaned::invalid("domain.malformed"),
    }
}

/// The host within a web address, an e-mail address or a host with a port.
fn host_of(text: &str) -> &str {
    let text = without_scheme(text);
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let text = text.strip_prefix("//").unwrap_or(text);
    let text = text.split(['/', '?', '#', '\\']).next().unwrap_or(text);
    let text = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
    if text.starts_with('[') || text.matches(':').count() > 1 {
        return text;
    }
    match text.split_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => text,
    }
}

/// What follows `http` and `https`, however often they were written and whatever of `://` was kept: no host is called so.
fn without_scheme(text: &str) -> &str {
    let after =
        |scheme: &str| text.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme)).map(|start| &text[start.len()..]);
    match after("https").or_else(|| after("http")).filter(|rest| rest.starts_with([':', '/'])) {
        Some(rest) => without_scheme(rest.trim_start_matches([':', '/'])),
        None => text,
    }
}

fn ip_address(name: &str) -> Option<String> {
    let bare = name.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(name, |(inside, _)| inside);
    bare.parse::<std::net::IpAddr>().ok().map(|ip| ip.to_string())
}

fn judge<'v>(name: &str, value: &'v str) -> Cleaned<'v> {
    let keep = |text: &str| if text == value { Cow::Borrowed(value) } else { Cow::Owned(text.to_owned()) };
    if host::ends_in_number(name) {
        return Cleaned::invalid("domain.malformed");
    }
    if !name.contains('.') {
        return Cleaned::invalid("domain.single_label");
    }
    if !host::has_known_suffix(name) {
        return Cleaned::suspect(keep(name), "domain.unknown_suffix");
    }
    let Some(domain) = host::registrable_domain(name) else {
        return Cleaned::suspect(keep(name), "domain.public_suffix");
    };
    if domain == value {
        Cleaned::ok(value)
    } else if domain.eq_ignore_ascii_case(super::text::trim(value)) || domain == name && !value.contains(['/', '@', ':']) {
        Cleaned::fixed(domain.to_owned(), "domain.normalised")
    } else {
        Cleaned::fixed(domain.to_owned(), "domain.reduced")
    }
}

#[cfg(test)]
mod tests {
    use crate::cleaners::vectors::check;

    #[test]
    fn domains_of_all_kinds_of_text() {
        check(
            aqueduct_schema::SemanticType::Domain,
            &[
                ("acme.com", Some("acme.com"), ""),
                ("www.acme.com", Some("acme.com"), "domain.reduced"),
                ("mail.acme.co.uk", Some("acme.co.uk"), "domain.reduced"),
                ("Acme.COM ", Some("acme.com"), "domain.normalised"),
                ("acme.com.", Some("acme.com"), "domain.normalised"),
                ("http://www.acme.com:8080/a?b=c@d", Some("acme.com"), "domain.reduced"),
                ("ada@sales.acme.com", Some("acme.com"), "domain.reduced"),
                ("https://user:secret@acme.com/", Some("acme.com"), "domain.reduced"),
                ("acme.com/about", Some("acme.com"), "domain.reduced"),
                ("bücher.de", Some("xn--bcher-kva.de"), "domain.normalised"),
                ("shop.github.io", Some("shop.github.io"), ""),
                ("localhost", None, "domain.single_label"),
                ("http//acme.com", Some("acme.com"), "domain.reduced"),
                ("http:/acme.com", Some("acme.com"), "domain.reduced"),
                ("Http:acme.com", Some("acme.com"), "domain.reduced"),
                ("http.com/about", Some("http.com"), "domain.reduced"),
                ("https:", None, "domain.malformed"),
                ("http://http://www.acme.com/a", Some("acme.com"), "domain.reduced"),
                ("https://HTTPS://http://acme.com", Some("acme.com"), "domain.reduced"),
                ("www", None, "domain.single_label"),
                ("com", None, "domain.single_label"),
                ("crm.intranet", Some("crm.intranet"), "domain.unknown_suffix"),
                ("[2001:db8::1]", Some("2001:db8::1"), "domain.ip_address"),
                ("10.0.0.999", None, "domain.malformed"),
                ("not a domain", None, "domain.malformed"),
                ("@", None, "domain.malformed"),
            ],
        );
    }
}
