//! What a description says of the vendor as a whole: its address, its credentials, its account.

use serde_json::Value;

use super::document::{Document, Kind};
use super::fields::letters;
use crate::plan::{Account, Credentials, Noted};

/// The last parts of paths that tell of whoever asks.
const ME: &[&str] = &["me", "self", "whoami", "account", "accountinfo", "current", "currentuser", "authinfo"];

/// The address of the API.
pub(super) fn base_url(document: &Document) -> Noted<Option<String>> {
    let root = &document.root;
    let server = &root["servers"][0];
    let written = match (server["url"].as_str(), root["host"].as_str()) {
        (Some(url), _) => {
            let variables = server["variables"].as_object().into_iter().flatten();
            variables.fold(url.to_owned(), |url, (name, variable)| {
                url.replace(&format!("{{{name}}}"), variable["default"].as_str().unwrap_or_default())
            })
        }
        (None, Some(host)) => {
            let schemes: Vec<&str> = root["schemes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let scheme = if schemes.contains(&"https") || schemes.is_empty() { "https" } else { schemes[0] };
            format!("{scheme}://{host}{}", root["basePath"].as_str().unwrap_or_default())
        }
        (None, None) => String::new(),
    };
    let url = written.trim_end_matches('/').to_owned();
    let is_whole = url::Url::parse(&url).is_ok_and(|url| url.has_host()) && !url.contains(['{', '}']);
    let several = root["servers"].as_array().map_or(0, Vec::len);
    match (is_whole, several) {
        (false, _) => Noted::guessed(None, "the description has no whole address, so the config must"),
        (true, 0 | 1) => Noted::known(Some(url)),
        (true, _) => Noted::guessed(Some(url), format!("the first of {several} servers")),
    }
}

/// How requests prove who sends them: the simplest way there is, since a token that was fetched elsewhere does for a first reading.
pub(super) fn credentials(document: &Document) -> Noted<Credentials> {
    let root = &document.root;
    let schemes = root["components"]["securitySchemes"].as_object().or_else(|| root["securityDefinitions"].as_object());
    let schemes: Vec<&Value> = schemes.into_iter().flatten().filter_map(|(_, scheme)| document.follow(scheme)).collect();
    let is = |scheme: &Value, key: &str, word: &str| scheme[key].as_str().is_some_and(|said| said.eq_ignore_ascii_case(word));
    let find = |wanted: &dyn Fn(&Value) -> bool| schemes.iter().copied().find(|scheme| wanted(scheme));
    let note = |credentials, why: &str| if schemes.len() > 1 { Noted::guessed(credentials, why) } else { Noted::known(credentials) };
    if find(&|scheme| is(scheme, "type", "http") && is(scheme, "scheme", "bearer")).is_some() {
        return note(Credentials::Bearer, "the simplest of the ways that the description has");
    }
    let key = |place| find(&move |scheme: &Value| is(scheme, "type", "apiKey") && is(scheme, "in", place));
    if let Some((scheme, name)) = key("header").and_then(|scheme| Some((scheme, scheme["name"].as_str()?))) {
        let is_authorization = name.eq_ignore_ascii_case("authorization");
        let (prefix, said) = if is_authorization { prefix(scheme) } else { (String::new(), true) };
        let credentials = Credentials::Header { name: name.to_ascii_lowercase(), prefix: prefix.clone() };
        return match (is_authorization && prefix == "Bearer ", said) {
            (true, _) => note(Credentials::Bearer, "the simplest of the ways that the description has"),
            (false, true) => note(credentials, "the simplest of the ways that the description has"),
            (false, false) => {
                Noted::guessed(credentials, format!("what stands before the key (`{prefix}`) is read out of the words about it"))
            }
        };
    }
    if let Some(name) = key("query").and_then(|scheme| scheme["name"].as_str()) {
        return note(Credentials::Query(name.to_owned()), "the simplest of the ways that the description has");
    }
    if find(&|scheme| is(scheme, "type", "basic") || is(scheme, "scheme", "basic")).is_some() {
        return note(Credentials::Basic, "the simplest of the ways that the description has");
    }
    if find(&|scheme| is(scheme, "type", "oauth2") || is(scheme, "type", "openIdConnect")).is_some() {
        return Noted::guessed(
            Credentials::Bearer,
            "the vendor has OAuth: this takes a token as it is; `Auth::OAuth2` fetches and renews one",
        );
    }
    match schemes.is_empty() {
        true => Noted::guessed(Credentials::Bearer, "the description does not say how requests are signed"),
        false => Noted::guessed(Credentials::None, "the description has only ways of signing that are not known here"),
    }
}

/// What stands before a key in `Authorization`, and whether it is said and not guessed.
fn prefix(scheme: &Value) -> (String, bool) {
    if let Some(word) = scheme["x-default"].as_str().and_then(|example| example.split_once(' ')).map(|(word, _)| word) {
        return (format!("{word} "), false);
    }
    let words = scheme["description"].as_str().unwrap_or_default();
    let quoted = words.split('`').skip(1).step_by(2).filter_map(|code| code.trim_start_matches("Authorization:").trim().split_once(' '));
    let found = quoted.map(|(word, _)| word).find(|word| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
    found.map_or((String::new(), false), |word| (format!("{word} "), false))
}

/// What tells of the account.
pub(super) fn account(document: &Document) -> Noted<Account> {
    let mut best: Option<(usize, Account)> = None;
    for read in document.reads() {
        let last = letters(read.path.rsplit('/').next().unwrap_or_default());
        let Some(rank) = ME.iter().position(|word| *word == last) else { continue };
        let needs = read.parameters.iter().any(|parameter| parameter["required"] == true && parameter["in"] != "header");
        if read.path.contains('{') || needs {
            continue;
        }
        let Some((answer, _)) = document.answer(read.operation) else { continue };
        let Some((inside, id, is_number)) = id_in(document, answer) else { continue };
        if best.as_ref().is_none_or(|(known, _)| rank < *known) {
            best = Some((rank, Account::Endpoint { path: read.path.to_owned(), inside, id, is_number }));
        }
    }
    match best {
        Some((_, Account::Endpoint { path, inside, id, is_number })) => {
            let why = format!("`{path}` tells of whoever asks; look whether `{id}` is the account's id and not a person's");
            Noted::guessed(Account::Endpoint { path, inside, id, is_number }, why)
        }
        _ => Noted::guessed(Account::Config, "no path tells of the account, so the first stream is asked whether the credentials are good"),
    }
}

/// Where the answer about an account has an id: inside which object, its key, whether it is a number.
fn id_in(document: &Document, answer: &Value) -> Option<(Option<String>, String, bool)> {
    const IDS: &[&str] = &["accountid", "companyid", "organizationid", "portalid", "workspaceid", "id", "uuid", "userid"];
    let of = |schema| {
        let shape = document.shape(schema);
        let named = |word: &&str| {
            let (name, schema) = shape.properties.iter().find(|(name, _)| letters(name) == **word)?;
            let kind = document.shape(schema).kind;
            matches!(kind, Kind::Text | Kind::Integer).then(|| ((*name).to_owned(), kind == Kind::Integer))
        };
        IDS.iter().find_map(named)
    };
    if let Some((id, is_number)) = of(answer) {
        return Some((None, id, is_number));
    }
    let shape = document.shape(answer);
    let inner = shape.properties.iter().find(|(name, _)| ["data", "result", "account", "user"].contains(name))?;
    of(inner.1).map(|(id, is_number)| (Some(inner.0.to_owned()), id, is_number))
}
