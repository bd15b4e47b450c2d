//! The named points at which the fault battery kills a process: every one in the code is tried, and every one that is tried is there.

use std::collections::BTreeSet;

use crate::tree::files_ending;
use crate::{assert_each_names, assert_none};

const LIST: &str = "tests/battery/rows/points.rs";

/// The first text in quotes after each of these openings.
fn names<'t>(text: &'t str, opening: &'t str) -> impl Iterator<Item = &'t str> {
    text.split(opening).skip(1).filter_map(|after| after.trim_start().strip_prefix('"')?.split('"').next())
}

/// Points in the code; the mistakes planted on purpose are no points.
fn in_code<'t>(texts: impl Iterator<Item = &'t str>) -> BTreeSet<&'t str> {
    texts.flat_map(|text| names(text, "fail_point!(")).filter(|name| !name.starts_with("planted::")).collect()
}

fn differing(code: &BTreeSet<&str>, list: &str) -> Vec<String> {
    let listed: BTreeSet<&str> = names(list, "    (").collect();
    let forgotten = code.difference(&listed).map(|name| format!("{name} is in the code and not in {LIST}: row 1 has to try it"));
    let gone = listed.difference(code).map(|name| format!("{name} is in {LIST} and not in the code"));
    forgotten.chain(gone).collect()
}

#[test]
fn every_named_point_is_tried_by_the_battery() {
    let files = files_ending(".rs");
    let code = in_code(
        files.iter().filter(|file| file.path.starts_with("crates/") || file.path.starts_with("connectors/")).map(|file| file.text.as_str()),
    );
    let list = files.iter().find(|file| file.path == LIST).unwrap();
    assert!(code.len() >= 25, "{}", code.len());
    assert_none("Named points and the battery's list of them", &differing(&code, &list.text));
}

#[test]
fn a_forgotten_point_and_one_that_is_gone_are_named() {
    let code = in_code(
        [r#"fail::fail_point!("engine::here"); fail_point!(
        "engine::new"); fail::fail_point!("planted::slip", |_| ());"#]
        .into_iter(),
    );
    let list = "    (\"engine::here\", By::Run),\n    (\"engine::gone\", By::Run),\n";
    assert_each_names(&differing(&code, list), &["engine::new", "engine::gone"]);
}
