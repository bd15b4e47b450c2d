//! The vendor that a connector begins with when there is nothing but its name: invented, small, and complete.

use aqueduct_schema::{SemanticType, ValueType};

use crate::name::type_name;
use crate::plan::{Account, Credentials, Expression, Field, Limit, Mapping, Noted, Plan, Stream};
use crate::style::Style;

impl Plan {
    /// A connector to an invented vendor: contacts that can be asked for changes, lists that are read whole, an account and a token.
    pub fn example(name: &str) -> Self {
        Self::example_of(name, Credentials::Bearer, Style::Token)
    }

    /// The same with other credentials, and paged in another style.
    pub fn example_of(name: &str, credentials: Credentials, style: Style) -> Self {
        let page = |what: &str| format!("https://developers.{}.example/{what}", name.replace('_', "-"));
        let field = |path: &str, value_type, semantic| Field {
            path: path.to_owned(),
            value_type,
            semantic,
            why: None,
            is_number: false,
            primary: None,
        };
        let text = |path: &str| field(path, ValueType::Text, None);
        let time = |path: &str| field(path, ValueType::Timestamp, None);
        let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        let contacts = Stream {
            name: "contacts".to_owned(),
            object: "contact".to_owned(),
            path: "/contacts".to_owned(),
            items: Noted::known(keys(&["data"])),
            paging: Noted::known(style.paging()),
            page_size: (style != Style::Single).then(|| Noted::known(("limit".to_owned(), 100))),
            // What is counted must stand in an order that does not change.
            query: if style.counts() { vec![("sort".to_owned(), "asc".to_owned())] } else { Vec::new() },
            since: Some(Noted::known("updated_since".to_owned())),
            until: None,
            key: Noted::known("id".to_owned()),
            created_at: Some(Noted::known("created_at".to_owned())),
            updated_at: Some(Noted::known("updated_at".to_owned())),
            is_deleted: None,
            fields: vec![
                text("id"),
                field("email", ValueType::Text, Some(SemanticType::Email)),
                field("first_name", ValueType::Text, Some(SemanticType::PersonName)),
                field("last_name", ValueType::Text, Some(SemanticType::PersonName)),
                field("phone", ValueType::Text, Some(SemanticType::PhoneNumber)),
                field("unsubscribed", ValueType::Boolean, None),
                time("created_at"),
                time("updated_at"),
            ],
            documentation: page("contacts"),
        };
        let lists = Stream {
            name: "lists".to_owned(),
            object: "list".to_owned(),
            path: "/lists".to_owned(),
            // Lists tell no time.
            paging: Noted::known(if style == Style::Time { Style::Offset.paging() } else { style.paging() }),
            since: None,
            created_at: None,
            updated_at: None,
            fields: vec![text("id"), text("name"), field("member_count", ValueType::Integer, None)],
            documentation: page("lists"),
            ..contacts.clone()
        };
        let same = ["email", "first_name", "last_name"].map(|same| (same, same));
        let mapped = same.into_iter().chain([("phone_e164", "phone"), ("do_not_email", "unsubscribed")]);
        Self {
            name: name.to_owned(),
            title: type_name(name),
            documentation: page(""),
            base_url: Noted::known(Some(format!("https://api.{}.example/v1", name.replace('_', "-")))),
            credentials: Noted::known(credentials),
            account: Noted::known(Account::Endpoint { path: "/account".to_owned(), inside: None, id: "id".to_owned(), is_number: false }),
            headers: Vec::new(),
            limit: Noted::known(Limit { requests: 10, seconds: 1 }),
            retry_after_header: None,
            streams: vec![contacts, lists],
            mappings: vec![Mapping {
                entity: "contact",
                stream: "contacts".to_owned(),
                fields: mapped.map(|(field, path)| (field.to_owned(), Expression::Path(path.to_owned()))).collect(),
                is_guessed: false,
            }],
        }
    }
}
