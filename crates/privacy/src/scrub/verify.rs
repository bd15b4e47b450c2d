//! The second look: whether anything of the originals is in a text that is about to be written. It asks the originals themselves, by
//! their look and names, and trusts nothing that the scrubbing decided but what is declared to be harmless.

use std::collections::{HashMap, HashSet};

use super::node::Node;
use super::patterns::{self, EMAIL, Named, PHONE, is_instant, is_made_id, is_nothing, is_phone, named};
use super::secrets::{SCRUBBED, Secrets, is_secret_name};

/// What must not be seen again.
#[derive(Default)]
pub(crate) struct Originals {
    emails: HashSet<String>,
    phones: HashSet<String>,
    /// Names and texts as words, by their first word.
    phrases: HashMap<String, Vec<Vec<String>>>,
    known: HashSet<String>,
    /// The API's own words: ` word word | word `.
    harmless: String,
    harmless_known: HashSet<String>,
}

impl Originals {
    /// Takes note of a text of an original.
    pub(crate) fn read(&mut self, name: &str, text: &str) {
        self.emails.extend(EMAIL.find_iter(text).map(|email| email.as_str().to_lowercase().replace("%40", "@")));
        self.phones.extend(phones(text));
        match named(name) {
            Named::Phone => {
                let digits = digits(text);
                if digits.len() >= 7 && !is_instant(text) {
                    self.phones.insert(digits);
                }
            }
            Named::Name if !is_made_id(text) && !is_nothing(text) => self.phrase(text),
            _ => {}
        }
    }

    /// A name or a text that was replaced.
    pub(crate) fn phrase(&mut self, text: &str) {
        let words = words(text);
        let Some(first) = words.first() else { return };
        let long_enough = words.len() > 1 || first.chars().count() > if first.is_ascii() { 2 } else { 1 };
        let letters = words.iter().any(|word| word.chars().any(char::is_alphabetic));
        if long_enough && letters && self.known.insert(words.join(" ")) {
            self.phrases.entry(first.clone()).or_default().push(words);
        }
    }

    /// A text of the API's own: a key, a label, a word of a closed set.
    pub(crate) fn harmless(&mut self, text: &str) {
        let text = words(text).join(" ");
        if !text.is_empty() && !self.harmless_known.contains(&text) {
            self.harmless.push_str(&format!(" {text} |"));
            self.harmless_known.insert(text);
        }
    }

    /// Why a text must not be written, in words without a value of it.
    pub(crate) fn complaint(&self, text: &str, secrets: &Secrets) -> Option<String> {
        if secrets.are_in(text) {
            return Some("a secret is still in it".to_owned());
        }
        let Some(node) = Node::parse(text) else { return Some("it cannot be read again".to_owned()) };
        self.inside(&node, &mut String::new(), secrets)
    }

    fn inside(&self, node: &Node, place: &mut String, secrets: &Secrets) -> Option<String> {
        let length = place.len();
        match node {
            Node::Text(text) => self.wrong_with(text, secrets).map(|what| format!("{what} is still in it, at {place}")),
            Node::Number(number) => {
                let held = self.phones.contains(&digits(number)) || secrets.is_one(number);
                held.then(|| format!("a telephone number is still in it, at {place}"))
            }
            Node::Array(items) => {
                // A pair of texts is a name with its value: so queries and forms are written.
                if let [Node::Text(name), Node::Text(value)] = items.as_slice()
                    && is_secret_name(name)
                    && value != SCRUBBED
                {
                    return Some(format!("a secret is still in it, at {place}"));
                }
                items.iter().enumerate().find_map(|(index, item)| {
                    place.push_str(&format!(".{index}"));
                    let found = self.inside(item, place, secrets);
                    place.truncate(length);
                    found
                })
            }
            Node::Object(entries) => entries.iter().find_map(|(key, node)| {
                if self.wrong_with(key, secrets).is_some() {
                    return Some(format!("a personal value is still in a key, below {place}"));
                }
                if is_secret_name(key) && node.text().is_some_and(|text| !text.is_empty() && text != SCRUBBED) {
                    return Some(format!("a secret is still in it, at {place}.{key}"));
                }
                place.push('.');
                place.push_str(key);
                let found = self.inside(node, place, secrets);
                place.truncate(length);
                found
            }),
            Node::Null | Node::Bool(_) => None,
        }
    }

