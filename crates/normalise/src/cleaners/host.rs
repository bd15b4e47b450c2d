//! Names of hosts, as e-mail addresses, web addresses and domains share them.

use std::borrow::Cow;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// Whether a host is already canonical: lower-case ASCII labels of letters, digits and inner hyphens, at least two,
/// none in the `xn--` form (that needs a look inside), the last with a letter.
pub(super) fn is_canonical(host: &[u8]) -> bool {
    if host.len() > 253 {
        return false;
    }
    let (mut label, mut labels, mut letter) = (0_usize, 1_usize, false);
    let mut previous = b'.';
    for (index, &byte) in host.iter().enumerate() {
        match byte {
            b'a'..=b'z' => letter = true,
            b'0'..=b'9' => {}
            b'-' if label > 0 => {
                if label == 2 && host[index - 2..].starts_with(b"xn--") {
                    return false;
                }
            }
            b'.' if label > 0 && previous != b'-' => {
                labels += 1;
                label = 0;
                letter = false;
                previous = byte;
                continue;
            }
            _ => return false,
        }
        label += 1;
        if label > 63 {
            return false;
        }
        previous = byte;
    }
    labels >= 2 && label > 0 && letter && previous != b'-'
}

/// The host as lower-case A-labels by UTS-46 (non-transitional), without a final dot; `None` when it is no name of a host.
pub(super) fn to_ascii(host: &str) -> Option<Cow<'_, str>> {
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.is_empty() {
        return None;
    }
    Uts46::new().to_ascii(host.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify).ok()
}

/// Whether the last label of a canonical host has only digits, as in an IPv4 address.
pub(super) fn ends_in_number(host: &str) -> bool {
    host.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The part of a canonical host under which names are sold or given away, by the Public Suffix List.
///
/// The list is compiled code, most of a megabyte for every place it is called from: this is the only one.
#[inline(never)]
fn suffix(host: &str) -> Option<psl::Suffix<'_>> {
    psl::suffix(host.as_bytes())
}

/// Whether a canonical host ends in a label that the Public Suffix List knows.
pub(super) fn has_known_suffix(host: &str) -> bool {
    suffix(host).is_some_and(|suffix| suffix.is_known())
}

/// Whether a canonical host ends in a suffix that belongs to a company, which rents the names under it to others.
pub(super) fn has_private_suffix(host: &str) -> bool {
    suffix(host).is_some_and(|suffix| suffix.is_known() && suffix.typ() == Some(psl::Type::Private))
}

/// The suffix of a canonical host with the label before it; `None` for a host that is a suffix itself.
pub(super) fn registrable_domain(host: &str) -> Option<&str> {
    let suffix = suffix(host)?.as_bytes().len();
    let before = host.get(..host.len().checked_sub(suffix + 1)?)?;
    let start = before.rfind('.').map_or(0, |dot| dot + 1);
    (start < before.len()).then(|| &host[start..])
}

/// Whether a canonical host lies under a top-level domain that RFC 2606, RFC 6761 and their followers keep for tests, other name systems
/// and machines of one's own.
pub(super) fn is_special_use(host: &str) -> bool {
    matches!(host.rsplit('.').next(), Some("test" | "invalid" | "localhost" | "example" | "onion" | "local" | "internal" | "alt"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registrable_domains_are_those_of_the_list() {
        for host in [
            "acme.com",
            "a.b.acme.co.uk",
            "co.uk",
            "com",
            "acme.unheard",
            "unheard",
            "a.github.io",
            "github.io",
            "x.www.ck",
            "a.b.kobe.jp",
            "city.kobe.jp",
        ] {
            assert_eq!(registrable_domain(host), psl::domain_str(host), "{host}");
        }
        assert_eq!(registrable_domain(".com"), None);
        assert!(has_private_suffix("a.github.io") && !has_private_suffix("acme.com") && !has_private_suffix("acme.unheard"));
    }

    #[test]
    fn canonical_hosts() {
        for host in ["acme.com", "mail.acme-corp.co.uk", "3m.com", "a.b2", "r3---sn.example.com"] {
            assert!(is_canonical(host.as_bytes()), "{host}");
        }
        for host in [
            "acme",
            "Acme.com",
            ".acme.com",
            "acme.com.",
            "a..b",
            "-a.com",
            "a-.com",
            "a.com-",
            "1.2.3.4",
            "xn--bcher-kva.de",
            "a_b.com",
            "",
        ] {
            assert!(!is_canonical(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn names_become_a_labels() {
        assert_eq!(to_ascii("Bücher.DE").as_deref(), Some("xn--bcher-kva.de"));
        assert_eq!(to_ascii("straße.de").as_deref(), Some("xn--strae-oqa.de"));
        assert_eq!(to_ascii("例え。テスト").as_deref(), Some("xn--r8jz45g.xn--zckzah"));
        assert_eq!(to_ascii("a b.com"), None);
        assert_eq!(to_ascii("a_b.com"), None);
    }
}
