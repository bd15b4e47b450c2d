//! Languages as BCP 47 tags in their canonical case.

use std::borrow::Cow;

use aqueduct_schema::Cleaned;

use super::text::{Presence, presence, to_ascii_forms};

/// The version of these rules.
pub(super) const VERSION: u32 = 1;

rules! { Language;
    Missing "language.empty" "  " => None, "There is nothing but space.";
    Missing "language.placeholder" "n/a" => None, "The text stands for no value.";
    Fixed "language.rewritten" "EN_us" => Some("en-US"), "The tag was written with hyphens and in its usual case, or the shorter or newer code was taken.";
    Fixed "language.name_replaced" "German" => Some("de"), "The name of a language became its tag.";
    Suspect "language.unchecked" "yue" => Some("yue"), "The tag has the right form; its three letters are not checked against the registry.";
    Invalid "language.unknown" "xx" => None, "It is no tag of BCP 47 nor the name of a language in the table.";
}

/// ISO 639-1.
const TWO_LETTERS: &str = "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es et \
    eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw \
    ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc \
    sd se sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu";

/// Names and codes that have a shorter or newer tag; lower case.
const TAGS: [(&str, &str); 86] = [
    ("iw", "he"),
    ("in", "id"),
    ("ji", "yi"),
    ("jw", "jv"),
    ("eng", "en"),
    ("deu", "de"),
    ("ger", "de"),
    ("fra", "fr"),
    ("fre", "fr"),
    ("spa", "es"),
    ("ita", "it"),
    ("por", "pt"),
    ("nld", "nl"),
    ("dut", "nl"),
    ("pol", "pl"),
    ("rus", "ru"),
    ("ukr", "uk"),
    ("tur", "tr"),
    ("swe", "sv"),
    ("dan", "da"),
    ("nor", "no"),
    ("nob", "nb"),
    ("fin", "fi"),
    ("ces", "cs"),
    ("cze", "cs"),
    ("slk", "sk"),
    ("slo", "sk"),
    ("hun", "hu"),
    ("ron", "ro"),
    ("rum", "ro"),
    ("bul", "bg"),
    ("ell", "el"),
    ("gre", "el"),
    ("hrv", "hr"),
    ("srp", "sr"),
    ("slv", "sl"),
    ("ara", "ar"),
    ("heb", "he"),
    ("fas", "fa"),
    ("per", "fa"),
    ("hin", "hi"),
    ("jpn", "ja"),
    ("kor", "ko"),
    ("zho", "zh"),
    ("chi", "zh"),
    ("tha", "th"),
    ("vie", "vi"),
    ("ind", "id"),
    ("msa", "ms"),
    ("english", "en"),
    ("german", "de"),
    ("deutsch", "de"),
    ("french", "fr"),
    ("français", "fr"),
    ("spanish", "es"),
    ("español", "es"),
    ("italian", "it"),
    ("italiano", "it"),
    ("portuguese", "pt"),
    ("português", "pt"),
    ("dutch", "nl"),
    ("nederlands", "nl"),
    ("polish", "pl"),
    ("polski", "pl"),
    ("russian", "ru"),
    ("русский", "ru"),
    ("ukrainian", "uk"),
    ("turkish", "tr"),
    ("türkçe", "tr"),
    ("swedish", "sv"),
    ("svenska", "sv"),
    ("danish", "da"),
    ("dansk", "da"),
    ("norwegian", "no"),
    ("norsk", "no"),
    ("finnish", "fi"),
    ("suomi", "fi"),
    ("czech", "cs"),
    ("hungarian", "hu"),
    ("greek", "el"),
    ("arabic", "ar"),
    ("hebrew", "he"),
    ("japanese", "ja"),
    ("日本語", "ja"),
    ("korean", "ko"),
    ("chinese", "zh"),
];

