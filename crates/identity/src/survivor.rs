//! One set of values for a cluster: which record's value survives, field by field. The originals stay where they are.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::record::RecordKey;

/// A record of a cluster with the values that may survive.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Which record.
    pub key: RecordKey,
    /// Its values by field, those that are not null.
    pub values: BTreeMap<String, String>,
    /// The fields whose values the source verified.
    pub verified: BTreeSet<String>,
    /// When the source changed it last, in microseconds since 1970; unknown counts as longest ago.
    pub updated_at: Option<i64>,
    /// The place of its source among the sources, the most trusted being 0.
    pub priority: u32,
}

/// The value that survived in a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survivor {
    /// The value.
    pub value: String,
    /// The record it comes from.
    pub from: RecordKey,
    /// Why this one: `only`, `agreed`, `verified`, `latest`, `most_complete`, `trusted_source`, `first`, for consent `most_restrictive`, and
    /// `with_the_others` for a part of an address that goes with the parts which were chosen.
    pub because: &'static str,
}

/// Chooses for every field: verified before not verified, then the latest, then that of the most complete record, then that of the most
/// trusted source. `refusals` are flags such as `do_not_email`, of which one `true` is enough: consent takes the most restrictive. Of the
/// fields of an `address` only those survive together that agree: the new town and the old street are no address.
pub fn survivors(members: &[Member], refusals: &[&str], address: &[&str]) -> BTreeMap<String, Survivor> {
    let fields: BTreeSet<&String> = members.iter().flat_map(|member| member.values.keys()).collect();
    let best = |field: &String| Some((field.clone(), survivor(members, field, refusals.contains(&field.as_str()))?));
    let mut found: BTreeMap<String, Survivor> = fields.into_iter().filter_map(best).collect();
    let parts = parts(members, address);
    found.retain(|field, survivor| match parts.get(field.as_str()) {
        Some((value, from)) if survivor.value != *value => {
            *survivor = Survivor { value: value.clone(), from: from.clone(), because: "with_the_others" };
            true
        }
        part => part.is_some() || !address.contains(&field.as_str()),
    });
    found
}

