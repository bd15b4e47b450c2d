//! E-mail addresses: one address as it can be sent to, the local part's case kept.
//!
//! The limits are those of RFC 5321 (64 octets before the at sign, 254 in all); no server is ever asked.

use std::borrow::Cow;

use aqueduct_schema::Cleaned;

use super::text::{Presence, note, presence_without_na, to_ascii_forms};
use super::{email_domain, host};

/// The version of these rules.
pub(super) const VERSION: u32 = 2;

rules! { Email;
    Missing "email.empty" " \u{200b} " => None, "There is nothing but space.";
    Missing "email.placeholder" "none@none.com" => None, "The text stands for no address.";
    Fixed "email.spaces_removed" " ada@acme.com " => Some("ada@acme.com"), "Space around the address or its at sign, or hidden characters, were taken out.";
    Fixed "email.width_normalised" "ａｄａ@acme.com" => Some("ada@acme.com"), "Letters, digits or signs of another width or script were written as plain ones.";
    Fixed "email.composed" "ada@bu\u{308}cher.de" => Some("ada@xn--bcher-kva.de"), "Letters and their marks were composed (NFC).";
    Fixed "email.mailto_removed" "mailto:ada@acme.com" => Some("ada@acme.com"), "The address was a mailto link.";
    Fixed "email.display_name_removed" "Ada Lovelace <ada@acme.com>" => Some("ada@acme.com"), "A name stood before the address.";
    Fixed "email.punctuation_removed" "'ada@acme.com';" => Some("ada@acme.com"), "Quotes, brackets or a final sign stood around the address.";
    Fixed "email.domain_normalised" "Ada@ACME.com" => Some("Ada@acme.com"), "The domain was written in lower case and ASCII (UTS-46); the part before the at sign keeps its case.";
    Suspect "email.special_use_domain" "ada@acme.test" => Some("ada@acme.test"), "The domain is kept for tests and can receive nothing.";
    Suspect "email.unknown_suffix" "ada@acme.con" => Some("ada@acme.con"), "The Public Suffix List does not know the end of the domain.";
    Suspect "email.ip_literal" "ada@[192.0.2.1]" => Some("ada@[192.0.2.1]"), "The domain is an IP address.";
    Suspect "email.quoted_local_part" "\"ada l\"@acme.com" => Some("\"ada l\"@acme.com"), "The part before the at sign is quoted.";
    Suspect "email.unicode_local_part" "jörg@acme.com" => Some("jörg@acme.com"), "The part before the at sign has letters that only some servers take.";
    Suspect "email.near_miss_domain" "ada@gmial.com" => Some("ada@gmial.com"), "The domain is one slip of the keyboard away from a large provider's; the detail `email.suggestion` says which. Nothing is changed.";
    Suspect "email.disposable_domain" "ada@mailinator.com" => Some("ada@mailinator.com"), "The domain serves mailboxes that are thrown away after use.";
    Suspect "email.misplaced_dot" "ada..l@acme.com" => Some("ada..l@acme.com"), "The part before the at sign begins or ends with a dot or has two in a row.";
    Suspect "email.several_addresses" "ada@acme.com; bob@acme.com" => None, "There are several addresses; none is chosen.";
    Invalid "email.no_at_sign" "ada.acme.com" => None, "There is no at sign.";
    Invalid "email.too_many_at_signs" "ada@@acme.com" => None, "There is more than one at sign.";
    Invalid "email.no_local_part" "@acme.com" => None, "There is nothing before the at sign.";
    Invalid "email.inner_space" "ada lovelace@acme.com" => None, "There is space inside the address.";
    Invalid "email.bad_character" "ada(l)x@acme.com" => None, "There is a sign that an address cannot have unquoted.";
    Invalid "email.bad_domain" "ada@acme_corp.com" => None, "What follows the at sign is no name of a host.";
    Invalid "email.single_label_domain" "ada@acme" => None, "The domain has only one label.";
    Invalid "email.local_part_too_long" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@acme.com" => None, "There are more than 64 octets before the at sign.";
    Invalid "email.too_long" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc.dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd.com" => None, "There are more than 254 octets in all.";
}

