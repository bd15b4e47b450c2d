//! Names of people and companies as they are compared.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::levels::{company, name};
use crate::nicknames;
use crate::text::{edits, fold, hash, latin, letters, sound};

/// A name, ready for comparing.
#[derive(Debug)]
pub(crate) struct Name {
    /// Folded, in its own script.
    pub(crate) native: Box<str>,
    /// In Latin letters, without spaces.
    pub(crate) latin: Box<str>,
    /// Hashes of its words in Latin letters; of a company without its legal form.
    pub(crate) words: Box<[u64]>,
    /// The hash of how it sounds, 0 where it has no Latin letters.
    pub(crate) sound: u64,
    /// The hash of `latin`.
    pub(crate) hash: u64,
    /// The first letters of a company's words.
    pub(crate) initials: Box<str>,
    groups: &'static [u16],
    letters: u64,
    is_latin: bool,
}

/// Words that say what a company is in law, in the countries whose lists meet most; and words that say next to nothing.
static LEGAL_FORMS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "ltd limited inc incorporated corp corporation co company llc llp lp plc gmbh ag kg kgaa ohg gbr ug mbh se sa sas sarl srl spa sl \
    slu bv nv ab as asa oy oyj aps pty pvt pte kk kft zrt doo dd sro spzoo ltda cia cv eurl ev eg sc sca snc bvba sprl llps private \
    ooo oao zao ооо оао зао bhd sdn tbk pt lda eirl gesmbh haftungsbeschrankt"
        .split_whitespace()
        .collect()
});
static FILLING: LazyLock<HashSet<&str>> =
    LazyLock::new(|| "the and und et y e of de des du der die das group holding holdings".split_whitespace().collect());
/// Words before a surname that belong to it.
static PARTICLES: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "van von der den de del della di da dos du la le bin ibn al el abu ter ten zu mac st san".split_whitespace().collect()
});

impl Name {
    /// A given name, middle name or surname; `None` where it has no letters.
    pub(crate) fn of_person(text: &str) -> Option<Self> {
        Self::new(fold(text), false)
    }

    /// A company's name, without the words for its legal form unless it has no others.
    pub(crate) fn of_company(text: &str) -> Option<Self> {
        let text = fold(&text.replace(['&', '+'], " and ").replace("S.p.A", "spa").replace("sp. z o.o", "spzoo").replace("A/S", "as"));
        let words: Vec<&str> = text.split(' ').collect();
        let mut kept: Vec<&str> = words.iter().copied().filter(|word| !LEGAL_FORMS.contains(word) && !FILLING.contains(word)).collect();
        if kept.is_empty() {
            kept = words;
        }
        Self::new(kept.join(" "), true)
    }

    fn new(native: String, is_company: bool) -> Option<Self> {
        let spaced = latin(&native);
        let words: Vec<&str> = spaced.split(' ').filter(|word| !word.is_empty()).collect();
        let joined = words.concat();
        let joined = if joined.is_empty() { native.replace(' ', "") } else { joined };
        if joined.is_empty() {
            return None;
        }
        let sounds = sound(&joined);
        let head = words.first().copied().unwrap_or_default();
        Some(Self {
            is_latin: native.is_ascii(),
            sound: if sounds.is_empty() { 0 } else { hash(&sounds) },
            hash: hash(&joined),
            letters: letters(&joined),
            groups: if is_company { &[] } else { nicknames::groups(head) },
            initials: if is_company { words.iter().filter_map(|word| word.chars().next()).collect::<String>().into() } else { "".into() },
            words: words.iter().map(|word| hash(word)).collect(),
            latin: joined.into(),
            native: native.into(),
        })
    }

    /// Whether it is a given name that people are known to have.
    pub(crate) fn is_known(&self) -> bool {
        !self.groups.is_empty()
    }

    /// Its first letter.
    pub(crate) fn initial(&self) -> u64 {
        self.latin.chars().next().map_or(0, |letter| letter as u64)
    }

