//! Details of e-mail addresses, web addresses and domains.

use ::url::Url;

use super::{Detail, flagged, told};
use crate::cleaners::text::{Presence, presence_without_na};
use crate::cleaners::{email_domain, email_match_key, email_normalized, host};

/// Of a clean address.
pub(super) fn of_email(clean: &str) -> Vec<Detail> {
    let mut out = Vec::new();
    let Some((local, domain)) = clean.rsplit_once('@') else { return out };
    told(&mut out, "email.normalized", email_normalized(clean));
    told(&mut out, "email.match_key", email_match_key(clean));
    flagged(&mut out, "email.role", email_domain::is_role(local));
    flagged(&mut out, "email.free_mail", email_domain::is_free_mail(domain));
    flagged(&mut out, "email.disposable", email_domain::is_disposable(domain));
    if let Some(meant) = email_domain::near_miss(domain) {
        told(&mut out, "email.suggestion", format!("{local}@{meant}"));
    } else if !email_domain::is_free_mail(domain) && host::has_known_suffix(domain) {
        told(&mut out, "email.account_domain", host::registrable_domain(domain).unwrap_or_default());
    }
    out
}

/// Of a clean domain.
pub(super) fn of_domain(clean: &str) -> Vec<Detail> {
    let mut out = Vec::new();
    let shared = host::has_private_suffix(clean);
    if !shared && !email_domain::is_free_mail(clean) && host::has_known_suffix(clean) {
        told(&mut out, "domain.account_key", host::registrable_domain(clean).unwrap_or_default());
    }
    flagged(&mut out, "domain.shared_host", shared);
    out
}

/// Of a web address as it was written: the clean one has no parameters of campaigns.
pub(super) fn of_url(value: &str) -> Vec<Detail> {
    let mut out = Vec::new();
    let Presence::Value(text) = presence_without_na(value) else { return out };
    let whole = if text.contains("://") { text.to_owned() } else { format!("https://{}", text.trim_start_matches('/')) };
    let Ok(url) = Url::parse(&whole) else { return out };
    let domain = url.domain().map(|domain| domain.trim_end_matches('.')).filter(|domain| host::has_known_suffix(domain));
    told(&mut out, "url.domain", domain.and_then(host::registrable_domain).unwrap_or_default());
    for (name, parameter) in [
        ("url.utm_source", "utm_source"),
        ("url.utm_medium", "utm_medium"),
        ("url.utm_campaign", "utm_campaign"),
        ("url.utm_term", "utm_term"),
        ("url.utm_content", "utm_content"),
        ("url.gclid", "gclid"),
    ] {
        let found = url.query_pairs().find(|(key, _)| key.eq_ignore_ascii_case(parameter));
        told(&mut out, name, found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default());
    }
    out
}
