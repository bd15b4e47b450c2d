//! The rules of the workspace, each as a test that names the file and says what to do.
//!
//! Every rule is a function from a description of the tree to a list of complaints, run twice: over the repository, where the list must
//! be empty, and over a small tree made up to break it, where it must not be.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "architecture/documents.rs"]
mod documents;
#[path = "architecture/imports.rs"]
mod imports;
#[path = "architecture/manifests.rs"]
mod manifests;
#[path = "architecture/outside.rs"]
mod outside;
#[path = "architecture/points.rs"]
mod points;
#[path = "architecture/sources.rs"]
mod sources;
#[path = "architecture/stages.rs"]
mod stages;
#[path = "architecture/tree.rs"]
mod tree;

/// Fails with every complaint on a line of its own.
#[track_caller]
fn assert_none(rule: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{rule}\n{}\n", complaints.iter().map(|line| format!("  - {line}")).collect::<Vec<_>>().join("\n"));
}

/// Fails unless there are exactly as many complaints as words, and each complaint holds its word.
#[track_caller]
fn assert_each_names(complaints: &[String], words: &[&str]) {
    assert_eq!(complaints.len(), words.len(), "{complaints:#?}");
    for (complaint, word) in complaints.iter().zip(words) {
        assert!(complaint.contains(word), "`{word}` is not in: {complaint}");
    }
}
