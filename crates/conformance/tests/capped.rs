//! Connectors that declare windows, against vendors that give no more than so many records for one question: cut off without a word, or
//! refused with 400; with a total and without one; with instants that can be read by id and such that cannot.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "weak/declared.rs"]
mod declared;

use aqueduct_conformance::plain::BeyondCap;
use aqueduct_conformance::{run, run_only};
use declared::{CAP, Case, registration};

const OF_WINDOWS: [&str; 6] = ["NO-SILENT-CAP", "CURSOR-BY-VALUE", "COMPOSITE", "COVERS-ITS-ROWS", "IDS-COMPLETE", "FUTURE-CLAMP"];

#[tokio::test]
async fn who_declares_windows_keeps_every_rule() {
    let case = Case { style: "token", beyond: BeyondCap::CutOff, total: false, by_id: true, declares: Some(CAP as u64) };
    let report = run(registration(), &case.vendor()).await;
    report.assert();
    assert!(OF_WINDOWS.iter().all(|rule| report.passed().contains(rule)), "{report}");
}

#[tokio::test]
async fn whatever_the_style_of_paging() {
    let cases = [
        ("token", BeyondCap::Refused, true),
        ("header", BeyondCap::Refused, false),
        ("anchored", BeyondCap::Refused, false),
        ("anchored", BeyondCap::CutOff, true),
    ];
    for (style, beyond, total) in cases {
        let case = Case { style, beyond, total, by_id: true, declares: Some(CAP as u64) };
        let report = run_only(registration(), &case.vendor(), &OF_WINDOWS).await;
        report.assert();
        assert_eq!(report.passed().len(), OF_WINDOWS.len(), "{case:?}\n{report}");
    }
}

#[tokio::test]
async fn an_instant_that_nothing_reads_fails_by_name_and_settles_nothing() {
    for beyond in [BeyondCap::CutOff, BeyondCap::Refused] {
        for (style, total) in [("token", true), ("anchored", false)] {
            let case = Case { style, beyond, total, by_id: false, declares: Some(CAP as u64) };
            let report = run_only(registration(), &case.vendor(), &["NO-SILENT-CAP"]).await;
            report.assert();
            assert_eq!(report.passed(), ["NO-SILENT-CAP"], "{case:?}\n{report}");
        }
    }
}