/// The parts of an address: those of the best member that has any, and what members after it have besides, as long as they agree.
fn parts<'m>(members: &'m [Member], address: &[&'m str]) -> BTreeMap<&'m str, (String, RecordKey)> {
    let mut order: Vec<&Member> = members.iter().collect();
    order.sort_by(|one, other| rank(other, "").cmp(&rank(one, "")).then_with(|| one.key.cmp(&other.key)));
    let mut parts: BTreeMap<&str, (String, RecordKey)> = BTreeMap::new();
    for member in order {
        let own: Vec<(&str, &String)> = address.iter().filter_map(|field| Some((*field, member.values.get(*field)?))).collect();
        let agrees =
            own.iter().all(|(field, value)| parts.get(field).is_none_or(|(chosen, _)| chosen.to_lowercase() == value.to_lowercase()));
        if agrees {
            for (field, value) in own {
                parts.entry(field).or_insert_with(|| (value.clone(), member.key.clone()));
            }
        }
    }
    parts
}

type Rank = (bool, i64, usize, std::cmp::Reverse<u32>);

fn rank(member: &Member, field: &str) -> Rank {
    let updated = member.updated_at.unwrap_or(i64::MIN);
    (member.verified.contains(field), updated, member.values.len(), std::cmp::Reverse(member.priority))
}

fn survivor(members: &[Member], field: &str, is_refusal: bool) -> Option<Survivor> {
    let mut having: Vec<(&Member, &String)> = members.iter().filter_map(|member| Some((member, member.values.get(field)?))).collect();
    let rank = |member: &Member| rank(member, field);
    having.sort_by(|one, other| rank(other.0).cmp(&rank(one.0)).then_with(|| one.0.key.cmp(&other.0.key)));
    let chosen = |(member, value): &(&Member, &String), because| Survivor { value: (*value).clone(), from: member.key.clone(), because };
    if is_refusal && let Some(refused) = having.iter().find(|(_, value)| matches!(value.as_str(), "true" | "1" | "t")) {
        return Some(chosen(refused, "most_restrictive"));
    }
    let best = having.first()?;
    let other = having.iter().find(|(_, value)| *value != best.1);
    let because = match other {
        None if having.len() == 1 => "only",
        None => "agreed",
        Some((other, _)) => {
            let (mine, yours) = (rank(best.0), rank(other));
            match () {
                () if mine.0 != yours.0 => "verified",
                () if mine.1 != yours.1 => "latest",
                () if mine.2 != yours.2 => "most_complete",
                () if mine.3 != yours.3 => "trusted_source",
                () => "first",
            }
        }
    };
    Some(chosen(best, because))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(record: &str, updated_at: i64, priority: u32, values: &[(&str, &str)], verified: &[&str]) -> Member {
        Member {
            key: RecordKey::new("crm", record),
            values: values.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned())).collect(),
            verified: verified.iter().map(|field| (*field).to_owned()).collect(),
            updated_at: (updated_at > 0).then_some(updated_at),
            priority,
        }
    }

    #[test]
    fn every_rule_in_its_turn() {
        let members = [
            member("1", 10, 1, &[("email", "old@a"), ("city", "Bonn"), ("phone", "+491"), ("do_not_email", "true")], &["email"]),
            member("2", 20, 0, &[("email", "new@a"), ("city", "Köln"), ("do_not_email", "false")], &[]),
            member("3", 20, 1, &[("email", "new@a"), ("city", "Ulm"), ("title", "CEO"), ("street", "A")], &[]),
        ];
        let found = survivors(&members, &["do_not_email"], &[]);
        let told: Vec<(&str, &str, &str)> =
            found.iter().map(|(field, survivor)| (field.as_str(), survivor.value.as_str(), survivor.because)).collect();
        assert_eq!(
            told,
            [
                ("city", "Ulm", "most_complete"),
                ("do_not_email", "true", "most_restrictive"),
                ("email", "old@a", "verified"),
                ("phone", "+491", "only"),
                ("street", "A", "only"),
                ("title", "CEO", "only"),
            ]
        );
    }

    #[test]
    fn ties_are_decided_by_source_and_then_by_key() {
        let one = member("1", 0, 1, &[("city", "Bonn")], &[]);
        let two = member("2", 0, 0, &[("city", "Köln")], &[]);
        let three = member("3", 0, 0, &[("city", "Ulm")], &[]);
        let told = |members: &[Member]| survivors(members, &[], &[])["city"].clone();
        assert_eq!((told(&[one.clone(), two.clone()]).value.as_str(), told(&[two.clone(), one]).because), ("Köln", "trusted_source"));
        assert_eq!((told(&[three.clone(), two.clone()]).value.as_str(), told(&[two, three]).because), ("Köln", "first"));
    }

    #[test]
    fn an_address_is_one_address() {
        let address = ["street", "city", "postal_code", "country_code"];
        let found = |members: &[Member]| -> Vec<(String, String)> {
            survivors(members, &[], &address).into_iter().map(|(field, survivor)| (field, survivor.value)).collect()
        };
        let pairs =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned())).collect::<Vec<_>>();
        let old = member("1", 10, 0, &[("city", "Bonn"), ("country_code", "DE"), ("postal_code", "53111"), ("street", "Ringweg 1")], &[]);
        let moved = member("2", 20, 0, &[("city", "Ulm"), ("title", "CEO")], &[]);
        assert_eq!(found(&[old.clone(), moved]), pairs(&[("city", "Ulm"), ("title", "CEO")]));
        let stayed = member("3", 20, 0, &[("city", "BONN"), ("title", "CEO")], &[]);
        let whole = [("city", "BONN"), ("country_code", "DE"), ("postal_code", "53111"), ("street", "Ringweg 1"), ("title", "CEO")];
        assert_eq!(found(&[old.clone(), stayed]), pairs(&whole));
        let elsewhere = member("4", 20, 0, &[("country_code", "AT")], &[]);
        assert_eq!(found(&[old, elsewhere]), pairs(&[("country_code", "AT")]));
    }
}
