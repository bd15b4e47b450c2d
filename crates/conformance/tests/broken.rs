//! The suite fails who breaks a rule, by the rule's name, and passes who breaks none.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "weak/declared.rs"]
mod declared;
mod weak;

use std::collections::BTreeSet;

use aqueduct_conformance::plain::BeyondCap;
use aqueduct_conformance::{Outcome, hubspot, rules, run, run_only};
use declared::{CAP, Case};
use weak::{Flaw, registration};

/// Who breaks what.
const BROKEN: [(&str, Flaw); 25] = [
    ("SPEC-DOCUMENTED", Flaw::Undescribed),
    ("SPEC-DOCUMENTED", Flaw::Unmarked),
    ("STREAMS-KEYED", Flaw::Unkeyed),
    ("CREDENTIALS", Flaw::MistakesCredentials),
    ("PERMISSION", Flaw::HidesForbidden),
    ("CURSOR-BY-VALUE", Flaw::CountsRecords),
    ("COMPOSITE", Flaw::AfterTheInstant),
    ("NEVER-PAST-LAG", Flaw::NoLag),
    ("FUTURE-CLAMP", Flaw::TrustsRecords),
    ("POSITIVE-END", Flaw::EmptyIsEnd),
    ("POSITIVE-END", Flaw::NothingIsEnd),
    ("COVERS-ITS-ROWS", Flaw::ReadsAhead),
    ("SLOW-DOWN", Flaw::GivesUpWhenSlow),
    ("SERVER-FAILURE", Flaw::GivesUpWhenDown),
    ("DELETIONS", Flaw::ForgetsDeletions),
    ("IDS-COMPLETE", Flaw::ListsOnePage),
    ("IDS-COMPLETE", Flaw::ListsDeleted),
    ("MERGE-REDIRECTS", Flaw::ForgetsMerges),
    ("NO-SILENT-CAP", Flaw::StopsAtCap),
    ("SCHEMA-DRIFT", Flaw::KnowsEveryProperty),
    ("HOSTILE-VALUES", Flaw::ExpectsText),
    ("LOSSLESS", Flaw::ForgetsAField),
    ("REQUIRED-MAPPED", Flaw::MapsNothing),
    ("SECRETS", Flaw::TellsTheToken),
    ("SECRETS", Flaw::KeepsTheToken),
];

#[tokio::test]
async fn who_keeps_every_rule_passes() {
    let report = run(registration(Flaw::None), &hubspot::vendor()).await;
    report.assert();
    assert_eq!(report.passed().len(), rules().len(), "{report}");
}

#[tokio::test]
async fn who_breaks_a_rule_fails_it() {
    for (rule, flaw) in BROKEN {
        let report = run_only(registration(flaw), &hubspot::vendor(), &[rule]).await;
        assert_eq!(report.failed(), [rule], "{flaw:?}\n{report}");
        let Outcome::Failed(reason) = &report.outcomes()[0].1 else { unreachable!("it has failed") };
        // A reason that the simulator or the suite is at fault would mean that the flaw was not what was found.
        assert!(!reason.contains("vendor") && !reason.contains("AQ9001"), "{flaw:?}: {reason}");
    }
}

/// A declared stream that knows nothing of its vendor's cap, or takes it for larger than it is.
#[tokio::test]
async fn who_declares_the_cap_wrongly_fails() {
    for beyond in [BeyondCap::CutOff, BeyondCap::Refused] {
        for (style, declares, total) in
            [("token", None, false), ("token", Some(3 * CAP as u64), false), ("anchored", Some(3 * CAP as u64), true)]
        {
            // Nobody who knows of no cap can be blamed for an error that says so.
            if declares.is_none() && beyond == BeyondCap::Refused {
                continue;
            }
            let case = Case { style, beyond, total, by_id: true, declares };
            let report = run_only(declared::registration(), &case.vendor(), &["NO-SILENT-CAP"]).await;
            assert_eq!(report.failed(), ["NO-SILENT-CAP"], "{case:?}\n{report}");
        }
    }
}

#[test]
fn every_rule_is_broken_by_somebody() {
    let broken: BTreeSet<&str> = BROKEN.iter().map(|(rule, _)| *rule).collect();
    assert_eq!(broken, rules().iter().map(|rule| rule.name).collect());
}

#[tokio::test]
async fn a_rule_that_does_not_exist_is_not_passed_over() {
    let report = run_only(registration(Flaw::None), &hubspot::vendor(), &["SPEC-DOCUMENTD"]).await;
    assert_eq!(report.failed().len(), 1, "{report}");
}

#[test]
fn the_guide_has_every_rule_in_its_own_words() {
    let guide = include_str!("../../../docs/writing-a-connector.md");
    for rule in rules() {
        let row = format!("| `{}` | {} | {} |", rule.name, rule.words, rule.why);
        assert!(guide.contains(&row), "docs/writing-a-connector.md lacks the row\n{row}");
    }
    assert_eq!(guide.matches("src/rules/").count(), rules().len(), "each row names where its rule is tried");
}
