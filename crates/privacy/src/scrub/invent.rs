//! Invented values: each takes the place of one original for a whole recording, has its form, and says nothing of it.
//!
//! What is invented follows from a key that is made for one recording and stored nowhere, so nobody can try originals until one fits.

use std::collections::{HashMap, HashSet};

use super::patterns::{EMAIL, TAG, is_nothing};

/// Kinds of values that are invented so that different originals stay different.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Mailbox,
    Domain,
    Word,
    Digits,
    Opaque,
}

/// Invents values.
pub(crate) struct Inventor {
    key: [u8; 32],
    made: HashMap<(Kind, String), String>,
    /// Originals, in lower case: nothing invented may be one of them.
    originals: HashSet<String>,
    invented: HashSet<String>,
    whole: HashMap<String, String>,
}

/// Texts of more words than this are invented as a whole: word by word, the commonest words could be guessed from how often they come.
const WORD_BY_WORD: usize = 4;
const CONSONANTS: &[u8] = b"bdfgklmnprstvz";
const VOWELS: &[u8] = b"aeiou";
/// Letters that stand for Latin letters outside ASCII, so that a text keeps its encoding's difficulties.
const ACCENTED: [char; 8] = ['é', 'ü', 'ø', 'ñ', 'ç', 'å', 'ö', 'ê'];

/// Bytes that follow from the key and a text.
struct Drawn(blake3::OutputReader);

impl Drawn {
    fn below(&mut self, bound: usize) -> usize {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes) as usize % bound.max(1)
    }

    fn pick(&mut self, letters: &[u8]) -> char {
        char::from(letters[self.below(letters.len())])
    }

    /// A word that can be spoken, of so many letters.
    fn word(&mut self, length: usize) -> String {
        let start = self.below(2);
        (0..length).map(|place| self.pick(if (place + start).is_multiple_of(2) { CONSONANTS } else { VOWELS })).collect()
    }
}