    fn wrong_with(&self, text: &str, secrets: &Secrets) -> Option<&'static str> {
        let decoded = text
            .contains('%')
            .then(|| url::form_urlencoded::parse(format!("={text}").as_bytes()).next().map(|(_, text)| text.into_owned()));
        [Some(text.to_owned()), decoded.flatten()].into_iter().flatten().find_map(|text| self.wrong_as_it_is(&text, secrets))
    }

    fn wrong_as_it_is(&self, text: &str, secrets: &Secrets) -> Option<&'static str> {
        if secrets.is_one(text) || secrets.are_in(text) || has_signature(text) {
            return Some("a secret");
        }
        let strange = |email: regex::Match<'_>| {
            let email = email.as_str().to_lowercase();
            !email.ends_with(".example") || self.emails.contains(&email)
        };
        if EMAIL.find_iter(text).any(strange) {
            return Some("an e-mail address");
        }
        if phones(text).any(|phone| self.phones.contains(&phone)) || (text.len() >= 7 && self.phones.contains(text)) {
            return Some("a telephone number");
        }
        self.has_phrase(&words(text)).then_some("a name or a text")
    }

    fn has_phrase(&self, words: &[String]) -> bool {
        let at = |start: usize| {
            let phrases = self.phrases.get(&words[start])?;
            phrases.iter().find(|phrase| words[start..].starts_with(phrase) && !self.harmless.contains(&format!(" {} ", phrase.join(" "))))
        };
        (0..words.len()).any(|start| at(start).is_some())
    }
}

/// Whether a query in a text holds a signature or a key.
fn has_signature(text: &str) -> bool {
    text.split(['?', '&']).skip(1).any(|pair| match pair.split_once('=') {
        Some((name, value)) => is_secret_name(name) && !value.is_empty() && !value.starts_with(SCRUBBED),
        None => false,
    })
}

/// The digits of the telephone numbers in a text.
fn phones(text: &str) -> impl Iterator<Item = String> {
    let whole = is_phone(text.trim()).then(|| digits(text));
    // In ids and tokens any digits may stand together; people put spaces around numbers.
    let parts = text.contains(char::is_whitespace).then(|| PHONE.find_iter(text));
    let parts = parts.into_iter().flatten().filter(|part| !is_date(part.as_str())).map(|part| digits(part.as_str()));
    whole.into_iter().chain(parts).filter(|digits| digits.len() >= 7)
}

fn is_date(text: &str) -> bool {
    let day = text.get(..10).unwrap_or(text);
    is_instant(day) || is_instant(text)
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn words(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// Whether a text has more than one word: such a text is looked for whatever it stands under.
pub(crate) fn is_phrase(text: &str) -> bool {
    words(text).iter().filter(|word| word.chars().any(char::is_alphabetic)).count() > 1 && !patterns::INSTANT.is_match(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn originals() -> Originals {
        let mut originals = Originals::default();
        originals.read("email", " Ann@Corp.test");
        originals.read("note", "call +44 20 7946 0018 on 2026-01-31 or write to bob@corp.test");
        originals.read("mobile", "07700900123");
        originals.read("firstname", "Xanthippe");
        originals.read("name", "Contact");
        originals.phrase("12 Quagmyre Lane");
        originals.harmless("Contact owner");
        originals
    }

    #[test]
    fn what_is_left_is_found() {
        let mut secrets = Secrets::default();
        secrets.add("pat-canary-1");
        let originals = originals();
        for (text, word) in [
            (r#"{"a":"x ANN@corp.test"}"#, "e-mail"),
            (r#"{"a":"x bob%40corp.test"}"#, "e-mail"),
            (r#"{"a":"someone@else.where"}"#, "e-mail"),
            (r#"{"a":["+442079460018"]}"#, "telephone"),
            (r#"{"a":7700900123,"b":"07700 900123"}"#, "telephone"),
            (r#"{"a":"dear xanthippe,"}"#, "name"),
            (r#"{"a":"12 quagmyre lane, x"}"#, "name"),
            (r#"{"xanthippe":1}"#, "key"),
            (r#"{"a":"pat-canary-1"}"#, "secret"),
            (r#"{"refresh_token":"anything"}"#, "secret"),
            (r#"{"q":[["api_key","anything"]]}"#, "secret"),
            (r#"{"u":"https://source.invalid/a?x=1&Signature=abc"}"#, "secret"),
            ("{", "read"),
        ] {
            let complaint = originals.complaint(text, &secrets).unwrap_or_default();
            assert!(complaint.contains(word), "{text}: {complaint}");
        }
    }

    #[test]
    fn what_is_nobodys_is_left_alone() {
        let text =
            r#"{"label":"Contact owner","at":"2026-01-31T10:00:00Z","id":"07700900124","email":"a@b.example","refresh_token":"scrubbed"}"#;
        assert_eq!(originals().complaint(text, &Secrets::default()), None);
    }
}
