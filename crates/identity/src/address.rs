//! E-mail addresses, streets and numbers as they are compared.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use crate::levels::{email, graded, plain};
use crate::text::{edits, fold, hash, latin, letters};

/// An e-mail address, ready for comparing.
#[derive(Debug)]
pub(crate) struct Email {
    /// The hash of the matching key.
    pub(crate) hash: u64,
    pub(crate) local: Box<str>,
    pub(crate) domain: Box<str>,
    /// Whether it belongs to an office and not to a person, as `info@` does.
    pub(crate) is_role: bool,
    /// Whether anybody can have an address at the domain.
    pub(crate) is_free: bool,
}

static ROLES: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "info sales contact office admin administrator support hello mail email post team service help billing accounts accounting finance \
    hr jobs marketing press enquiries enquiry inquiries reception noreply no-reply donotreply webmaster postmaster kontakt buero \
    buchhaltung vertrieb verwaltung contacto ventas comercial compras orders order purchasing customerservice feedback hallo welcome \
    studio shop none na test unknown noemail nomail privacy legal security abuse contabilidad compta"
        .split_whitespace()
        .collect()
});

static FREE: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "gmail.com googlemail.com yahoo.com yahoo.co.uk yahoo.de yahoo.fr yahoo.co.in yahoo.com.au ymail.com hotmail.com hotmail.co.uk \
    hotmail.fr hotmail.de hotmail.it hotmail.es outlook.com outlook.de outlook.fr live.com live.co.uk live.nl msn.com aol.com \
    icloud.com me.com mac.com gmx.de gmx.net gmx.at gmx.ch gmx.com web.de t-online.de freenet.de mail.ru yandex.ru yandex.com \
    rambler.ru bk.ru inbox.ru qq.com 163.com 126.com sina.com orange.fr wanadoo.fr free.fr laposte.net sfr.fr libero.it virgilio.it \
    tin.it alice.it btinternet.com sky.com talktalk.net ntlworld.com virginmedia.com comcast.net verizon.net att.net sbcglobal.net \
    cox.net charter.net bellsouth.net earthlink.net optonline.net proton.me protonmail.com zoho.com fastmail.com mail.com seznam.cz \
    wp.pl o2.pl onet.pl interia.pl bigpond.com bigpond.net.au optusnet.com.au rediffmail.com uol.com.br bol.com.br terra.com.br \
    naver.com daum.net hanmail.net rocketmail.com example.com example.org example.net"
        .split_whitespace()
        .collect()
});

/// Whether anybody can have an address at this domain.
pub fn is_free_mail(domain: &str) -> bool {
    FREE.contains(domain)
}

impl Email {
    /// An address as the cleaner wrote it, and its matching key; `None` where there is no `@` between two texts.
    pub(crate) fn new(address: &str, key: Option<&str>) -> Option<Self> {
        let address = address.trim().to_lowercase();
        let (local, domain) = address.rsplit_once('@')?;
        if local.is_empty() || domain.is_empty() {
            return None;
        }
        let own = local.split('+').next().unwrap_or(local);
        Some(Self {
            hash: hash(key.unwrap_or(&address)),
            is_role: ROLES.contains(own),
            is_free: is_free_mail(domain),
            local: local.chars().take(64).collect::<String>().into(),
            domain: domain.chars().take(100).collect::<String>().into(),
        })
    }

    /// Whether it has a number of two digits and more before the @, which few have by chance.
    pub(crate) fn has_number(&self) -> bool {
        self.local.chars().filter(char::is_ascii_digit).count() >= 2
    }

    /// How near two addresses are: a level of the field.
    pub(crate) fn compare(&self, other: &Self) -> u8 {
        if self.hash == other.hash {
            return email::SAME;
        }
        let same_domain = self.domain == other.domain;
        if self.local == other.local {
            let domain = same_domain || (!self.is_role && edits(&self.domain, &other.domain) <= 2);
            return match () {
                () if domain => email::NEAR,
                () if self.is_role || self.local.len() < 4 => email::DIFFERENT,
                () => email::LOCAL_PART,
            };
        }
        if self.is_role || other.is_role {
            return email::DIFFERENT;
        }
        let shortest = self.local.len().min(other.local.len());
        if shortest < 4 {
            return email::DIFFERENT;
        }
        // One digit more or less is another person's address at a large provider: anna1@, anna2@.
        let letters_alone = |local: &str| local.chars().filter(|letter| !letter.is_ascii_digit()).collect::<String>();
        let edited = edits(&self.local, &other.local);
        let by_digits = edited <= 2 && letters_alone(&self.local) == letters_alone(&other.local);
        if same_domain && edited <= 2 && shortest >= 5 && !(by_digits && self.is_free) {
            email::NEAR
        } else if edited <= 2 && shortest >= 6 || strsim::jaro_winkler(&self.local, &other.local) >= 0.92 {
            email::SIMILAR
        } else {
            email::DIFFERENT
        }
    }
}

/// Any other value: folded, in Latin letters.
#[derive(Debug)]
pub(crate) struct Plain {
    pub(crate) text: Box<str>,
    pub(crate) hash: u64,
    letters: u64,
}