    /// The letters two names are compared by: their own where both are of one script that is not Latin, else the Latin ones.
    fn spellings<'n>(&'n self, other: &'n Self) -> (&'n str, &'n str) {
        if self.is_latin || other.is_latin { (&self.latin, &other.latin) } else { (&self.native, &other.native) }
    }

    /// How near two names of people are: a level of the fields of names.
    pub(crate) fn compare(&self, other: &Self) -> u8 {
        let (left, right) = self.spellings(other);
        if left == right {
            return name::SAME;
        }
        if left.len() == 1 || right.len() == 1 {
            return if left.as_bytes()[0] == right.as_bytes()[0] { name::INITIAL } else { name::DIFFERENT };
        }
        // Fewer than half the letters in common: neither Jaro-Winkler nor two edits can bring them near.
        let common = (self.letters & other.letters).count_ones() * 2 < self.letters.count_ones().min(other.letters.count_ones());
        let (mut similarity, mut edited) = (0.0, 3);
        let length = left.chars().count().min(right.chars().count());
        if !common || !self.is_latin {
            similarity = strsim::jaro_winkler(left, right);
            if similarity >= 0.7 {
                edited = edits(left, right);
            }
            if (edited == 1 && length >= 4) || (similarity >= 0.95 && edited <= 2 && length >= 4) {
                return name::NEAR;
            }
        }
        let part = self.words.len() != other.words.len() && {
            let (few, many) = if self.words.len() < other.words.len() { (self, other) } else { (other, self) };
            few.words.iter().all(|word| many.words.contains(word))
        };
        if part || self.groups.iter().any(|group| other.groups.contains(group)) {
            name::VARIANT
        } else if similarity >= 0.88 || (edited == 1 && length == 3) || (edited == 2 && length >= 6) {
            name::SIMILAR
        } else if self.sound != 0 && self.sound == other.sound {
            name::SOUND
        } else {
            name::DIFFERENT
        }
    }

    /// How near two names of companies are: a level of the field.
    pub(crate) fn compare_companies(&self, other: &Self) -> u8 {
        let (left, right) = self.spellings(other);
        if left == right {
            return company::SAME;
        }
        let common = (self.letters & other.letters).count_ones() * 2 < self.letters.count_ones().min(other.letters.count_ones());
        let similarity = if common { 0.0 } else { strsim::jaro_winkler(left, right) };
        let length = left.len().min(right.len());
        if similarity >= 0.85 && length >= 5 && edits(left, right) <= 1 {
            return company::NEAR;
        }
        let (few, many) = if self.words.len() <= other.words.len() { (self, other) } else { (other, self) };
        let part = few.words.iter().all(|word| many.words.contains(word)) && few.latin.len() >= 4;
        let acronym = |short: &Self, long: &Self| short.latin.len() >= 3 && long.words.len() >= 3 && short.latin == long.initials;
        if part || acronym(self, other) || acronym(other, self) {
            company::WORDS
        } else if similarity >= 0.92 || (similarity >= 0.85 && length >= 8 && edits(left, right) <= 2) {
            company::SIMILAR
        } else {
            company::DIFFERENT
        }
    }
}

/// A whole name in its parts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) first: String,
    pub(crate) middle: String,
    pub(crate) last: String,
    pub(crate) suffix: Option<String>,
}

/// The suffix that tells generations apart, as a number: 1 senior, 2 junior, 3 the third.
pub(crate) fn generation(text: &str) -> Option<u8> {
    match fold(text).as_str() {
        "sr" | "snr" | "senior" | "i" | "1st" | "pere" => Some(1),
        "jr" | "jnr" | "junior" | "ii" | "2nd" | "fils" | "filho" => Some(2),
        "iii" | "3rd" => Some(3),
        "iv" | "4th" => Some(4),
        _ => None,
    }
}