/// The characters of an unquoted local part besides the dot (RFC 5322, atext).
const ATEXT: [bool; 256] = {
    let mut table = [false; 256];
    let signs = b"!#$%&'*+-/=?^_`{|}~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut index = 0;
    while index < signs.len() {
        table[signs[index] as usize] = true;
        index += 1;
    }
    table
};

const LOCAL_PART_OCTETS: usize = 64;
const OCTETS: usize = 254;

pub(super) fn clean(value: &str) -> Cleaned<'_> {
    if let Some(at) = canonical(value) {
        return judge(Cow::Borrowed(value), at, "");
    }
    let text = match presence_without_na(value) {
        Presence::Empty => return Cleaned::missing("email.empty"),
        Presence::Placeholder => return Cleaned::missing("email.placeholder"),
        Presence::Value(text) => text,
    };
    let mut code = if text == value { "" } else { "email.spaces_removed" };
    let plain = to_ascii_forms(text);
    if let Cow::Owned(plain) = &plain {
        note(&mut code, folding(text, plain));
    }
    let address = unwrap(&plain, &mut code);
    split_and_check(address, code, value)
}

/// The place of the at sign of an address that needs nothing: a dot-atom and a canonical host.
fn canonical(value: &str) -> Option<usize> {
    let bytes = value.as_bytes();
    if bytes.len() > OCTETS {
        return None;
    }
    let mut previous = b'.';
    for (index, &byte) in bytes.iter().enumerate() {
        if byte == b'@' {
            let sound = (1..=LOCAL_PART_OCTETS).contains(&index) && previous != b'.' && bytes[0] != b'\'';
            return (sound && host::is_canonical(&bytes[index + 1..])).then_some(index);
        }
        if !(ATEXT[usize::from(byte)] || byte == b'.' && previous != b'.') {
            return None;
        }
        previous = byte;
    }
    None
}

/// Why a text is not written as it was: by hidden characters, by composition or by width.
fn folding(before: &str, after: &str) -> &'static str {
    if before == after {
        ""
    } else if before.chars().any(super::text::is_blank) {
        "email.spaces_removed"
    } else if super::text::compose(before) == after {
        "email.composed"
    } else {
        "email.width_normalised"
    }
}

/// Takes away what stands around an address: a name, a link's scheme, quotes, brackets, final signs.
fn unwrap<'t>(text: &'t str, code: &mut &'static str) -> &'t str {
    let mut address = text.trim();
    loop {
        let before = address;
        if let Some(rest) = address.strip_suffix('>')
            && let Some((name, inner)) = rest.rsplit_once('<')
        {
            note(code, if name.trim().is_empty() { "email.punctuation_removed" } else { "email.display_name_removed" });
            address = inner.trim();
        }
        if let Some(scheme) = address.get(..7)
            && scheme.eq_ignore_ascii_case("mailto:")
        {
            note(code, "email.mailto_removed");
            let link = &address[7..];
            address = link.split_once('?').map_or(link, |(before_query, _)| before_query).trim();
        }
        if let Some(inner) = between(address, '"').or_else(|| between(address, '\'')).or_else(|| enclosed(address)) {
            note(code, "email.punctuation_removed");
            address = inner.trim();
        }
        let bare = address.trim_start_matches(['\'', '<', ',', ';', ':']).trim_end_matches(['.', ',', ';', ':', '\'', '>', ' ']).trim();
        if bare != address {
            note(code, "email.punctuation_removed");
            address = bare;
        }
        if address == before {
            return address;
        }
    }
}

/// The text between a pair of the same quotes, unless it is a quoted local part.
fn between(text: &str, quote: char) -> Option<&str> {
    text.strip_prefix(quote)?.strip_suffix(quote).filter(|inner| inner.contains('@'))
}

