//! A batch changes its stage in one crate for each step, so that nothing reaches a warehouse unmapped, unjudged or unprotected.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::tree::{File, files_ending};
use crate::{assert_each_names, assert_none};

/// Each stage change with the one folder that may perform it.
const STAGE_CHANGES: &[(&str, &str)] = &[
    ("raw", "crates/engine/"),
    ("into_normalised", "crates/normalise/"),
    ("into_checked", "crates/quality/"),
    ("into_protected", "crates/privacy/"),
];

fn changes_elsewhere(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".rs") && !file.is_beside_the_product()) {
        let Ok(tokens) = file.text.parse::<TokenStream>() else {
            complaints.push(format!("{} is not Rust", file.path));
            continue;
        };
        let mut found = Vec::new();
        collect(tokens, &mut found);
        for (change, line) in found {
            let (_, home) = STAGE_CHANGES.iter().find(|(name, _)| *name == change).expect("only these are collected");
            if !file.path.starts_with(home) {
                complaints.push(format!(
                    "{}:{line} uses `{change}`, the stage change of `{home}`: hand the batch to that stage instead of moving it on from here",
                    file.path
                ));
            }
        }
    }
    complaints
}

/// Every mention of a stage change outside tests, called or handed on, with its line. A definition is not a mention.
fn collect(tokens: TokenStream, found: &mut Vec<(&'static str, usize)>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Punct(hash) if hash.as_char() == '#' => {
                if let Some(TokenTree::Group(attribute)) = tokens.get(at + 1)
                    && marks_a_test(attribute)
                {
                    at = end_of_item(&tokens, at + 2);
                    continue;
                }
                if let (Some(TokenTree::Punct(bang)), Some(TokenTree::Group(attribute))) = (tokens.get(at + 1), tokens.get(at + 2))
                    && bang.as_char() == '!'
                    && marks_a_test(attribute)
                {
                    return;
                }
            }
            TokenTree::Group(group) => collect(group.stream(), found),
            TokenTree::Ident(name) => {
                let name = name.to_string();
                let change = STAGE_CHANGES.iter().map(|(change, _)| *change).find(|change| name == *change);
                if let Some(change) =
                    change.filter(|change| !is_definition(&tokens, at) && (*change != "raw" || is_of_a_batch(&tokens, at)))
                {
                    found.push((change, tokens[at].span().start().line));
                }
            }
            _ => {}
        }
        at += 1;
    }
}

fn is_definition(tokens: &[TokenTree], at: usize) -> bool {
    at > 0 && matches!(&tokens[at - 1], TokenTree::Ident(word) if word == "fn")
}

/// Whether the name follows `Batch::` or `Batch::<…>::`.
fn is_of_a_batch(tokens: &[TokenTree], at: usize) -> bool {
    let punct = |token: &TokenTree, wanted: char| matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted);
    let Some([path @ .., one, two]) = tokens.get(..at) else { return false };
    if !punct(one, ':') || !punct(two, ':') {
        return false;
    }
    let generic = path.last().is_some_and(|token| punct(token, '>'));
    let owner =
        if generic { path.iter().rev().find(|token| matches!(token, TokenTree::Ident(word) if word == "Batch")) } else { path.last() };
    matches!(owner, Some(TokenTree::Ident(word)) if word == "Batch")
}

/// Whether an attribute is `#[test]`, `#[tokio::test]` or `#[cfg(test)]`, also within `all(…)` or `any(…)`, but not within `not(…)`.
fn marks_a_test(attribute: &Group) -> bool {
    if attribute.delimiter() != Delimiter::Bracket {
        return false;
    }
    let tokens: Vec<TokenTree> = attribute.stream().into_iter().collect();
    match (tokens.first(), tokens.last()) {
        (Some(TokenTree::Ident(first)), Some(TokenTree::Group(condition))) if first == "cfg" => asks_for_test(condition.stream()),
        (_, Some(TokenTree::Ident(last))) => last == "test",
        _ => false,
    }
}

fn asks_for_test(condition: TokenStream) -> bool {
    let mut negated = false;
    condition.into_iter().any(|token| match token {
        TokenTree::Ident(word) => {
            negated = word == "not";
            word == "test"
        }
        TokenTree::Group(inner) => !negated && asks_for_test(inner.stream()),
        _ => false,
    })
}

/// The place after the item that begins here: after its braces, or after its semicolon.
fn end_of_item(tokens: &[TokenTree], from: usize) -> usize {
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        _ => false,
    };
    tokens[from..].iter().position(ends).map_or(tokens.len(), |length| from + length + 1)
}

#[test]
fn one_crate_alone_performs_each_stage_change() {
    assert_none("A batch changes its stage outside the crate for that stage.", &changes_elsewhere(&files_ending(".rs")));
}

#[test]
fn each_stage_change_is_performed_by_its_crate() {
    let files = files_ending(".rs");
    let missing = STAGE_CHANGES.iter().filter(|(change, home)| {
        let mut found = Vec::new();
        let here = files.iter().filter(|file| file.path.starts_with(home) && !file.is_beside_the_product());
        here.filter_map(|file| file.text.parse().ok()).for_each(|tokens| collect(tokens, &mut found));
        !found.iter().any(|(name, _)| name == change)
    });
    let complaint =
        |(change, home): &(&str, &str)| format!("nothing in `{home}` calls `{change}`: if the method was renamed, rename it here too");
    assert_none("A stage change that nobody performs cannot be watched over.", &missing.map(complaint).collect::<Vec<_>>());
}

#[test]
fn a_stage_change_elsewhere_is_found() {
    let text = "
        //! A comment on batch.into_checked( is no call.
        fn load(batch: Batch<Checked>) {
            let text = \"batch.into_checked()\";
            Batch::raw(stream, table);
            Batch::<Raw>::raw(stream, table);
            let moved = batch.into_protected(tables, rejects);
            batches.into_iter().map(Batch::into_checked);
            RawValue::raw(text);
        }
        fn into_normalised(self) {}
        #[cfg(test)]
        mod tests {
            fn batch() -> Batch<Normalised> { Batch::raw(stream, table).into_normalised(tables) }
        }
        #[tokio::test]
        async fn loads() { batch.into_normalised(tables) }
        #[cfg(not(test))]
        fn live() { batch.into_normalised(tables) }
    ";
    let complaints = changes_elsewhere(&[File::new("crates/warehouse/src/load.rs", text)]);
    let expected = [
        "load.rs:5 uses `raw`",
        "load.rs:6 uses `raw`",
        "load.rs:7 uses `into_protected`",
        "load.rs:8 uses `into_checked`",
        "load.rs:19 uses `into_normalised`",
    ];
    assert_each_names(&complaints, &expected);
}

#[test]
fn a_stage_change_at_home_or_in_a_tests_folder_is_not() {
    let files = [
        File::new("crates/engine/src/decode.rs", "//! x\nfn page() { Batch::raw(stream) }"),
        File::new("crates/quality/src/judge.rs", "//! x\nfn judge() { batch.into_checked() }"),
        File::new("crates/warehouse/tests/load.rs", "//! x\nfn batch() { Batch::raw(stream).into_normalised() }"),
        File::new("crates/cli/examples/own.rs", "//! x\nfn batch() { Batch::raw(stream) }"),
        File::new("crates/privacy/src/policy/tests.rs", "//! x\nfn batch() { Batch::raw(stream) }"),
    ];
    assert_none("These are allowed.", &changes_elsewhere(&files));
}
