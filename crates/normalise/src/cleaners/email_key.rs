//! Keys made from a clean e-mail address, to join and to match by; neither is an address to send to.

use std::borrow::Cow;

/// The join key: the whole address in lower case. Servers may tell upper from lower case before the at sign; in practice none does.
pub fn email_normalized(clean: &str) -> Cow<'_, str> {
    if clean.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        let lower = clean.to_lowercase();
        let composed = super::text::compose(&lower).into_owned();
        if composed == clean { Cow::Borrowed(clean) } else { Cow::Owned(composed) }
    } else {
        Cow::Borrowed(clean)
    }
}

/// Providers that deliver `name+anything@` to `name@`, by their own documentation.
const SUBADDRESSING: [&str; 13] = [
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "msn.com",
    "icloud.com",
    "me.com",
    "mac.com",
    "fastmail.com",
    "proton.me",
    "protonmail.com",
    "pm.me",
];

/// The key by which two addresses are taken for the same mailbox: lower case, at Gmail without dots, at providers that ignore
/// `+tag` without it. For matching only: never send to it and never show it.
pub fn email_match_key(clean: &str) -> Cow<'_, str> {
    let normalized = email_normalized(clean);
    let Some((local, domain)) = normalized.rsplit_once('@') else {
        return normalized;
    };
    if local.starts_with('"') || !SUBADDRESSING.contains(&domain) {
        return normalized;
    }
    let is_gmail = matches!(domain, "gmail.com" | "googlemail.com");
    let base = local.split_once('+').map_or(local, |(base, _)| base);
    let name: String = base.chars().filter(|&c| !(is_gmail && c == '.')).collect();
    if name.is_empty() {
        return normalized;
    }
    let key = format!("{name}@{}", if is_gmail { "gmail.com" } else { domain });
    if key == normalized { normalized } else { Cow::Owned(key) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_join_and_match() {
        assert_eq!(email_normalized("Ada.L@acme.com"), "ada.l@acme.com");
        assert!(matches!(email_normalized("ada@acme.com"), Cow::Borrowed(_)));
        assert_eq!(email_normalized("JÖRG@acme.com"), "jörg@acme.com");
        assert_eq!(email_match_key("Ada.Love.Lace+news@Googlemail.com"), "adalovelace@gmail.com");
        assert_eq!(email_match_key("ada.l+x@outlook.com"), "ada.l@outlook.com");
        assert_eq!(email_match_key("ada.l+x@acme.com"), "ada.l+x@acme.com");
        assert_eq!(email_match_key("+x@gmail.com"), "+x@gmail.com");
        assert_eq!(email_match_key("nonsense"), "nonsense");
    }
}
