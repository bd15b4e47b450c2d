//! What a domain, or the part before the at sign, says about an e-mail address: free mail, throw-away mail, a shared mailbox, a slip of
//! the keyboard.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Providers at which anybody opens an address: such a domain says nothing about an employer. Sorted.
const FREE_MAIL: [&str; 141] = [
    "126.com",
    "163.com",
    "abv.bg",
    "alice.it",
    "aol.com",
    "arcor.de",
    "att.net",
    "bellsouth.net",
    "bigpond.com",
    "bk.ru",
    "bluewin.ch",
    "blueyonder.co.uk",
    "bol.com.br",
    "btinternet.com",
    "centrum.cz",
    "charter.net",
    "comcast.net",
    "cox.net",
    "daum.net",
    "earthlink.net",
    "email.com",
    "fastmail.com",
    "foxmail.com",
    "free.fr",
    "freenet.de",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.com",
    "gmx.de",
    "gmx.fr",
    "gmx.net",
    "googlemail.com",
    "hanmail.net",
    "hey.com",
    "home.nl",
    "hotmail.be",
    "hotmail.ca",
    "hotmail.co.uk",
    "hotmail.com",
    "hotmail.com.br",
    "hotmail.de",
    "hotmail.es",
    "hotmail.fr",
    "hotmail.it",
    "hotmail.nl",
    "i.ua",
    "icloud.com",
    "inbox.lv",
    "inbox.ru",
    "interia.pl",
    "kpnmail.nl",
    "laposte.net",
    "libero.it",
    "list.ru",
    "live.be",
    "live.ca",
    "live.co.uk",
    "live.com",
    "live.com.au",
    "live.de",
    "live.fr",
    "live.it",
    "live.nl",
    "mac.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "naver.com",
    "neuf.fr",
    "ntlworld.com",
    "o2.pl",
    "onet.pl",
    "op.pl",
    "optusnet.com.au",
    "orange.fr",
    "outlook.com",
    "outlook.com.br",
    "outlook.de",
    "outlook.es",
    "outlook.fr",
    "outlook.it",
    "planet.nl",
    "pm.me",
    "proton.me",
    "protonmail.ch",
    "protonmail.com",
    "qq.com",
    "rambler.ru",
    "rediffmail.com",
    "rocketmail.com",
    "sapo.pt",
    "sbcglobal.net",
    "seznam.cz",
    "sfr.fr",
    "sina.com",
    "sky.com",
    "skynet.be",
    "sohu.com",
    "t-online.de",
    "talktalk.net",
    "telenet.be",
    "telstra.com",
    "terra.com.br",
    "tin.it",
    "tiscali.it",
    "tutanota.com",
    "tutanota.de",
    "ukr.net",
    "uol.com.br",
    "verizon.net",
    "virgilio.it",
    "virginmedia.com",
    "walla.co.il",
    "wanadoo.fr",
    "web.de",
    "windstream.net",
    "wp.pl",
    "xs4all.nl",
    "ya.ru",
    "yahoo.ca",
    "yahoo.co.id",
    "yahoo.co.in",
    "yahoo.co.jp",
    "yahoo.co.uk",
    "yahoo.com",
    "yahoo.com.ar",
    "yahoo.com.au",
    "yahoo.com.br",
    "yahoo.com.mx",
    "yahoo.de",
    "yahoo.es",
    "yahoo.fr",
    "yahoo.in",
    "yahoo.it",
    "yandex.com",
    "yandex.ru",
    "ymail.com",
    "ziggo.nl",
    "zoho.com",
];

/// Whether anybody can have an address under this domain.
pub(super) fn is_free_mail(domain: &str) -> bool {
    FREE_MAIL.binary_search(&domain).is_ok()
}

/// Domains of mailboxes that are thrown away, from the list of the mailchecker project.
static DISPOSABLE: LazyLock<HashSet<&'static str>> = LazyLock::new(|| mailchecker::blacklist().into_iter().collect());

/// Whether a domain, or one above it, serves throw-away mailboxes.
pub(super) fn is_disposable(domain: &str) -> bool {
    if is_free_mail(domain) {
        return false;
    }
    let mut name = domain;
    loop {
        if DISPOSABLE.contains(name) {
            return true;
        }
        match name.split_once('.') {
            Some((_, rest)) if rest.contains('.') => name = rest,
            _ => return false,
        }
    }
}