impl Inventor {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key, made: HashMap::new(), originals: HashSet::new(), invented: HashSet::new(), whole: HashMap::new() }
    }

    /// Takes note of an original, whole and word by word.
    pub(crate) fn avoid(&mut self, text: &str) {
        let text = text.to_lowercase();
        for word in text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
            if !self.originals.contains(word) {
                self.originals.insert(word.to_owned());
            }
        }
        self.originals.insert(text);
    }

    /// Whether a value was invented here.
    pub(crate) fn has_made(&self, text: &str) -> bool {
        self.invented.contains(text)
    }

    /// What took the place of a whole value, if anything did.
    pub(crate) fn in_place_of(&self, original: &str) -> Option<&str> {
        self.whole.get(original).map(String::as_str)
    }

    /// Takes note of a value that was put together here in place of an original.
    pub(crate) fn stands_for(&mut self, original: &str, made: String) -> String {
        self.note(original, made)
    }

    fn note(&mut self, original: &str, invented: String) -> String {
        self.invented.insert(invented.clone());
        self.whole.insert(original.to_owned(), invented.clone());
        invented
    }

    fn draw(&self, what: &str, text: &str, attempt: u32) -> Drawn {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(what.as_bytes()).update(&[0]).update(text.as_bytes()).update(&attempt.to_le_bytes());
        Drawn(hasher.finalize_xof())
    }

    /// A value for an original that no other original of its kind has and that is no original itself. `make` is told the attempt, and
    /// makes longer values after some, since there may be no other of the same length.
    fn unique(&mut self, kind: Kind, original: &str, mut make: impl FnMut(&mut Drawn, u32) -> String) -> String {
        if let Some(made) = self.made.get(&(kind, original.to_owned())) {
            return made.clone();
        }
        let mut attempt = 0;
        let made = loop {
            let candidate = make(&mut self.draw(kind.name(), original, attempt), attempt);
            let lower = candidate.to_lowercase();
            if lower != original.to_lowercase() && !self.originals.contains(&lower) && !self.invented.contains(&candidate) {
                break candidate;
            }
            attempt += 1;
        };
        self.invented.insert(made.clone());
        self.made.insert((kind, original.to_owned()), made.clone());
        made
    }

    /// An e-mail address. Spaces around it and capitals stay as they were; addresses of one domain stay in one domain.
    pub(crate) fn email(&mut self, original: &str) -> String {
        if self.has_made(original) {
            return original.to_owned();
        }
        let trimmed = original.trim();
        let lower = trimmed.to_lowercase().replace("%40", "@");
        let (mailbox, domain) = lower.rsplit_once('@').unwrap_or((&lower, "none"));
        let length = mailbox.chars().count().clamp(6, 24);
        let invented = self.unique(Kind::Mailbox, &lower, |drawn, attempt| {
            let word = drawn.word(length + attempt as usize / 8);
            let dot = length / 2;
            if mailbox.contains('.') { format!("{}.{}", &word[..dot], &word[dot..]) } else { word }
        });
        let mut invented = format!("{invented}@{}", self.domain(domain));
        if !trimmed.chars().any(char::is_lowercase) {
            invented = invented.to_uppercase();
        }
        let start = original.len() - original.trim_start().len();
        let whole = format!("{}{invented}{}", &original[..start], &original[start + trimmed.len()..]);
        self.invented.insert(invented);
        self.note(original, whole)
    }

    /// A domain; the ending is set aside for examples, so it leads nowhere.
    pub(crate) fn domain(&mut self, original: &str) -> String {
        let lower = original.trim().trim_end_matches('.').to_lowercase();
        let lower = lower.strip_prefix("www.").unwrap_or(&lower).to_owned();
        let made = self.unique(Kind::Domain, &lower, |drawn, attempt| drawn.word(8 + attempt as usize / 4) + ".example");
        if original.trim().to_lowercase().starts_with("www.") { format!("www.{made}") } else { made }
    }

    /// A telephone number or another row of digits: signs and groups stay, and a country code's first two digits.
    pub(crate) fn number(&mut self, original: &str) -> String {
        if self.has_made(original) {
            return original.to_owned();
        }
        let digits: String = original.chars().filter(char::is_ascii_digit).collect();
        let kept = if original.trim_start().starts_with('+') && digits.len() > 7 { 2 } else { usize::from(digits.starts_with('0')) };
        let first = kept;
        let made = self.unique(Kind::Digits, &digits, |drawn, attempt| {
            let digit = |(place, old): (usize, char)| match place {
                place if place < kept => old,
                place if place == first => drawn.pick(b"123456789"),
                _ => drawn.pick(b"0123456789"),
            };
            let made: String = digits.chars().enumerate().map(digit).collect();
            // Of a few digits there may be no other: then there are more.
            made + &"7".repeat(attempt as usize / 16)
        });
        let mut left = made.chars();
        let mut whole: String = original
            .chars()
            .map(|letter| {
                if letter.is_ascii_digit() {
                    left.next().unwrap_or('0')
                } else if letter.is_alphabetic() {
                    'x'
                } else {
                    letter
                }
            })
            .collect();
        whole.extend(left);
        self.note(original, whole)
    }

    /// A token or an id of the same length and kinds of characters.
    pub(crate) fn opaque(&mut self, original: &str) -> String {
        if self.has_made(original) {
            return original.to_owned();
        }
        let made = self.unique(Kind::Opaque, original, |drawn, attempt| {
            let like = |letter: char| match letter {
                'a'..='z' => drawn.pick(b"abcdefghijklmnopqrstuvwxyz"),
                'A'..='Z' => drawn.pick(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
                '0'..='9' => drawn.pick(b"0123456789"),
                other if other.is_alphabetic() => drawn.pick(CONSONANTS),
                other => other,
            };
            let made: String = original.chars().map(like).collect();
            made + &"7".repeat(attempt as usize / 16)
        });
        self.note(original, made)
    }

    /// An address of the Internet Protocol from a range set aside for documentation.
    pub(crate) fn ip(&mut self, original: &str) -> String {
        if self.has_made(original) {
            return original.to_owned();
        }
        let mut drawn = self.draw("ip", original, 0);
        let made = if original.contains(':') {
            format!("2001:db8::{:x}:{:x}", drawn.below(0xffff), drawn.below(0xffff))
        } else {
            format!("{}.{}", ["192.0.2", "198.51.100", "203.0.113"][drawn.below(3)], drawn.below(254) + 1)
        };
        self.note(original, made)
    }

    /// Another day in the same form: every digit of a date is one of a day that there is.
    pub(crate) fn date(&mut self, original: &str) -> String {
        if self.has_made(original) || original.get(..10).is_none_or(|day| day.bytes().filter(u8::is_ascii_digit).count() != 8) {
            return if self.has_made(original) { original.to_owned() } else { self.number(original) };
        }
        let mut drawn = self.draw("date", original, 0);
        let mut other = || {
            // Neither half can be taken for what the other is not, so either order of day and month is a day.
            let (year, month, day) = (1900 + drawn.below(120), 1 + drawn.below(12), 1 + drawn.below(12));
            let separator = char::from(original.as_bytes()[2]);
            let made = if original.as_bytes()[4] == b'-' {
                format!("{year}-{month:02}-{day:02}")
            } else {
                format!("{day:02}{separator}{month:02}{separator}{year}")
            };
            made + &original[10..]
        };
        let first = other();
        let made =
            std::iter::once(first.clone()).chain((0..64).map(|_| other())).find(|made| !self.originals.contains(&made.to_lowercase()));
        self.note(original, made.unwrap_or(first))
    }

    /// Words in place of words: their number, lengths, capitals, digits, signs and tags stay.
    pub(crate) fn text(&mut self, original: &str) -> String {
        if self.has_made(original) || is_nothing(original) {
            return original.to_owned();
        }
        let word_by_word = original.split_whitespace().count() <= WORD_BY_WORD;
        let mut out = String::with_capacity(original.len());
        let mut seed = (!word_by_word).then(|| self.draw("text", original, 0));
        let mut rest = original;
        while !rest.is_empty() {
            let tag = TAG.find(rest);
            let email = EMAIL.find(rest).filter(|email| tag.is_none_or(|tag| email.start() < tag.start()));
            let (before, found) = match (email, tag) {
                (Some(email), _) => (email.start(), Some((email.range(), true))),
                (None, Some(tag)) => (tag.start(), Some((tag.range(), false))),
                (None, None) => (rest.len(), None),
            };
            self.words(&rest[..before], &mut seed, &mut out);
            let Some((range, is_email)) = found else { break };
            if is_email {
                let email = self.email(&rest[range.clone()]);
                out.push_str(&email);
            } else {
                // A tag's attributes can hold addresses and names.
                let tag = &rest[range.clone()];
                let name = tag.find(|letter: char| letter.is_whitespace()).unwrap_or(tag.len() - 1);
                out.push_str(tag[..name].trim_end_matches('>'));
                out.push('>');
            }
            rest = &rest[range.end..];
        }
        self.note(original, out)
    }

    fn words(&mut self, text: &str, seed: &mut Option<Drawn>, out: &mut String) {
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            let same = |other: char| if letter.is_alphabetic() { other.is_alphabetic() } else { other.is_numeric() };
            if !letter.is_alphanumeric() {
                out.push(letter);
                rest = &rest[letter.len_utf8()..];
                continue;
            }
            let end = rest.find(|other| !same(other)).unwrap_or(rest.len());
            let run = &rest[..end];
            let new = match seed {
                Some(drawn) => (0..256)
                    .map(|_| like(run, drawn, 0))
                    .find(|new| run.chars().count() == 1 || !self.originals.contains(&new.to_lowercase()))
                    .unwrap_or_else(|| "x".repeat(run.chars().count())),
                None => self.run(run),
            };
            out.push_str(&new);
            rest = &rest[end..];
        }
    }

    /// A word or a row of digits, the same for the same original whatever its capitals.
    fn run(&mut self, run: &str) -> String {
        let lower = run.to_lowercase();
        let length = run.chars().count();
        let made = if length < 3 {
            // There are too few to give every short word one of its own, but enough to be no other's.
            let mut drawn = self.draw("short", &lower, 0);
            let first = like(&lower, &mut drawn, 0);
            std::iter::once(first.clone())
                .chain((0..256).map(|_| like(&lower, &mut drawn, 0)))
                .find(|made| length == 1 || !self.originals.contains(made))
                .unwrap_or(first)
        } else {
            self.unique(Kind::Word, &lower, |drawn, attempt| like(&lower, drawn, attempt as usize / 32))
        };
        recased(&made, run)
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Mailbox => "mailbox",
            Self::Domain => "domain",
            Self::Word => "word",
            Self::Digits => "digits",
            Self::Opaque => "opaque",
        }
    }
}

