//! What is compared, in which levels, and what is assumed about them before any data was seen.
//!
//! Level 0 is "one of the two has no value" and weighs nothing. Of the others the weights rise with the level within a field.

/// How many fields are compared.
pub(crate) const FIELD_COUNT: usize = 13;
/// More levels than any field has.
pub(crate) const LEVELS: usize = 10;

/// A field's place in a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Field {
    First,
    Middle,
    Last,
    Suffix,
    Email,
    Phone,
    Birth,
    House,
    Street,
    Place,
    Identifier,
    Company,
    Domain,
}

/// The level of each field of a pair.
pub(crate) type Pattern = [u8; FIELD_COUNT];

/// A pattern in one word, for counting.
pub(crate) fn packed(pattern: &Pattern) -> u64 {
    pattern.iter().rev().fold(0, |word, level| word << 4 | u64::from(*level))
}

/// The pattern of a word.
pub(crate) fn unpacked(word: u64) -> Pattern {
    std::array::from_fn(|field| (word >> (4 * field) & 15) as u8)
}

/// How common a value is among people who have nothing to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frequency {
    /// By the value: sharing a rare one says more.
    ByValue,
    /// Nobody shares it but those who share it with many, such as the number of a switchboard.
    NearlyUnique,
}

/// A level of a field.
pub(crate) struct Level {
    /// What two values of this level are, after the field's name.
    pub(crate) words: &'static str,
    /// How often it is found in records of one person.
    pub(crate) matching: f64,
    /// How often it is found in records of two people.
    pub(crate) unrelated: f64,
}

const fn level(words: &'static str, matching: f64, unrelated: f64) -> Level {
    Level { words, matching, unrelated }
}

/// All that is fixed about a field.
pub(crate) struct FieldSpec {
    /// Its name in explanations.
    pub(crate) name: &'static str,
    /// Its levels from 1.
    pub(crate) levels: &'static [Level],
    /// How much of a person's value others in the household have as well, and colleagues: 0 no more than anybody, 1 all.
    pub(crate) shared: [f64; 2],
}

pub(crate) mod name {
    pub(crate) const DIFFERENT: u8 = 1;
    pub(crate) const SOUND: u8 = 2;
    pub(crate) const INITIAL: u8 = 3;
    pub(crate) const SIMILAR: u8 = 4;
    pub(crate) const VARIANT: u8 = 5;
    pub(crate) const NEAR: u8 = 6;
    pub(crate) const SAME: u8 = 7;
    pub(crate) const EXCHANGED: u8 = 8;
    /// Only of the first name: one of the two names stands in the other's field, and what should stand there is another name.
    pub(crate) const MISPLACED: u8 = 9;
}

pub(crate) mod suffix {
    pub(crate) const DIFFERENT: u8 = 1;
    pub(crate) const SAME: u8 = 2;
}

pub(crate) mod email {
    pub(crate) const DIFFERENT: u8 = 1;
    pub(crate) const SIMILAR: u8 = 2;
    pub(crate) const LOCAL_PART: u8 = 3;
    pub(crate) const NEAR: u8 = 4;
    pub(crate) const SAME: u8 = 5;
}

pub(crate) mod birth {
    pub(crate) const DIFFERENT: u8 = 1;
    pub(crate) const PART: u8 = 2;
    pub(crate) const TWO_DIGITS: u8 = 3;
    pub(crate) const TWO_PARTS: u8 = 4;
    pub(crate) const NEAR: u8 = 5;
    /// Two neighbouring digits are exchanged, or day and month.
    pub(crate) const EXCHANGED: u8 = 6;
    /// Near or exchanged, and one of the two is no date at all: it was meant to be another.
    pub(crate) const MISTYPED: u8 = 7;
    pub(crate) const SAME: u8 = 8;
}

/// Fields with nothing but "differs", "near" and "the same".
pub(crate) mod plain {
    pub(crate) const DIFFERENT: u8 = 1;
    pub(crate) const NEAR: u8 = 2;
    pub(crate) const SAME: u8 = 3;
}

/// Fields with "differs", "similar", "near" and "the same".
pub(crate) mod graded {
    pub(crate) const DIFFERENT: u8 = 1;
    pub(crate) const SIMILAR: u8 = 2;
    pub(crate) const NEAR: u8 = 3;
    pub(crate) const SAME: u8 = 4;
}

pub(crate) mod place {
    pub(crate) const DIFFERENT: u8 = 1;
    pub(crate) const REGION: u8 = 2;
    pub(crate) const CITY_SIMILAR: u8 = 3;
    pub(crate) const CODE_NEAR: u8 = 4;
    pub(crate) const CITY: u8 = 5;
    pub(crate) const CODE_NEAR_AND_CITY: u8 = 6;
    pub(crate) const CODE: u8 = 7;
    pub(crate) const CODE_AND_CITY: u8 = 8;
}