/// Names of mailboxes that belong to an office and not to a person.
const ROLES: [&str; 78] = [
    "abuse",
    "accounting",
    "accounts",
    "admin",
    "administration",
    "administrator",
    "all",
    "billing",
    "booking",
    "bookings",
    "buchhaltung",
    "careers",
    "commercial",
    "compliance",
    "comptabilite",
    "contact",
    "contacto",
    "customerservice",
    "datenschutz",
    "dev",
    "direction",
    "do-not-reply",
    "donotreply",
    "dpo",
    "einkauf",
    "enquiries",
    "enquiry",
    "events",
    "everyone",
    "feedback",
    "finance",
    "general",
    "gdpr",
    "hello",
    "help",
    "helpdesk",
    "hola",
    "hostmaster",
    "hr",
    "info",
    "information",
    "inquiries",
    "inquiry",
    "invoices",
    "it",
    "jobs",
    "kontakt",
    "legal",
    "mail",
    "marketing",
    "media",
    "news",
    "newsletter",
    "no-reply",
    "noreply",
    "office",
    "orders",
    "personal",
    "postmaster",
    "press",
    "privacy",
    "purchasing",
    "reception",
    "recruitment",
    "root",
    "sales",
    "secretary",
    "security",
    "service",
    "services",
    "shop",
    "staff",
    "support",
    "team",
    "vertrieb",
    "ventas",
    "webmaster",
    "welcome",
];

/// Whether the part before the at sign names an office: `info@`, `sales+de@`, `Support@`.
pub(super) fn is_role(local: &str) -> bool {
    let name = local.split_once('+').map_or(local, |(name, _)| name);
    name.len() <= 15 && ROLES.iter().any(|role| role.eq_ignore_ascii_case(name))
}

/// Providers whose names are long enough that a name one slip away is hardly another company's.
const OFTEN_MISTYPED: [&str; 17] = [
    "gmail.com",
    "yahoo.com",
    "hotmail.fr",
    "icloud.com",
    "wanadoo.fr",
    "comcast.net",
    "hotmail.com",
    "outlook.com",
    "t-online.de",
    "verizon.net",
    "yahoo.co.uk",
    "hotmail.co.uk",
    "sbcglobal.net",
    "btinternet.com",
    "googlemail.com",
    "protonmail.com",
    "rediffmail.com",
];
/// Domains of others that are one letter away from one of these.
const NO_SLIPS: [&str; 3] = ["cloud.com", "icloud.co", "outlook.co"];

/// The provider that was probably meant, where one letter is wrong, missing, doubled or has changed places with its neighbour.
pub(super) fn near_miss(domain: &str) -> Option<&'static str> {
    if !(8..=15).contains(&domain.len()) {
        return None;
    }
    let near = OFTEN_MISTYPED
        .into_iter()
        .find(|known| known.len().abs_diff(domain.len()) <= 1 && is_one_slip(domain.as_bytes(), known.as_bytes()))?;
    (!is_free_mail(domain) && !NO_SLIPS.contains(&domain)).then_some(near)
}

/// Whether one insertion, deletion, substitution or exchange of neighbours makes one text of the other.
fn is_one_slip(one: &[u8], other: &[u8]) -> bool {
    let shorter = one.len().min(other.len());
    let before = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let after = one.iter().rev().zip(other.iter().rev()).take(shorter - before).take_while(|(a, b)| a == b).count();
    let (left, right) = (&one[before..one.len() - after], &other[before..other.len() - after]);
    match (left, right) {
        ([_], [_]) | ([_], []) | ([], [_]) => true,
        ([a, b], [c, d]) => a == d && b == c,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_known_by_name() {
        assert!(FREE_MAIL.is_sorted(), "{:?}", FREE_MAIL.windows(2).find(|pair| pair[0] > pair[1]));
        assert!(is_free_mail("gmail.com") && is_free_mail("zoho.com") && !is_free_mail("acme.com"));
        assert!(is_disposable("mailinator.com") && is_disposable("any.mailinator.com") && !is_disposable("acme.com"));
        assert!(FREE_MAIL.iter().all(|domain| !is_disposable(domain)));
        assert!(is_role("Info") && is_role("sales+de") && !is_role("ada") && !is_role("informant"));
    }

    #[test]
    fn one_slip_is_told_from_two() {
        for (typed, meant) in [
            ("gmial.com", "gmail.com"),
            ("gmal.com", "gmail.com"),
            ("gmaill.com", "gmail.com"),
            ("gnail.com", "gmail.com"),
            ("gmail.co", "gmail.com"),
            ("gmail.cmo", "gmail.com"),
            ("hotmial.com", "hotmail.com"),
            ("outlok.com", "outlook.com"),
            ("yahooo.com", "yahoo.com"),
        ] {
            assert_eq!(near_miss(typed), Some(meant), "{typed}");
        }
        for other in ["gmail.com", "mail.com", "email.com", "ymail.com", "cloud.com", "acme.com", "yahoo.co.in", "gmx.com", "hotmail.de"] {
            assert_eq!(near_miss(other), None, "{other}");
        }
    }
}
