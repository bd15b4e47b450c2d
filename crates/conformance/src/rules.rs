//! The table of rules.

mod access;
mod cursors;
mod declared;
mod ends;
mod failures;
mod lossless;
mod merges;
mod times;
mod values;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::trial::{Course, Trial};

type Test = for<'a> fn(&'a Trial<'a>) -> Pin<Box<dyn Future<Output = Course> + Send + 'a>>;

/// A rule of reading.
pub struct Rule {
    /// Its name, in capitals.
    pub name: &'static str,
    /// What it asks, in a sentence.
    pub words: &'static str,
    /// What goes wrong where it is not kept.
    pub why: &'static str,
    pub(crate) test: Test,
}

impl fmt::Debug for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.name, self.words)
    }
}

/// The rules, in the order in which they are tried.
pub fn rules() -> &'static [Rule] {
    RULES
}

const RULES: &[Rule] = &[
    Rule {
        name: "SPEC-DOCUMENTED",
        words: "Every key of the config is described, secrets are marked, and a key that does not exist is refused without its value.",
        why: "Forms, `discover --config` and the redaction of secrets are made from the schema alone.",
        test: |trial| Box::pin(declared::spec_documented(trial)),
    },
    Rule {
        name: "STREAMS-KEYED",
        words: "Streams have identifiers for names, a key and roles among their fields, the vendor's page, a key in every record, and can be read in every way they declare.",
        why: "A row without a stable id cannot be written twice with one effect.",
        test: |trial| Box::pin(declared::streams_keyed(trial)),
    },
    Rule {
        name: "CREDENTIALS",
        words: "Refused credentials are AQ2001; an access token that runs out is renewed once and the reading goes on.",
        why: "A person has to be told to reconnect, and only then.",
        test: |trial| Box::pin(access::credentials(trial)),
    },
    Rule {
        name: "PERMISSION",
        words: "A missing permission is AQ2002 for the streams that need it; the others are read.",
        why: "One object nobody may see must not stop all the others, nor look like an empty one.",
        test: |trial| Box::pin(access::permission(trial)),
    },
    Rule {
        name: "CURSOR-BY-VALUE",
        words: "A position is a value of the data, never an offset: records before it may be deleted or changed, and none is skipped.",
        why: "Sources change while they are read; with offsets each deletion hides one record that nobody misses.",
        test: |trial| Box::pin(cursors::by_value(trial)),
    },
    Rule {
        name: "COMPOSITE",
        words: "More records than a page holds may share one instant; all arrive, also when the reading stops inside it.",
        why: "Every import and every bulk update at the vendor gives thousands of records one time of change.",
        test: |trial| Box::pin(cursors::composite(trial)),
    },
    Rule {
        name: "NEVER-PAST-LAG",
        words: "The settled cursor stays behind the server's time by the stream's lag, however new the records are.",
        why: "What the source shows late is otherwise behind the cursor before it was ever seen.",
        test: |trial| Box::pin(times::never_past_lag(trial)),
    },
    Rule {
        name: "FUTURE-CLAMP",
        words: "A record dated in the future moves no cursor beyond the server's time.",
        why: "One wrong clock at the source would end the reading of changes until that day comes.",
        test: |trial| Box::pin(times::future_clamp(trial)),
    },
    Rule {
        name: "POSITIVE-END",
        words: "The end is a well-formed answer that says so; an empty, cut or foreign body is an error and completes nothing.",
        why: "A proxy's error page must not look like a source that has no more records.",
        test: |trial| Box::pin(ends::positive_end(trial)),
    },
    Rule {
        name: "COVERS-ITS-ROWS",
        words: "Whatever page a reading stops after, going on from its checkpoint gives exactly the rest.",
        why: "A run may be killed anywhere, and the checkpoint is all that the next one has.",
        test: |trial| Box::pin(cursors::covers_its_rows(trial)),
    },
    Rule {
        name: "SLOW-DOWN",
        words: "An answer that asks to slow down is waited for, as long as it says, and does not end the reading.",
        why: "Vendors block applications that come back too early.",
        test: |trial| Box::pin(failures::slow_down(trial)),
    },
    Rule {
        name: "SERVER-FAILURE",
        words: "A failure of the source is tried again a bounded number of times and then told as the source's, temporary.",
        why: "Most failures pass in seconds; those that do not must stop the run with what was read kept.",
        test: |trial| Box::pin(failures::server_failure(trial)),
    },
    Rule {
        name: "DELETIONS",
        words: "A record that is deleted at the source arrives as deleted.",
        why: "People who asked to be forgotten, and customers who were lost, must not live on in the warehouse.",
        test: |trial| Box::pin(failures::deletions(trial)),
    },
    Rule {
        name: "IDS-COMPLETE",
        words: "A listing of ids has every live record, and none that is deleted.",
        why: "What is compared with a list that lacks records would be deleted, or be fetched for ever.",
        test: |trial| Box::pin(failures::ids_complete(trial)),
    },
    Rule {
        name: "MERGE-REDIRECTS",
        words: "A record that is merged into another is told with the one that is left.",
        why: "What points at a record that is gone is lost to every sum, and nobody sees it missing.",
        test: |trial| Box::pin(merges::merge_redirects(trial)),
    },
    Rule {
        name: "NO-SILENT-CAP",
        words: "More records than one question can reach all arrive, or the reading fails and says so.",
        why: "The largest imports are cut off exactly where nobody counts.",
        test: |trial| Box::pin(ends::no_silent_cap(trial)),
    },
    Rule {
        name: "SCHEMA-DRIFT",
        words: "Fields that the source adds, drops or retypes end no reading; what is new is reported, and every record arrives.",
        why: "Vendors and their customers change fields on working days, and the night's run must not stop for it.",
        test: |trial| Box::pin(values::schema_drift(trial)),
    },
    Rule {
        name: "HOSTILE-VALUES",
        words: "Empty, odd, repeated and huge values arrive as the source wrote them, or their record alone is rejected.",
        why: "One record that somebody pasted a novel into must not hide the thousands behind it.",
        test: |trial| Box::pin(values::hostile_values(trial)),
    },
    Rule {
        name: "LOSSLESS",
        words: "Every value of every field arrives as the source wrote it, and at most one of a hundred values has no field.",
        why: "What no column holds cannot be mapped later, and nobody knows that it was there.",
        test: |trial| Box::pin(lossless::lossless(trial)),
    },
    Rule {
        name: "REQUIRED-MAPPED",
        words: "Mappings name streams and fields that there are, and fill what their entities require.",
        why: "A mistyped path is a column that stays empty for months.",
        test: |trial| Box::pin(values::required_mapped(trial)),
    },
    Rule {
        name: "SECRETS",
        words: "No secret is in any error, state or printed value.",
        why: "Logs are read by more people, and kept for longer, than the credentials were meant for.",
        test: |trial| Box::pin(access::secrets(trial)),
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_capitals_and_words_are_sentences() {
        let names: BTreeSet<&str> = rules().iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), rules().len());
        for rule in rules() {
            assert!(rule.name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-'), "{rule:?}");
            assert!(rule.words.ends_with('.') && rule.why.ends_with('.'), "{rule:?}");
        }
        assert_eq!(rules().last().map(|rule| rule.name), Some("SECRETS"), "it looks through what the others left");
    }
}