pub(super) fn clean(value: &str) -> Cleaned<'_> {
    if let [first, second] = value.as_bytes()
        && first.is_ascii_lowercase()
        && second.is_ascii_lowercase()
        && is_two_letter_code(value)
    {
        return Cleaned::ok(value);
    }
    let text = match presence(value) {
        Presence::Empty => return Cleaned::missing("language.empty"),
        Presence::Placeholder => return Cleaned::missing("language.placeholder"),
        Presence::Value(text) => text,
    };
    let lower = to_ascii_forms(text).trim().to_lowercase().replace('_', "-");
    if lower.ends_with('-') {
        return Cleaned::invalid("language.unknown");
    }
    let (first, rest) = lower.split_once('-').unwrap_or((lower.as_str(), ""));
    let known = TAGS.iter().find(|(name, _)| *name == first).map(|&(_, tag)| tag);
    if let Some(tag) = known
        && (first.len() > 3 || !first.is_ascii())
    {
        return if rest.is_empty() { Cleaned::fixed(tag, "language.name_replaced") } else { Cleaned::invalid("language.unknown") };
    }
    let language = known.unwrap_or(first);
    let Some(tag) = tag(language, rest) else {
        return Cleaned::invalid("language.unknown");
    };
    let clean = if tag == value { Cow::Borrowed(value) } else { Cow::Owned(tag) };
    if language.len() == 3 {
        Cleaned::suspect(clean, "language.unchecked")
    } else if is_two_letter_code(language) {
        if matches!(clean, Cow::Borrowed(_)) { Cleaned::ok(clean) } else { Cleaned::fixed(clean, "language.rewritten") }
    } else {
        Cleaned::invalid("language.unknown")
    }
}

fn is_two_letter_code(code: &str) -> bool {
    code.len() == 2 && TWO_LETTERS.split_ascii_whitespace().any(|known| known == code)
}

/// The whole tag in its usual case: language, script, region, then variants and extensions as they are.
fn tag(language: &str, rest: &str) -> Option<String> {
    if !(2..=3).contains(&language.len()) || !language.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    let mut out = language.to_owned();
    let mut extension = false;
    let parts = if rest.is_empty() { None } else { Some(rest.split('-')) };
    for part in parts.into_iter().flatten() {
        if !(1..=8).contains(&part.len()) || !part.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let is_letters = part.bytes().all(|byte| byte.is_ascii_alphabetic());
        out.push('-');
        if extension {
            out.push_str(part);
        } else if part.len() == 4 && is_letters {
            out.push_str(&part[..1].to_ascii_uppercase());
            out.push_str(&part[1..]);
        } else if part == "uk" {
            // ISO 3166 calls the United Kingdom GB; many exports do not.
            out.push_str("GB");
        } else if part.len() == 2 && is_letters {
            out.push_str(&part.to_ascii_uppercase());
        } else {
            extension = part.len() == 1;
            out.push_str(part);
        }
    }
    // A singleton announces an extension, so it cannot be the end.
    let ends_in_singleton = extension && out.rsplit('-').next().is_some_and(|last| last.len() == 1);
    (!ends_in_singleton).then_some(out)
}

#[cfg(test)]
mod tests {
    use crate::cleaners::vectors::check;

    #[test]
    fn tags_and_names() {
        check(
            aqueduct_schema::SemanticType::Language,
            &[
                ("en", Some("en"), ""),
                ("en-US", Some("en-US"), ""),
                ("zh-Hans-CN", Some("zh-Hans-CN"), ""),
                ("es-419", Some("es-419"), ""),
                ("na", Some("na"), ""),
                ("DE", Some("de"), "language.rewritten"),
                ("zh_hant_tw", Some("zh-Hant-TW"), "language.rewritten"),
                ("en-uk", Some("en-GB"), "language.rewritten"),
                ("eng", Some("en"), "language.rewritten"),
                ("iw", Some("he"), "language.rewritten"),
                ("Français", Some("fr"), "language.name_replaced"),
                ("gsw-ch", Some("gsw-CH"), "language.unchecked"),
                ("Klingon", None, "language.unknown"),
                ("xx-US", None, "language.unknown"),
                ("en-", None, "language.unknown"),
                ("en--US", None, "language.unknown"),
            ],
        );
    }
}
