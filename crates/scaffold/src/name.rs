//! Names of connectors, and names inside the files that are written.

use aqueduct_schema::{Error, Result, codes};

/// Words that Rust keeps for itself, or that a crate of this name would hide.
const KEPT: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "async_trait",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "schemars",
    "self",
    "serde",
    "serde_json",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "tokio",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];
const LONGEST: usize = 40;

/// Whether a reader does not see a character that changes how the text around it is shown: control characters and those that embed,
/// override and isolate directions of writing. The compiler refuses the latter in Rust, with good reason.
pub(crate) fn is_unseen(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Words of a description as a comment may hold them: in one line, without what is not seen.
pub(crate) fn seen(text: &str) -> String {
    let words = text.split(|letter: char| letter.is_whitespace() || is_unseen(letter));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Checks the name of a connector.
///
/// # Errors
/// `AQ1001` with the nearest name that would do.
pub(crate) fn check(name: &str) -> Result<()> {
    let near = nearest(name);
    if near == name {
        return Ok(());
    }
    let error = Error::new(codes::BAD_USAGE, format!("`{name}` is no name for a connector"));
    Err(error.advise(format!(
        "Names are in snake case, begin with a letter, have at most {LONGEST} characters and are no word of Rust. `{near}` would do."
    )))
}

/// The nearest name that would do.
fn nearest(name: &str) -> String {
    let mut near = snake(name);
    near.truncate(LONGEST);
    let near = near.trim_end_matches('_').to_owned();
    if KEPT.contains(&near.as_str()) { format!("{near}_vendor") } else { near }
}

/// Any name in snake case, beginning with a letter.
pub(crate) fn snake(name: &str) -> String {
    let mut out = String::new();
    let mut previous_lower = false;
    for letter in name.trim().chars() {
        if letter.is_ascii_alphanumeric() {
            if letter.is_ascii_uppercase() && previous_lower {
                out.push('_');
            }
            out.push(letter.to_ascii_lowercase());
            previous_lower = !letter.is_ascii_uppercase();
        } else {
            previous_lower = false;
            if !out.is_empty() && !out.ends_with('_') {
                out.push('_');
            }
        }
    }
    let out = out.trim_end_matches('_');
    match out.chars().next() {
        None => "vendor".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("vendor_{out}"),
        Some(_) => out.to_owned(),
    }
}

/// A name for a function or a variable.
pub(crate) fn variable(name: &str) -> String {
    // These are used for other things in the files that are written.
    let used = ["all", "fields", "vendor", "json", "plain", "registration", "conforms", "api", "config", "streams"];
    if KEPT.contains(&name) || used.contains(&name) { format!("{name}_stream") } else { name.to_owned() }
}

/// A name for a type.
pub(crate) fn type_name(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
    };
    let joined: String = name.split('_').map(capital).collect();
    if joined == "Config" { "ConfigVendor".to_owned() } else { joined }
}

/// Words that are the same for one and for many, or have a plural of their own: one, many.
const UNEVEN: &[(&str, &str)] = &[
    ("person", "people"),
    ("child", "children"),
    ("data", "data"),
    ("media", "media"),
    ("status", "statuses"),
    ("address", "addresses"),
    ("news", "news"),
    ("series", "series"),
    ("feedback", "feedback"),
    ("content", "content"),
    ("analysis", "analyses"),
];

/// Whether a name in snake case speaks of many.
pub(crate) fn is_plural(name: &str) -> bool {
    let last = name.rsplit('_').next().unwrap_or(name);
    UNEVEN.iter().any(|(_, many)| *many == last)
        || (last.ends_with('s') && !last.ends_with("ss") && !UNEVEN.iter().any(|(one, _)| *one == last))
}

/// The plural of a name in snake case.
pub(crate) fn plural(name: &str) -> String {
    if is_plural(name) {
        return name.to_owned();
    }
    if let Some((one, many)) = UNEVEN.iter().find(|(one, _)| name == *one || name.ends_with(&format!("_{one}"))) {
        return format!("{}{many}", &name[..name.len() - one.len()]);
    }
    let vowel_before = |end: &str| name.trim_end_matches(end).ends_with(['a', 'e', 'i', 'o', 'u']);
    match name {
        _ if name.ends_with('y') && !vowel_before("y") => format!("{}ies", &name[..name.len() - 1]),
        _ if ["s", "x", "ch", "sh"].iter().any(|end| name.ends_with(end)) => format!("{name}es"),
        _ => format!("{name}s"),
    }
}

/// The singular of a name in snake case.
pub(crate) fn singular(name: &str) -> String {
    if let Some((one, many)) = UNEVEN.iter().find(|(_, many)| name == *many || name.ends_with(&format!("_{many}"))) {
        return format!("{}{one}", &name[..name.len() - many.len()]);
    }
    match name {
        _ if name.ends_with("ies") && name.len() > 4 => format!("{}y", &name[..name.len() - 3]),
        _ if ["sses", "xes", "ches", "shes"].iter().any(|end| name.ends_with(end)) => name[..name.len() - 2].to_owned(),
        _ if is_plural(name) => name[..name.len() - 1].to_owned(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_bad_name_gets_the_nearest_good_one() {
        for (bad, good) in [
            ("My-Vendor", "my_vendor"),
            ("activeCampaign", "active_campaign"),
            ("3cx", "vendor_3cx"),
            ("type", "type_vendor"),
            ("", "vendor"),
            ("a__b", "a_b"),
            ("x_", "x"),
            ("Übung!", "bung"),
            ("serde", "serde_vendor"),
        ] {
            let error = check(bad).unwrap_err();
            assert!(error.advice().contains(&format!("`{good}` would do")), "{bad}: {}", error.advice());
            check(good).unwrap();
        }
    }

    #[test]
    fn one_and_many() {
        let pairs = [
            ("contact", "contacts"),
            ("company", "companies"),
            ("person", "people"),
            ("activity_type", "activity_types"),
            ("box", "boxes"),
            ("address", "addresses"),
            ("survey", "surveys"),
            ("segment", "segments"),
            ("status", "statuses"),
            ("call_log", "call_logs"),
        ];
        for (one, many) in pairs {
            assert_eq!((plural(one).as_str(), singular(many).as_str()), (many, one));
            assert_eq!((plural(many).as_str(), is_plural(many), is_plural(one)), (many, true, false));
        }
        assert_eq!(
            (type_name("my_vendor"), variable("match"), variable("deals")),
            ("MyVendor".into(), "match_stream".into(), "deals".into())
        );
    }
}