fn enclosed(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    inside.or_else(|| text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')))
}

fn split_and_check<'v>(address: &str, mut code: &'static str, value: &'v str) -> Cleaned<'v> {
    let quoted = address.starts_with('"');
    let at = if quoted { address.rfind("\"@").map(|end| end + 1) } else { address.find('@') };
    let Some(at) = at else {
        return Cleaned::invalid("email.no_at_sign");
    };
    let (local, domain) = (&address[..at], &address[at + 1..]);
    if domain.contains('@') {
        let separated = address.contains([',', ';', ' ', '/', '|', '<']);
        return if separated {
            Cleaned::suspect_without_value("email.several_addresses")
        } else {
            Cleaned::invalid("email.too_many_at_signs")
        };
    }
    let (local, domain) = if quoted { (local, domain) } else { (local.trim_end(), domain.trim_start()) };
    if local.len() + 1 + domain.len() != address.len() {
        note(&mut code, "email.spaces_removed");
    }
    if let Err(reason) = check_local(local, quoted) {
        return Cleaned::invalid(reason);
    }
    let domain = match canonical_domain(domain) {
        Ok(domain) => domain,
        Err(reason) => return Cleaned::invalid(reason),
    };
    if local.len() + 1 + domain.len() > OCTETS {
        return Cleaned::invalid("email.too_long");
    }
    let clean = format!("{local}@{domain}");
    let at = local.len();
    if clean == value {
        return judge(Cow::Borrowed(value), at, "");
    }
    note(&mut code, "email.domain_normalised");
    judge(Cow::Owned(clean), at, code)
}

fn check_local(local: &str, quoted: bool) -> Result<(), &'static str> {
    if local.is_empty() {
        return Err("email.no_local_part");
    }
    if local.len() > LOCAL_PART_OCTETS {
        return Err("email.local_part_too_long");
    }
    if quoted {
        let inner = local.get(1..local.len() - 1).ok_or("email.bad_character")?;
        let mut escaped = false;
        for character in inner.chars() {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => return Err("email.bad_character"),
                _ => {}
            }
        }
        return if escaped || inner.is_empty() { Err("email.bad_character") } else { Ok(()) };
    }
    if local.contains(' ') {
        return Err("email.inner_space");
    }
    let sound = |c: char| !c.is_ascii() || c == '.' || u8::try_from(c).is_ok_and(|byte| ATEXT[usize::from(byte)]);
    if local.chars().all(sound) { Ok(()) } else { Err("email.bad_character") }
}

fn canonical_domain(domain: &str) -> Result<Cow<'_, str>, &'static str> {
    if let Some(literal) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address = literal.strip_prefix("IPv6:").unwrap_or(literal);
        let sound = address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_ipv6() == (address.len() != literal.len()));
        return if sound { Ok(Cow::Borrowed(domain)) } else { Err("email.bad_domain") };
    }
    if domain.contains(' ') {
        return Err("email.inner_space");
    }
    let name = host::to_ascii(domain).ok_or("email.bad_domain")?;
    if !name.contains('.') {
        return Err("email.single_label_domain");
    }
    if host::ends_in_number(&name) { Err("email.bad_domain") } else { Ok(name) }
}

/// What remains to be said about a well-formed address with its at sign at `at`.
fn judge<'v>(address: Cow<'v, str>, at: usize, code: &'static str) -> Cleaned<'v> {
    let (local, domain) = (&address[..at], &address[at + 1..]);
    if is_placeholder(local, domain) {
        return Cleaned::missing("email.placeholder");
    }
    let doubt = if local.starts_with('"') {
        Some("email.quoted_local_part")
    } else if domain.starts_with('[') {
        Some("email.ip_literal")
    } else if !local.is_ascii() {
        Some("email.unicode_local_part")
    } else if host::is_special_use(domain) {
        Some("email.special_use_domain")
    } else if !host::has_known_suffix(domain) {
        Some("email.unknown_suffix")
    } else if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        Some("email.misplaced_dot")
    } else if email_domain::near_miss(domain).is_some() {
        Some("email.near_miss_domain")
    } else if email_domain::is_disposable(domain) {
        Some("email.disposable_domain")
    } else {
        None
    };
    match doubt {
        Some(doubt) => Cleaned::suspect(address, doubt),
        None if code.is_empty() => Cleaned::ok(address),
        None => Cleaned::fixed(address, code),
    }
}

/// "none@none.com" and its like: the same word for nothing on both sides.
fn is_placeholder(local: &str, domain: &str) -> bool {
    local.len() <= 8
        && domain.as_bytes().get(local.len()) == Some(&b'.')
        && domain.get(..local.len()).is_some_and(|label| label.eq_ignore_ascii_case(local))
        && ["none", "na", "noemail", "no-email", "nomail", "null", "unknown", "no", "test", "asdf", "xxx", "abc", "email"]
            .iter()
            .any(|word| word.eq_ignore_ascii_case(local))
}