/// A run of letters or digits like another: as long, of the same script, with the same capitals.
fn like(run: &str, drawn: &mut Drawn, longer: usize) -> String {
    let speakable: Vec<char> = drawn.word(run.chars().count() + longer).chars().collect();
    let mut out: String = run
        .chars()
        .enumerate()
        .map(|(place, old)| match old {
            '0'..='9' => drawn.pick(b"0123456789"),
            'a'..='z' => speakable[place],
            'A'..='Z' => speakable[place].to_ascii_uppercase(),
            '\u{80}'..='\u{24f}' if old.is_alphabetic() => {
                let new = ACCENTED[drawn.below(ACCENTED.len())];
                if old.is_uppercase() { new.to_uppercase().next().unwrap_or(new) } else { new }
            }
            _ => near(old, drawn),
        })
        .collect();
    out.extend(speakable.iter().rev().take(longer));
    out
}

/// A letter of the same script: one of the thirty-two that stand together with it.
fn near(old: char, drawn: &mut Drawn) -> char {
    for _ in 0..64 {
        let candidate = (u32::from(old) & !31) + u32::try_from(drawn.below(32)).unwrap_or(0);
        if let Some(new) = char::from_u32(candidate)
            && new != old
            && new.is_alphabetic() == old.is_alphabetic()
            && new.is_numeric() == old.is_numeric()
            && new.is_uppercase() == old.is_uppercase()
        {
            return new;
        }
    }
    'x'
}