pub(crate) const FIELD_SPECS: [FieldSpec; FIELD_COUNT] = [
    FieldSpec {
        name: "first name",
        levels: &[
            level("differs", 0.04, 0.95),
            level("sounds alike", 0.01, 0.008),
            level("has the same initial, one is no more", 0.01, 0.005),
            level("is similar", 0.04, 0.01),
            level("is a form of the other", 0.03, 0.004),
            level("is the same but for a letter", 0.07, 0.003),
            level("is the same", 0.79, 0.006),
            level("and surname are exchanged", 0.01, 0.000_002),
            level("of one is the surname of the other", 0.004, 0.000_1),
        ],
        shared: [0.006, 0.0],
    },
    FieldSpec {
        name: "middle name",
        levels: &[
            level("differs", 0.10, 0.92),
            level("sounds alike", 0.01, 0.008),
            level("has the same initial, one is no more", 0.20, 0.045),
            level("is similar", 0.02, 0.01),
            level("is a form of the other", 0.02, 0.004),
            level("is the same but for a letter", 0.03, 0.003),
            level("is the same", 0.62, 0.01),
            level("is exchanged", 0.0, 0.0),
        ],
        shared: [0.03, 0.0],
    },
    FieldSpec {
        name: "surname",
        levels: &[
            level("differs", 0.05, 0.97),
            level("sounds alike", 0.01, 0.006),
            level("has the same initial, one is no more", 0.005, 0.002),
            level("is similar", 0.03, 0.008),
            level("is a part of the other", 0.02, 0.002),
            level("is the same but for a letter", 0.07, 0.001),
            level("is the same", 0.815, 0.002),
            level("is exchanged", 0.0, 0.0),
        ],
        shared: [0.9, 0.01],
    },
    FieldSpec {
        name: "suffix",
        levels: &[level("tells another generation", 0.01, 0.5), level("is the same", 0.99, 0.5)],
        shared: [0.0, 0.0],
    },
    FieldSpec {
        name: "e-mail address",
        levels: &[
            level("differs", 0.25, 0.998),
            level("has a similar name before the @", 0.03, 0.001_5),
            level("has the same name before the @", 0.07, 0.000_3),
            level("is the same but for a letter or two", 0.05, 0.000_03),
            level("is the same", 0.60, 0.000_002),
        ],
        shared: [0.1, 0.02],
    },
    FieldSpec {
        name: "telephone number",
        levels: &[
            level("differs", 0.25, 0.999_8),
            level("is the same but for a digit", 0.05, 0.000_05),
            level("is the same", 0.70, 0.000_01),
        ],
        shared: [0.7, 0.6],
    },
    FieldSpec {
        name: "birth date",
        levels: &[
            level("differs", 0.02, 0.94),
            level("has the year in common", 0.01, 0.03),
            level("is the same but for two digits", 0.01, 0.01),
            level("has two parts in common", 0.02, 0.003),
            level("is the same but for a digit", 0.04, 0.000_36),
            level("is the same with two digits, or day and month, exchanged", 0.01, 0.000_04),
            level("is nearly the same, and one is no date", 0.01, 0.000_002),
            level("is the same", 0.88, 0.000_05),
        ],
        shared: [0.006, 0.0],
    },
    FieldSpec {
        name: "house number",
        levels: &[level("differs", 0.12, 0.94), level("is the same but for a digit", 0.08, 0.04), level("is the same", 0.80, 0.02)],
        shared: [0.95, 0.9],
    },
    FieldSpec {
        name: "street",
        levels: &[
            level("differs", 0.15, 0.99),
            level("is similar", 0.06, 0.006),
            level("is the same but for a letter", 0.07, 0.000_7),
            level("is the same", 0.72, 0.003),
        ],
        shared: [0.95, 0.9],
    },
    FieldSpec {
        name: "place",
        levels: &[
            level("differs", 0.05, 0.75),
            level("is in the same region", 0.05, 0.2),
            level("has a similar town", 0.02, 0.01),
            level("has nearly the same postal code", 0.03, 0.01),
            level("has the same town", 0.10, 0.02),
            level("has nearly the same postal code and the same town", 0.05, 0.004),
            level("has the same postal code", 0.10, 0.001),
            level("is the same", 0.60, 0.002),
        ],
        shared: [0.95, 0.9],
    },
    FieldSpec {
        name: "identifier",
        levels: &[
            level("differs", 0.05, 0.998),
            level("is similar", 0.03, 0.001),
            level("is the same but for a digit", 0.06, 0.000_1),
            level("is the same", 0.86, 0.000_002),
        ],
        shared: [0.0, 0.0],
    },
    FieldSpec {
        name: "company",
        levels: &[
            level("differs", 0.15, 0.99),
            level("is similar", 0.05, 0.003),
            level("has the same words or initials", 0.08, 0.002),
            level("is the same but for a letter", 0.07, 0.000_5),
            level("is the same", 0.65, 0.001),
        ],
        shared: [0.05, 0.95],
    },
    FieldSpec {
        name: "domain",
        levels: &[level("differs", 0.2, 0.998), level("is nearly the same", 0.05, 0.000_5), level("is the same", 0.75, 0.001_5)],
        shared: [0.05, 0.95],
    },
];

pub(crate) mod company {
    pub(crate) const DIFFERENT: u8 = 1;
    pub(crate) const SIMILAR: u8 = 2;
    pub(crate) const WORDS: u8 = 3;
    pub(crate) const NEAR: u8 = 4;
    pub(crate) const SAME: u8 = 5;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_assumed_is_a_distribution() {
        for spec in &FIELD_SPECS {
            let sums = spec.levels.iter().fold((0.0, 0.0), |sums, level| (sums.0 + level.matching, sums.1 + level.unrelated));
            assert!((sums.0 - 1.0_f64).abs() < 0.02 && (sums.1 - 1.0_f64).abs() < 0.02, "{} {sums:?}", spec.name);
            assert!(spec.levels.len() < LEVELS);
        }
    }

    #[test]
    fn patterns_pack() {
        let pattern: Pattern = std::array::from_fn(|field| field as u8 % 9);
        assert_eq!(unpacked(packed(&pattern)), pattern);
    }
}