impl Plain {
    /// Letters and digits alone; `None` where there are none.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let text = latin(&fold(text)).replace(' ', "");
        (!text.is_empty()).then(|| Self { hash: hash(&text), letters: letters(&text), text: text.into() })
    }

    /// How near two identifiers, house numbers or domains are.
    pub(crate) fn compare(&self, other: &Self) -> u8 {
        match () {
            () if self.hash == other.hash => plain::SAME,
            () if self.text.len().min(other.text.len()) >= 2 && edits(&self.text, &other.text) == 1 => plain::NEAR,
            () => plain::DIFFERENT,
        }
    }

    /// How near two numbers of some length are: identifiers, telephone numbers.
    pub(crate) fn edits(&self, other: &Self) -> usize {
        if self.hash == other.hash { 0 } else { edits(&self.text, &other.text).max(1) }
    }

    /// How near two streets or towns are.
    pub(crate) fn grade(&self, other: &Self) -> u8 {
        if self.hash == other.hash {
            return graded::SAME;
        }
        if (self.letters & other.letters).count_ones() * 2 < self.letters.count_ones().min(other.letters.count_ones()) {
            return graded::DIFFERENT;
        }
        let similarity = strsim::jaro_winkler(&self.text, &other.text);
        if similarity < 0.8 {
            return graded::DIFFERENT;
        }
        let edited = edits(&self.text, &other.text);
        let length = self.text.len().min(other.text.len());
        match () {
            () if length >= 4 && (edited == 1 || (similarity >= 0.95 && edited <= 2)) => graded::NEAR,
            () if similarity >= 0.9 || (edited == 2 && length >= 6) => graded::SIMILAR,
            () => graded::DIFFERENT,
        }
    }
}

static STREETS: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    "street=st str=st strasse=st road=rd avenue=av ave=av drive=dr lane=ln court=ct place=pl boulevard=blvd crescent=cres circuit=cct \
    close=cl terrace=tce square=sq parkway=pkwy highway=hwy north=n south=s east=e west=w saint=st mount=mt apartment=apt suite=ste \
    calle=c avenida=av platz=pl"
        .split_whitespace()
        .filter_map(|pair| pair.split_once('='))
        .collect()
});

/// A street without its house number, and the number: `12 High Street` and `Hauptstr. 5a` both give two.
pub(crate) fn street(text: &str) -> (String, Option<String>) {
    let folded = latin(&fold(text));
    let mut words: Vec<String> = folded
        .split(' ')
        .map(|word| {
            let short = STREETS.get(word).map(|short| (*short).to_owned());
            let joined = || {
                ["strasse", "str"]
                    .iter()
                    .find_map(|end| word.strip_suffix(end).filter(|stem| stem.len() > 3).map(|stem| format!("{stem}st")))
            };
            short.or_else(joined).unwrap_or_else(|| word.to_owned())
        })
        .collect();
    let is_number = |word: &String| word.len() <= 6 && word.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
    let mut number = None;
    if words.len() > 1 && is_number(&words[0]) {
        let mut taken = words.remove(0);
        // A letter of its own after the number belongs to it: `12 a High Street`.
        if words.len() > 1
            && words[0].len() == 1
            && words[0].bytes().all(|byte| byte.is_ascii_lowercase())
            && !matches!(&*words[0], "n" | "s" | "e" | "w" | "c")
        {
            taken.push_str(&words.remove(0));
        }
        number = Some(taken);
    } else if words.len() > 1 && words.last().is_some_and(is_number) {
        number = words.pop();
    } else if words.len() > 2 && is_number(&words[words.len() - 2]) && words.last().is_some_and(|word| word.len() == 1) {
        let letter = words.pop().unwrap_or_default();
        number = words.pop().map(|digits| digits + &letter);
    }
    (words.join(" "), number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearness_of_addresses() {
        let level = |left: &str, right: &str| Email::new(left, None).unwrap().compare(&Email::new(right, None).unwrap());
        for (left, right, expected) in [
            ("anna.smith@acme.com", "Anna.Smith@acme.com", email::SAME),
            ("anna.smith@acme.com", "anna.smth@acme.com", email::NEAR),
            ("anna.smith@gmail.com", "anna.smith@gmial.com", email::NEAR),
            ("anna.smith@acme.com", "anna.smith@other.org", email::LOCAL_PART),
            ("anna.smith@acme.com", "annasmith@other.org", email::SIMILAR),
            ("anna1@gmail.com", "anna2@gmail.com", email::SIMILAR),
            ("info@acme.com", "info@other.org", email::DIFFERENT),
            ("anna@acme.com", "bob@acme.com", email::DIFFERENT),
        ] {
            assert_eq!((level(left, right), level(right, left)), (expected, expected), "{left} {right}");
        }
        assert!(Email::new("nobody", None).is_none() && Email::new("Info@acme.com", None).unwrap().is_role);
    }

    #[test]
    fn streets() {
        for (text, name, number) in [
            ("12 High Street", "high st", Some("12")),
            ("Hauptstr. 5a", "hauptst", Some("5a")),
            ("Hauptstraße 5 a", "hauptst", Some("5a")),
            ("12 a High St", "high st", Some("12a")),
            ("tullaroop street", "tullaroop st", None),
            ("5", "5", None),
            ("", "", None),
        ] {
            assert_eq!(street(text), (name.to_owned(), number.map(str::to_owned)), "{text}");
        }
    }
}