/// A word with the capitals of another, place by place.
fn recased(word: &str, model: &str) -> String {
    let mut capitals = model.chars().map(char::is_uppercase).collect::<Vec<_>>().into_iter();
    let all = model.chars().count() > 1 && model.chars().all(|letter| !letter.is_lowercase()) && model.chars().any(char::is_uppercase);
    word.chars()
        .map(|letter| if capitals.next().unwrap_or(all) { letter.to_uppercase().next().unwrap_or(letter) } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inventor() -> Inventor {
        Inventor::new([7; 32])
    }

    #[test]
    fn values_keep_their_form() {
        let mut inventor = inventor();
        let email = inventor.email(" Ann.Smith@Corp.test ");
        assert!(
            email.starts_with(' ') && email.ends_with(".example ") && email.contains('.') && !email.to_lowercase().contains("ann"),
            "{email}"
        );
        let phone = inventor.number("+44 (20) 7946-0018");
        assert!(phone.starts_with("+44 (") && phone.len() == 18 && phone.ends_with(|c: char| c.is_ascii_digit()), "{phone}");
        assert_ne!(phone, "+44 (20) 7946-0018");
        let name = inventor.text("McDonnell-O'NEIL José 山田");
        let shape = |text: &str| {
            text.chars()
                .map(|c| {
                    if c.is_uppercase() {
                        'A'
                    } else if c.is_alphabetic() {
                        'a'
                    } else {
                        c
                    }
                })
                .collect::<String>()
        };
        assert_eq!(shape(&name), shape("McDonnell-O'NEIL José 山田"), "{name}");
        let html = inventor.text("<p class=\"ann\">Call Ann Smith at ann@x.test about 12 things</p>");
        assert!(html.starts_with("<p>") && html.ends_with("</p>") && html.contains("@") && !html.contains("ann"), "{html}");
        assert!(inventor.date("1980-02-29").len() == 10 && inventor.date("29.02.1980T").ends_with('T'));
        assert!(inventor.ip("10.0.0.1").contains('.') && inventor.ip("fe80::1").starts_with("2001:db8::"));
        assert_eq!(inventor.text("n/a"), "n/a");
    }

    #[test]
    fn the_same_stays_the_same_and_different_stays_different() {
        let mut inventor = inventor();
        assert_eq!(inventor.email("Ann@X.test").to_lowercase(), inventor.email("ann@x.test"));
        let (one, two) = (inventor.email("a@x.test"), inventor.email("b@x.test"));
        assert!(one != two && one.split('@').nth(1) == two.split('@').nth(1));
        assert_eq!(inventor.text("Smith").to_uppercase(), inventor.text("SMITH"));
        let full = inventor.text("Ann Smith");
        assert!(full.ends_with(&inventor.text("Smith")), "{full}");
        (0..2_000).for_each(|number| inventor.avoid(&format!("u{number}")));
        let ids: HashSet<String> = (0..2_000).map(|number| inventor.opaque(&format!("u{number}"))).collect();
        assert_eq!(ids.len(), 2_000);
        let again = inventor.text(&full);
        assert_eq!(again, full);
        assert_ne!(Inventor::new([8; 32]).text("Ann Smith"), full);
    }

    #[test]
    fn nothing_invented_is_an_original() {
        let mut free = inventor();
        let would_be = free.text("Smith");
        let mut bound = inventor();
        bound.avoid(&would_be);
        assert_ne!(bound.text("Smith"), would_be);
    }
}
