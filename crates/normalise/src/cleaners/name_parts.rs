//! The parts of a person's name as it is written: titles, suffixes, "Last, First", and how it might be shown. Nothing here changes what is
//! stored; these are details that a mapping may ask for.

/// Titles before a name; lower case, without a final point.
const PREFIXES: [&str; 42] = [
    "mr",
    "mrs",
    "ms",
    "miss",
    "mx",
    "dr",
    "prof",
    "professor",
    "sir",
    "dame",
    "lord",
    "lady",
    "rev",
    "reverend",
    "fr",
    "hon",
    "capt",
    "captain",
    "col",
    "maj",
    "lt",
    "sgt",
    "herr",
    "frau",
    "m",
    "mme",
    "mlle",
    "monsieur",
    "madame",
    "sr",
    "sra",
    "srta",
    "don",
    "doña",
    "dott",
    "dottssa",
    "sig",
    "sigra",
    "ing",
    "dipl-ing",
    "mag",
    "pan",
];
/// What follows a name; lower case, without points.
const SUFFIXES: [&str; 26] = [
    "jr", "sr", "junior", "senior", "ii", "iii", "iv", "phd", "md", "dds", "esq", "cpa", "mba", "msc", "bsc", "ma", "ba", "rn", "obe",
    "mbe", "cbe", "kbe", "qc", "kc", "jd", "llm",
];
/// Words that stay small inside a name.
const PARTICLES: [&str; 26] = [
    "van", "von", "der", "den", "de", "du", "da", "di", "del", "della", "la", "le", "las", "los", "dos", "das", "e", "y", "zu", "zum",
    "zur", "ter", "ten", "bin", "ibn", "al",
];

/// A name taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) prefix: String,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) suffix: String,
}

/// Takes a tidy name apart. With a comma the family name comes first; without one the last word and the particles before it are the
/// family name. A single word is a first name and no family name.
pub(super) fn split(name: &str) -> Parts {
    let mut parts = Parts::default();
    let mut segments: Vec<&str> = name.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    let mut suffixes = Vec::new();
    while segments.len() > 1 && segments.last().is_some_and(|last| last.split(' ').all(is_suffix)) {
        suffixes.extend(segments.pop());
    }
    let family = (segments.len() == 2).then(|| segments.remove(0));
    let rest = segments.join(", ");
    let mut words: Vec<&str> = rest.split(' ').filter(|word| !word.is_empty()).collect();
    let titles = words.iter().take(words.len().saturating_sub(1)).take_while(|word| is_prefix(word)).count();
    parts.prefix = words.drain(..titles).collect::<Vec<_>>().join(" ");
    while words.len() > 1 && words.last().is_some_and(|last| is_suffix(last)) {
        suffixes.extend(words.pop());
    }
    suffixes.reverse();
    parts.suffix = suffixes.join(" ");
    match family {
        Some(family) => (parts.first, parts.last) = (words.join(" "), family.to_owned()),
        None if words.len() < 2 => parts.first = words.join(" "),
        None => {
            let mut at = words.len() - 1;
            while at > 1 && PARTICLES.contains(&words[at - 1]) {
                at -= 1;
            }
            (parts.first, parts.last) = (words[..at].join(" "), words[at..].join(" "));
        }
    }
    parts
}

fn bare(word: &str) -> String {
    word.chars().filter(|c| *c != '.').flat_map(char::to_lowercase).collect()
}

fn is_prefix(word: &str) -> bool {
    PREFIXES.contains(&bare(word).as_str())
}

fn is_suffix(word: &str) -> bool {
    let bare = bare(word);
    SUFFIXES.contains(&bare.as_str())
}

/// How a name in capitals or small letters alone might be shown; nothing for one that mixes them, whose writing is its owner's.
pub(super) fn display(name: &str) -> Option<String> {
    let (upper, lower) = (name.chars().any(char::is_uppercase), name.chars().any(char::is_lowercase));
    if upper == lower {
        return None;
    }
    let words: Vec<String> = name.split(' ').enumerate().map(|(place, word)| shown(word, place > 0)).collect();
    let shown = words.join(" ");
    (shown != name).then_some(shown)
}

fn shown(word: &str, inside: bool) -> String {
    let lower = word.to_lowercase();
    if inside && PARTICLES.contains(&lower.as_str()) {
        return lower;
    }
    // Roman numerals and initials are capitals.
    if matches!(lower.as_str(), "ii" | "iii" | "iv") || word.contains('.') && lower.split('.').all(|part| part.chars().count() < 2) {
        return word.to_uppercase();
    }
    let mut out = String::with_capacity(word.len());
    let mut begins = true;
    for character in lower.chars() {
        if begins {
            out.extend(character.to_uppercase());
        } else {
            out.push(character);
        }
        begins = matches!(character, '-' | '\'' | '’' | '(');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart_as_they_are_written() {
        for (name, prefix, first, last, suffix) in [
            ("Ada Lovelace", "", "Ada", "Lovelace", ""),
            ("Lovelace, Ada", "", "Ada", "Lovelace", ""),
            ("Dr. Ada King Lovelace", "Dr.", "Ada King", "Lovelace", ""),
            ("Prof. Dr. Ludwig van Beethoven", "Prof. Dr.", "Ludwig", "van Beethoven", ""),
            ("Martin Luther King, Jr.", "", "Martin Luther", "King", "Jr."),
            ("King, Martin Luther, Jr.", "", "Martin Luther", "King", "Jr."),
            ("Jane Doe PhD", "", "Jane", "Doe", "PhD"),
            ("Madonna", "", "Madonna", "", ""),
            ("Dr", "", "Dr", "", ""),
            ("", "", "", "", ""),
        ] {
            let parts = split(name);
            assert_eq!(
                (parts.prefix.as_str(), parts.first.as_str(), parts.last.as_str(), parts.suffix.as_str()),
                (prefix, first, last, suffix),
                "{name}"
            );
        }
    }

    #[test]
    fn only_one_sided_case_is_suggested_otherwise() {
        for (name, shown) in [
            ("ADA LOVELACE", Some("Ada Lovelace")),
            ("ada o'brien-smith", Some("Ada O'Brien-Smith")),
            ("LUDWIG VAN BEETHOVEN", Some("Ludwig van Beethoven")),
            ("J.R.R. TOLKIEN", Some("J.R.R. Tolkien")),
            ("HENRY FORD II", Some("Henry Ford II")),
            ("élodie", Some("Élodie")),
            ("Ada McDonald", None),
            ("李小龍", None),
        ] {
            assert_eq!(display(name).as_deref(), shown, "{name}");
        }
    }
}
