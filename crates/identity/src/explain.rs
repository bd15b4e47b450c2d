//! Why: the weight of every field in bits, in words.

use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::levels::{FIELD_SPECS, Pattern};
use crate::model::Model;
use crate::rules::Rule;

/// One reason for or against a link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// What was compared, and what was found. Never a value.
    pub words: String,
    /// Its weight: 1 bit doubles the odds, −1 halves them. 0 for a rule, which needs no weight.
    pub bits: f64,
}

/// The reasons of a pair, the rule first, then the fields, then what holds for all pairs. Without a rule, the bits add up to the log-odds
/// of the probability, but for what is too little to be told.
pub(crate) fn reasons(model: &Model, pattern: &Pattern, evidence: &Evidence, rule: Rule) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if rule != Rule::Weighed {
        reasons.push(Reason { words: rule.words().to_owned(), bits: 0.0 });
    }
    for (field, level) in pattern.iter().enumerate().filter(|(_, level)| **level != 0) {
        let spec = &FIELD_SPECS[field];
        let Some(level) = spec.levels.get(usize::from(*level) - 1) else { continue };
        let rarity = match evidence.rarity[field] {
            factor if factor >= 4.0 => ", a rare value",
            factor if factor <= 0.25 => ", a common value",
            _ => "",
        };
        reasons.push(Reason { words: format!("{} {}{rarity}", spec.name, level.words), bits: evidence.ratios[field].log2() });
    }
    if evidence.together < 0.97 {
        reasons.push(Reason { words: "such names go together anyway".to_owned(), bits: evidence.together.log2() });
    }
    let unrelated = 1.0 - model.matches - model.neighbours.iter().sum::<f64>();
    let [_, household, colleagues] = model.odds(evidence);
    let mut others = unrelated;
    for (odds, words) in [(household, "a household shares as much"), (colleagues, "colleagues share as much")] {
        let bits = (others / (others + odds)).log2();
        others += odds;
        if bits <= -0.05 {
            reasons.push(Reason { words: words.to_owned(), bits });
        }
    }
    reasons.push(Reason { words: "before anything is compared".to_owned(), bits: (model.matches / unrelated).log2() });
    reasons
}

/// Reasons on one line: `surname is the same (+9.3); …`.
pub fn line(reasons: &[Reason]) -> String {
    let texts: Vec<String> = reasons
        .iter()
        .map(|reason| if reason.bits == 0.0 { reason.words.clone() } else { format!("{} ({:+.1})", reason.words, reason.bits) })
        .collect();
    texts.join("; ")
}
