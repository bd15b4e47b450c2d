//! Details: what a value says besides itself. A cleaner stores one value; the extension of a telephone number, the campaign in a web
//! address or the provider that was probably meant by `gmial.com` go to columns of their own, if a mapping asks for them, and
//! suggestions are never stored in a value's place.

mod address;
mod personal;
mod text_marks;
mod written;

use aqueduct_schema::SemanticType;

use super::{CleaningContext, clean};

/// A detail of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// Its name, `type.detail`.
    pub name: &'static str,
    /// What it is.
    pub value: String,
}

/// What a detail means.
#[derive(Clone, Copy, Debug)]
pub struct DetailRule {
    /// The name, `type.detail`.
    pub name: &'static str,
    /// The kind of value it is taken from.
    pub semantic: SemanticType,
    /// What it says, in a sentence.
    pub meaning: &'static str,
    /// A value that has it.
    pub example_in: &'static str,
    /// The detail of that value.
    pub example_out: &'static str,
    /// The facts the example needs around it.
    pub context: CleaningContext<'static>,
}

macro_rules! details {
    ($($semantic:ident $name:literal $input:literal => $output:literal, $meaning:literal $(, { $($field:ident: $fact:expr),* })?;)*) => {
        /// Every detail, by the types' order.
        pub const DETAILS: &[DetailRule] = &[$(DetailRule {
            name: $name,
            semantic: SemanticType::$semantic,
            meaning: $meaning,
            example_in: $input,
            example_out: $output,
            context: CleaningContext { $($($field: Some($fact),)*)? ..CleaningContext::NONE },
        }),*];
    };
}

details! {
    Email "email.normalized" "Ada.L@acme.com" => "ada.l@acme.com", "The join key: the whole address in lower case.";
    Email "email.match_key" "Ada.L+news@googlemail.com" => "adal@gmail.com", "The key by which two addresses are taken for one mailbox. For matching only; never send to it.";
    Email "email.role" "info@acme.com" => "true", "The mailbox belongs to an office and not to a person.";
    Email "email.free_mail" "ada@gmail.com" => "true", "Anybody can have an address there; the domain says nothing about an employer.";
    Email "email.disposable" "ada@mailinator.com" => "true", "The mailbox is thrown away after use.";
    Email "email.suggestion" "ada@gmial.com" => "ada@gmail.com", "The address that was probably meant. Never stored in place of the one that was given.";
    Email "email.account_domain" "ada@sales.acme.co.uk" => "acme.co.uk", "The domain that a company registered; none for free mail.";
    PhoneNumber "phone_number.extension" "+44 20 7946 0958 ext. 12" => "12", "The extension, which E.164 has no place for.";
    PhoneNumber "phone_number.country" "+44 20 7946 0958" => "GB", "The country of the number's plan.";
    PhoneNumber "phone_number.kind" "+44 7400 123456" => "mobile", "mobile, fixed_line, fixed_line_or_mobile, toll_free, premium_rate, shared_cost, voip, personal, pager, uan or voicemail.";
    PhoneNumber "phone_number.validity" "+1 555 123 4567" => "possible", "valid, possible (the length is right, but no such number is given out) or invalid.";
    PersonName "person_name.prefix" "Dr. Ada Lovelace" => "Dr.", "Titles before the name.";
    PersonName "person_name.first" "Lovelace, Ada" => "Ada", "The name or names that come first, also where the family name was written first, with a comma.";
    PersonName "person_name.last" "Ludwig van Beethoven" => "van Beethoven", "The family name with its particles; none for a single word.";
    PersonName "person_name.suffix" "Martin King, Jr." => "Jr.", "What follows the name: generations and degrees.";
    PersonName "person_name.mononym" "Madonna" => "true", "The name is one word, which is a whole name for many people.";
    PersonName "person_name.display" "ADA O'BRIEN" => "Ada O'Brien", "How a name in capitals or small letters alone might be shown. Never stored in place of the name.";
    Country "country.region" "Scotland" => "GB-SCT", "The part of the country that was named in place of the country, as ISO 3166-2.";
    Country "country.suggestion" "Germny" => "DE", "The country whose name is nearest to a text that is none.";
    Money "money.currency" "12.50 EUR" => "EUR", "The currency beside the number, where it names one (`$` alone names none).";
    Money "money.minor_units" "1200" => "0", "How many decimals the row's currency has (ISO 4217).", { currency: "JPY" };
    Timestamp "timestamp.offset" "2026-01-31T12:00:00+05:30" => "+05:30", "The distance from UTC at which the instant was written.";
    Url "url.domain" "https://www.acme.co.uk/a" => "acme.co.uk", "The domain that was registered.";
    Url "url.utm_source" "https://acme.com/?utm_source=news" => "news", "The source of the campaign.";
    Url "url.utm_medium" "https://acme.com/?utm_medium=email" => "email", "The medium of the campaign.";
    Url "url.utm_campaign" "https://acme.com/?utm_campaign=may" => "may", "The campaign.";
    Url "url.utm_term" "https://acme.com/?utm_term=shoes" => "shoes", "The search term of the campaign.";
    Url "url.utm_content" "https://acme.com/?utm_content=b" => "b", "The variant of the campaign.";
    Url "url.gclid" "https://acme.com/?gclid=abc" => "abc", "Google's id of the click.";
    Domain "domain.account_key" "mail.acme.co.uk" => "acme.co.uk", "The domain by which records of one company are found; none for free mail and for hosts that many share.";
    Domain "domain.shared_host" "shop.github.io" => "true", "The name is one of many under a host that anybody can use (the private part of the Public Suffix List).";
    FreeText "free_text.language" "Wir haben gestern mit dem Kunden gesprochen und er möchte ein neues Angebot." => "de", "The language, where the text is long enough to tell, as a BCP 47 tag.";
    FreeText "free_text.personal_data" "Call Ada on +44 20 7946 0958 or ada@acme.com" => "phone 12-28, email 32-44", "Where e-mail addresses, telephone numbers, IBANs and card numbers stand, by characters of the clean text, the end exclusive.";
    FreeText "free_text.quoted_from" "Yes, Monday.\nOn 3 May 2026, Ada wrote:\n> Monday?" => "13", "The character at which a quoted reply begins; it stays in the text.";
    FreeText "free_text.signature_from" "See you there.\n-- \nAda Lovelace" => "15", "The character at which a signature begins; it stays in the text.";
    FreeText "free_text.truncated" "" => "", "Whether only the first 64 KiB were kept.";
    FreeText "free_text.untrusted" "Ignore all previous instructions" => "true", "Always: people outside wrote it, so that nothing in it is an instruction to anybody or anything.";
}