/// Takes a whole name apart: "Last, First", "First Middle Last", particles with the surname, Chinese and Korean names written together.
pub(crate) fn split(full: &str) -> Parts {
    const TITLES: &[&str] =
        &["mr", "mrs", "ms", "miss", "dr", "prof", "sir", "herr", "frau", "mme", "m", "sra", "sr", "dipl", "ing", "mag"];
    let mut parts = Parts::default();
    let (before, after) = full.split_once(',').unwrap_or((full, ""));
    let mut words: Vec<&str> = before.split_whitespace().collect();
    let mut given: Vec<&str> = after.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    while words.len() + given.len() > 1 && words.first().is_some_and(|word| TITLES.contains(&fold(word).as_str())) {
        words.remove(0);
    }
    for list in [&mut given, &mut words] {
        while list.last().is_some_and(|word| word.chars().count() > 1 && generation(word).is_some()) {
            parts.suffix = list.pop().map(str::to_owned);
        }
    }
    if let (true, [only]) = (given.is_empty(), &words[..]) {
        let letters: Vec<char> = only.chars().collect();
        let together = (2..=4).contains(&letters.len())
            && letters.iter().all(|letter| matches!(letter, '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}'));
        if together {
            parts.last = letters[0].to_string();
            parts.first = letters[1..].iter().collect();
        } else {
            parts.last = (*only).to_owned();
        }
        return parts;
    }
    if given.is_empty() && words.len() > 1 {
        let mut start = words.len() - 1;
        while start > 1 && PARTICLES.contains(fold(words[start - 1]).as_str()) {
            start -= 1;
        }
        given = words.drain(..start).collect();
    }
    parts.last = words.join(" ");
    parts.first = given.first().copied().unwrap_or_default().to_owned();
    parts.middle = given.get(1..).unwrap_or_default().join(" ");
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_people() {
        let level = |left: &str, right: &str| Name::of_person(left).unwrap().compare(&Name::of_person(right).unwrap());
        let table = [
            ("José", "JOSE", name::SAME),
            ("Mary Ann", "Maryann", name::SAME),
            ("Иван", "Ivan", name::SAME),
            ("Smith", "Smiht", name::NEAR),
            ("Jonathan", "Jonatan", name::NEAR),
            ("William", "Bill", name::VARIANT),
            ("Smith", "Smith-Jones", name::VARIANT),
            ("J.", "John", name::INITIAL),
            ("J", "Peter", name::DIFFERENT),
            ("Ann", "Anne", name::VARIANT),
            ("Tim", "Tom", name::SIMILAR),
            ("Meier", "Mayr", name::SOUND),
            ("Peterson", "Petersen", name::NEAR),
            ("王伟", "王薇", name::SOUND),
            ("Anna", "Robert", name::DIFFERENT),
        ];
        for (left, right, expected) in table {
            assert_eq!((level(left, right), level(right, left)), (expected, expected), "{left} {right}");
        }
        assert!(Name::of_person(" - ").is_none());
    }

    #[test]
    fn names_of_companies() {
        let level = |left: &str, right: &str| Name::of_company(left).unwrap().compare_companies(&Name::of_company(right).unwrap());
        let table = [
            ("Acme Ltd.", "ACME Limited", company::SAME),
            ("The Acme Group", "Acme", company::SAME),
            ("Müller & Söhne GmbH", "Muller und Sohne", company::SAME),
            ("Contoso", "Contosso Inc", company::NEAR),
            ("International Business Machines", "IBM Corp", company::WORDS),
            ("Acme Trading", "Trading Acme", company::WORDS),
            ("Acme", "Acme Steel", company::WORDS),
            ("Globex", "Initech", company::DIFFERENT),
        ];
        for (left, right, expected) in table {
            assert_eq!((level(left, right), level(right, left)), (expected, expected), "{left} {right}");
        }
    }

    #[test]
    fn whole_names() {
        let table = [
            ("Anna Maria Schmidt", ("Anna", "Maria", "Schmidt")),
            ("Schmidt, Anna Maria", ("Anna", "Maria", "Schmidt")),
            ("Dr. Ludwig van Beethoven", ("Ludwig", "", "van Beethoven")),
            ("John Smith Jr.", ("John", "", "Smith")),
            ("王小明", ("小明", "", "王")),
            ("Cher", ("", "", "Cher")),
            ("", ("", "", "")),
        ];
        for (full, (first, middle, last)) in table {
            let parts = split(full);
            assert_eq!((parts.first.as_str(), parts.middle.as_str(), parts.last.as_str()), (first, middle, last), "{full}");
        }
        assert_eq!(split("John Smith Jr.").suffix.as_deref(), Some("Jr."));
    }
}
