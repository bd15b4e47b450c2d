//! What is certain without weighing: the deterministic rules, and what forbids a link.

use serde::{Deserialize, Serialize};

use crate::levels::{Field, Pattern, birth, email, graded, name, plain, suffix};
use crate::model::SIMILAR_NAMES;
use crate::prepared::{Prepared, Tables};
use crate::record::Entity;

/// Why two records were linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The source itself merged one record into the other.
    Merged,
    /// A person said so.
    Manual,
    /// The same e-mail address, which no office and no four surnames share, and names that do not contradict it.
    SameEmail,
    /// The same telephone number and nearly the same whole name.
    SamePhoneAndName,
    /// The same identifier, and names that do not contradict it.
    SameIdentifier,
    /// By the weight of all fields together.
    Weighed,
    /// Through other records of the same person.
    Through,
}

impl Rule {
    /// The rule's name as it is stored and printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Merged => "merged",
            Self::Manual => "manual",
            Self::SameEmail => "same_email",
            Self::SamePhoneAndName => "same_phone_and_name",
            Self::SameIdentifier => "same_identifier",
            Self::Weighed => "weighed",
            Self::Through => "through",
        }
    }

    /// What it says, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Merged => "merged in the source",
            Self::Manual => "decided by a person",
            Self::SameEmail => "same e-mail address and no contradiction in the names",
            Self::SamePhoneAndName => "same telephone number and name",
            Self::SameIdentifier => "same identifier and no contradiction in the names",
            Self::Weighed => "weighed",
            Self::Through => "joined through other records",
        }
    }
}

/// The probability of a pair that a rule is certain of.
pub(crate) const CERTAIN: f64 = 0.999_9;

/// Given names that are similar are one that was mistyped where they are so many times more often of one person than of two.
const MISTYPED: f64 = 4.0;

/// The rule that decides a pair without weighing, if there is one. `given` is how many times more often given names like these two are
/// seen in records of one person than of two.
pub(crate) fn certain(left: &Prepared, right: &Prepared, pattern: &Pattern, given: f64, tables: &Tables, entity: Entity) -> Option<Rule> {
    let level = |field: Field| pattern[field as usize];
    if entity == Entity::Account {
        let no_contradiction = level(Field::Company) == 0 || level(Field::Company) > 1;
        return (level(Field::Identifier) == graded::SAME && no_contradiction).then_some(Rule::SameIdentifier);
    }
    let (first, last) = (level(Field::First), level(Field::Last));
    let exchanged = first == name::EXCHANGED;
    if born_apart(pattern) || level(Field::Suffix) == suffix::DIFFERENT {
        return None;
    }
    if first == 0 && last == 0 {
        // A list of addresses alone: whose address it is, the names say that stand beside it elsewhere, as long as they are one person's.
        let nameless = left.is_unnamed() || right.is_unnamed();
        let same = nameless && level(Field::Email) == email::SAME && tables.share_an_own_address(left, right);
        return same.then_some(Rule::SameEmail);
    }
    let near = |level: u8| matches!(level, name::NEAR | name::SAME);
    // A surname may change, a given name hardly: a given name that differs is another member of the family, and so is Joan beside John.
    let given_agrees = match first {
        0 => near(last),
        similar if SIMILAR_NAMES.contains(&similar) => similar >= name::SIMILAR && given >= MISTYPED,
        other => (name::SIMILAR..=name::EXCHANGED).contains(&other),
    };
    let compatible = given_agrees || (first == name::INITIAL && last >= name::SIMILAR);
    if level(Field::Email) == email::SAME && compatible {
        return Some(Rule::SameEmail);
    }
    if level(Field::Identifier) == graded::SAME && compatible && (exchanged || last == 0 || last >= name::SIMILAR) {
        return Some(Rule::SameIdentifier);
    }
    let whole = |row: &Prepared| {
        let text = |number: u32| tables.names.find(number).map_or("", |name| &*name.latin);
        format!("{} {}", text(row.first), text(row.last))
    };
    let alike = || strsim::jaro_winkler(&whole(left), &whole(right)) >= 0.92;
    // Mother and daughter of one name share a telephone, but not an e-mail address.
    let addresses_agree = left.emails[0] == 0 || right.emails[0] == 0 || level(Field::Email) >= email::LOCAL_PART;
    let same_phone = level(Field::Phone) == plain::SAME && addresses_agree;
    (same_phone && given_agrees && first >= name::VARIANT && near(last) && alike()).then_some(Rule::SamePhoneAndName)
}

/// Whether the birth dates of two records contradict each other so much that only records which agree with both may not join them.
pub(crate) fn born_apart(pattern: &Pattern) -> bool {
    matches!(pattern[Field::Birth as usize], birth::DIFFERENT | birth::PART)
}

/// Whether two records must not be joined, whatever their weight.
pub(crate) fn forbids(left: &Prepared, right: &Prepared, pattern: &Pattern) -> Option<&'static str> {
    if left.source == right.source && left.strong != 0 && right.strong != 0 && left.strong != right.strong {
        return Some("the source tells them apart by different strong ids");
    }
    let level = |field: Field| pattern[field as usize];
    let contact_differs = level(Field::Email) == email::DIFFERENT || level(Field::Phone) == plain::DIFFERENT;
    let agrees = level(Field::Email) == email::SAME || level(Field::Phone) == plain::SAME;
    (left.is_verified && right.is_verified && contact_differs && !agrees && born_apart(pattern))
        .then_some("verified addresses or numbers differ, and so do the birth dates")
}
