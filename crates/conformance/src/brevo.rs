//! Brevo as the simulator plays it: an account without limits, whose contacts are changed.

use aqueduct_simulator::brevo::{Account, description};
use serde_json::Value;

use crate::plain::{self, Plain};

/// The vendor. `modifiedSince` and `createdSince` take in the instant that they name.
///
/// Contacts change while they are read: who asks for `createdSince` with `sort=asc` can read on by value.
pub fn vendor() -> Plain {
    vendor_of(&Account::default())
}

/// The same where the instant itself is left out. Brevo documents neither, so a connector keeps the rules with both.
pub fn vendor_whose_since_excludes() -> Plain {
    vendor_of(&Account { since_excludes: true, ..Account::default() })
}

fn vendor_of(account: &Account) -> Plain {
    plain::vendor(description(account)).changing("contacts").changed_while_read().ids(id)
}

/// The id of what has one: contacts, lists, campaigns, companies and deals. Contacts that a list has are no stream of their own.
fn id(_stream: &str, record: &Value) -> Option<String> {
    match &record["id"] {
        Value::Number(id) => Some(id.to_string()),
        Value::String(id) => Some(id.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::vendor::{Ability, Vendor};

    #[tokio::test]
    async fn ids_are_those_that_records_have() {
        let vendor = vendor();
        assert!(vendor.facts().can(Ability::Change) && vendor.facts().stream == "contacts");
        let account = vendor.open().await.unwrap();
        let ids = |stream| account.live_ids(stream);
        assert_eq!(ids("contacts").map(|ids| ids.len()), Some(35));
        assert!(ids("deals").is_some_and(|ids| ids.iter().all(|id| id.len() == 24)));
        for stream in ["events", "attributes", "users", "nothing"] {
            assert_eq!(ids(stream), None, "{stream}");
        }
        let made = account.create("contacts", 2).unwrap();
        account.delete("contacts", "1001").unwrap();
        let left = ids("contacts").unwrap_or_default();
        assert!(made.iter().all(|id| left.contains(id)) && !left.contains("1001"));
        assert!(account.config()["api_key"].as_str().is_some_and(|key| key.starts_with("xkeysib-")));
    }
}
