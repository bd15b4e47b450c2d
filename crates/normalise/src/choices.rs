//! Named functions of the mapping language that choose: a value where something holds, one element of a list.

use std::borrow::Cow;

use serde_json::Value;

type Parts<'p, 'a> = &'p [Option<Cow<'a, str>>];

/// The first part where the second one is true.
pub(crate) fn where_true<'a>(parts: Parts<'_, 'a>) -> Option<Cow<'a, str>> {
    let [Some(value), Some(holds)] = parts else { return None };
    matches!(holds.trim(), "true" | "1").then(|| value.clone())
}

/// The name of the element of a JSON list that is marked as primary; of the only element, where none is.
pub(crate) fn name_of_primary<'a>(parts: Parts<'_, 'a>) -> Option<Cow<'a, str>> {
    let Ok(Value::Array(items)) = serde_json::from_str(parts.first()?.as_deref()?) else { return None };
    let primary = items.iter().find(|item| item["primary"] == Value::Bool(true));
    let chosen = primary.or_else(|| items.first().filter(|_| items.len() == 1))?;
    Some(Cow::Owned(chosen["name"].as_str()?.to_owned()))
}

/// What the element of a JSON list that is marked as primary (`primary`, `is_primary`) says under a key; the only element, where none is
/// marked.
pub(crate) fn of_primary<'a>(parts: Parts<'_, 'a>) -> Option<Cow<'a, str>> {
    let [Some(list), Some(key)] = parts else { return None };
    let Ok(Value::Array(items)) = serde_json::from_str(list) else { return None };
    let primary = items.iter().find(|item| ["primary", "is_primary"].iter().any(|mark| item[*mark] == Value::Bool(true)));
    let chosen = primary.or_else(|| items.first().filter(|_| items.len() == 1))?;
    match &chosen[key.trim()] {
        Value::String(text) => Some(Cow::Owned(text.clone())),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

/// A time zone whose slashes are written as words: HubSpot's property `hs_timezone` holds `europe_slash_london`.
pub(crate) fn zone_in_words<'a>(parts: Parts<'_, 'a>) -> Option<Cow<'a, str>> {
    let text = parts.first()?.clone()?;
    if text.contains("_slash_") { Some(Cow::Owned(text.replace("_slash_", "/"))) } else { Some(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(text))
    }

    #[test]
    fn a_value_is_taken_where_something_holds() {
        assert_eq!(where_true(&[some("a"), some("true")]).as_deref(), Some("a"));
        assert_eq!(
            (where_true(&[some("a"), some("false")]), where_true(&[some("a"), None]), where_true(&[None, some("1")])),
            (None, None, None)
        );
    }

    #[test]
    fn the_primary_element_is_named_and_nothing_is_guessed() {
        let name = |text: &str| name_of_primary(&[some(text)]).map(Cow::into_owned);
        assert_eq!(name(r#"[{"name":"A","primary":false},{"name":"B","primary":true}]"#).as_deref(), Some("B"));
        assert_eq!(name(r#"[{"name":"A"}]"#).as_deref(), Some("A"));
        assert_eq!((name(r#"[{"name":"A"},{"name":"B"}]"#), name("[]"), name("x"), name("{}")), (None, None, None, None));
    }

    #[test]
    fn a_key_of_the_primary_element_is_taken() {
        let of = |list: &str, key: &str| of_primary(&[some(list), some(key)]).map(Cow::into_owned);
        let two = r#"[{"value":"b@acme.example","primary":false,"label":"home"},{"value":"a@acme.example","primary":true,"label":"work"}]"#;
        assert_eq!((of(two, "value").as_deref(), of(two, "label").as_deref()), (Some("a@acme.example"), Some("work")));
        assert_eq!(of(r#"[{"id":1},{"id":7,"is_primary":true}]"#, "id").as_deref(), Some("7"));
        assert_eq!(of(r#"[{"value":"a"}]"#, "value").as_deref(), Some("a"));
        // Nobody says which of two is meant, there is none, the key is not there.
        for (list, key) in
            [(r#"[{"value":"a"},{"value":"b"}]"#, "value"), ("[]", "value"), ("null", "value"), (two, "none"), ("x", "value")]
        {
            assert_eq!(of(list, key), None, "{list} {key}");
        }
        assert_eq!(of_primary(&[some(two), None]), None);
    }

    #[test]
    fn zones_in_words_get_their_slash() {
        assert_eq!(zone_in_words(&[some("america_slash_argentina_slash_ushuaia")]).as_deref(), Some("america/argentina/ushuaia"));
        assert_eq!(zone_in_words(&[some("Europe/London")]).as_deref(), Some("Europe/London"));
    }
}
