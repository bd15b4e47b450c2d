//! `aqueduct explain`: a run in words; `aqueduct explain identity` is with the other commands about identities.

use aqueduct_pipeline::runs::{self, Explanation};
use aqueduct_pipeline::schema::{Error, Result, codes};

use super::runs::{named, outcome};
use crate::arguments::{ExplainArguments, RunArgument};
use crate::commands::{Context, identity};
use crate::output::Output;

/// How wide a paragraph is.
const WIDTH: usize = 100;

/// Explains a run, or something else that has a verb of its own.
pub(crate) async fn explain(context: &Context, arguments: ExplainArguments) -> Result<u8> {
    let ExplainArguments { action, run, pipeline } = arguments;
    if let Some(action) = action {
        return identity::explain(context, action).await;
    }
    let run = run.ok_or_else(|| Error::new(codes::BAD_USAGE, "no run is named"))?;
    let (control, entry) = named(context, &RunArgument { run, pipeline }).await?;
    let told = runs::explain(&entry, control.now().await?);
    if context.output.is_json() {
        context.output.json_line(&told);
    } else {
        let heading = format!("Run {} of pipeline {}: {}", entry.run_id, entry.pipeline, outcome(&entry));
        context.output.answer(&text(&heading, &told, &context.output));
    }
    Ok(0)
}

fn text(heading: &str, told: &Explanation, output: &Output) -> String {
    let mut text = output.bold(heading);
    for (heading, sentences) in [
        ("What it did", &told.did),
        ("What is new", &told.new),
        ("Is anything missing or doubtful?", &told.doubtful),
        ("Where the time went", &told.time),
        ("What to do now", &told.next),
        ("More", &told.more),
    ] {
        text.push_str(&format!("\n\n{}", output.bold(heading)));
        sentences.iter().for_each(|sentence| text.push_str(&format!("\n{}", wrapped(sentence))));
    }
    text
}

/// A sentence in lines of some width, the first one marked.
fn wrapped(sentence: &str) -> String {
    let mut lines = vec![String::from("-")];
    for word in sentence.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= WIDTH || line.trim().len() <= 1 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("  {word}")),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_sentences_are_wrapped() {
        let text = wrapped(&"word ".repeat(50));
        assert!(text.starts_with("- word word") && text.lines().count() == 3, "{text}");
        assert!(text.lines().all(|line| line.len() <= WIDTH) && text.lines().skip(1).all(|line| line.starts_with("  word")), "{text}");
        assert_eq!(wrapped(&"x".repeat(150)), format!("- {}", "x".repeat(150)));
    }
}