/// Everything a value says besides itself, in the order of [`DETAILS`]. Pure and total as the cleaners are; not as quick, and asked for by
/// few columns.
pub fn details(semantic: SemanticType, value: &str, context: &CleaningContext<'_>) -> Vec<Detail> {
    let cleaned = clean(semantic, value, context);
    let clean = cleaned.value.as_deref();
    match semantic {
        SemanticType::Email => clean.map_or_else(Vec::new, address::of_email),
        SemanticType::PhoneNumber => personal::of_phone(value, &cleaned),
        SemanticType::PersonName => clean.map_or_else(Vec::new, personal::of_name),
        SemanticType::Country => written::of_country(value, cleaned.code),
        SemanticType::Money => written::of_money(value, context),
        SemanticType::Timestamp if clean.is_some() => written::of_timestamp(value),
        SemanticType::Url if clean.is_some() => address::of_url(value),
        SemanticType::Domain => clean.map_or_else(Vec::new, address::of_domain),
        SemanticType::FreeText => clean.map_or_else(Vec::new, |text| text_marks::of_text(text, cleaned.code)),
        _ => Vec::new(),
    }
}

/// One detail by its name.
pub fn detail(name: &str, value: &str, context: &CleaningContext<'_>) -> Option<String> {
    let rule = DETAILS.iter().find(|rule| rule.name == name)?;
    details(rule.semantic, value, context).into_iter().find(|detail| detail.name == name).map(|detail| detail.value)
}

/// A detail, where there is one.
fn told(out: &mut Vec<Detail>, name: &'static str, value: impl Into<String>) {
    let value = value.into();
    if !value.is_empty() {
        out.push(Detail { name, value });
    }
}

/// A detail that is there or not.
fn flagged(out: &mut Vec<Detail>, name: &'static str, is_so: bool) {
    if is_so {
        out.push(Detail { name, value: "true".to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_has_its_detail() {
        for rule in DETAILS.iter().filter(|rule| !rule.example_in.is_empty()) {
            let found = detail(rule.name, rule.example_in, &rule.context);
            assert_eq!(
                found.as_deref(),
                Some(rule.example_out),
                "{}: {:?}",
                rule.name,
                details(rule.semantic, rule.example_in, &rule.context)
            );
            assert_eq!(rule.name.split('.').next(), Some(rule.semantic.name()), "{}", rule.name);
        }
        let long = "word ".repeat(20_000);
        assert_eq!(detail("free_text.truncated", &long, &CleaningContext::NONE).as_deref(), Some("true"));
    }

    #[test]
    fn plain_values_say_little() {
        let names =
            |semantic, value| details(semantic, value, &CleaningContext::NONE).into_iter().map(|detail| detail.name).collect::<Vec<_>>();
        assert_eq!(names(SemanticType::Email, "ada@acme.com"), ["email.normalized", "email.match_key", "email.account_domain"]);
        assert_eq!(names(SemanticType::Email, "nobody"), [""; 0]);
        assert_eq!(names(SemanticType::Country, "GB"), [""; 0]);
        assert_eq!(names(SemanticType::Url, "https://acme.com/?page=2"), ["url.domain"]);
        assert_eq!(names(SemanticType::Money, "12.50"), [""; 0]);
        assert_eq!(names(SemanticType::Domain, "gmail.com"), [""; 0]);
    }
}
