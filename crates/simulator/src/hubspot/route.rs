//! From a request to the endpoint that answers it: paths, authentication, limits, scopes, in this order.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::Method;
use hyper::header::HeaderName;
use serde_json::{Value, json};

use super::auth::Auth;
use super::errors::Correlation;
use super::legacy::type_without_records;
use super::options::Options;
use super::schema::ObjectKind;
use super::store::Store;
use super::windows::Limiters;
use crate::clock::milliseconds;
use crate::counters::RequestClass;
use crate::server::{Asked, Reply, Vendor};

/// A longer path and query is refused with 414.
const MAX_URI: usize = 16 * 1024;
/// Settings that can change while the server runs, and those that handlers need.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) index_lag_ms: i64,
    /// The most records in a page of a list, where there is such a limit.
    pub(crate) page_records: Option<usize>,
    pub(crate) association_page_size: usize,
    pub(crate) inline_associations: usize,
    pub(crate) association_ids_as_numbers: bool,
}

/// The vendor: an account with its endpoints.
#[derive(Debug)]
pub(crate) struct HubSpot {
    pub(crate) errors: Correlation,
    store: Store,
    auth: Auth,
    limiters: Limiters,
    settings: Mutex<Settings>,
    /// The pointer of the last page asked for, by everything else in the request.
    last_cursors: Mutex<HashMap<String, Option<String>>>,
}

/// An endpoint with what its path says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    List(ObjectKind),
    Get(ObjectKind, String),
    Create(ObjectKind),
    Update(ObjectKind, String),
    Archive(ObjectKind, String),
    BatchRead(ObjectKind),
    BatchCreate(ObjectKind),
    BatchUpdate(ObjectKind),
    BatchArchive(ObjectKind),
    Search(ObjectKind),
    Merge(ObjectKind),
    GdprDelete(ObjectKind),
    Owners,
    Owner(String),
    Pipelines,
    Pipeline(String),
    Stages(String),
    Properties(ObjectKind),
    Property(ObjectKind, String),
    Associations(ObjectKind, String, ObjectKind),
    Associate(ObjectKind, String, ObjectKind, String),
    AssociateDefault(ObjectKind, String, ObjectKind, String),
    Dissociate(ObjectKind, String, ObjectKind, String),
    AssociationsBatch(ObjectKind, ObjectKind),
    NoAssociationsBatch(ObjectKind, &'static str),
    Labels(ObjectKind, ObjectKind),
    Lists,
    ListSearch,
    ListById(u64),
    Memberships { list: u64, by_join_time: bool },
    CustomObjectSchemas,
    LegacyProperties(ObjectKind),
    LegacyPipelines,
    Account,
    Token { first_version: bool },
    AccessToken(String),
    RefreshToken(String),
    RevokeRefreshToken(String),
}

impl Route {
    fn parse(asked: &Asked) -> Option<Self> {
        let decoded: Vec<String> = asked.path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
        let parts: Vec<&str> = decoded.iter().map(String::as_str).collect();
        let (get, post, put) = (asked.method == Method::GET, asked.method == Method::POST, asked.method == Method::PUT);
        let (patch, delete) = (asked.method == Method::PATCH, asked.method == Method::DELETE);
        let kind = ObjectKind::parse;
        let own = |text: &str| text.to_owned();
        Some(match parts.as_slice() {
            ["crm", "v3", "objects", t] if get => Self::List(kind(t)?),
            ["crm", "v3", "objects", t] if post => Self::Create(kind(t)?),
            ["crm", "v3", "objects", t, "batch", "read"] if post => Self::BatchRead(kind(t)?),
            ["crm", "v3", "objects", t, "batch", "create"] if post => Self::BatchCreate(kind(t)?),
            ["crm", "v3", "objects", t, "batch", "update"] if post => Self::BatchUpdate(kind(t)?),
            ["crm", "v3", "objects", t, "batch", "archive"] if post => Self::BatchArchive(kind(t)?),
            ["crm", "v3", "objects", t, "search"] if post => Self::Search(kind(t)?),
            ["crm", "v3", "objects", t, "merge"] if post => Self::Merge(kind(t)?),
            ["crm", "v3", "objects", t, "gdpr-delete"] if post => Self::GdprDelete(kind(t).filter(|kind| *kind == ObjectKind::Contacts)?),
            ["crm", "v3", "objects", t, id] if get => Self::Get(kind(t)?, own(id)),
            ["crm", "v3", "objects", t, id] if patch => Self::Update(kind(t)?, own(id)),
            ["crm", "v3", "objects", t, id] if delete => Self::Archive(kind(t)?, own(id)),
            ["crm", "v3", "owners"] if get => Self::Owners,
            ["crm", "v3", "owners", id] if get => Self::Owner(own(id)),
            ["crm", "v3", "pipelines", t] if get && kind(t) == Some(ObjectKind::Deals) => Self::Pipelines,
            ["crm", "v3", "pipelines", t, id] if get && kind(t) == Some(ObjectKind::Deals) => Self::Pipeline(own(id)),
            ["crm", "v3", "pipelines", t, id, "stages"] if get && kind(t) == Some(ObjectKind::Deals) => Self::Stages(own(id)),
            ["crm", "v3", "properties", t] if get => Self::Properties(kind(t)?),
            ["crm", "v3", "properties", t, name] if get => Self::Property(kind(t)?, own(name)),
            ["crm", "v4", "objects", t, id, "associations", u] if get => Self::Associations(kind(t)?, own(id), kind(u)?),
            ["crm", "v4", "objects", t, id, "associations", u, to] if put => Self::Associate(kind(t)?, own(id), kind(u)?, own(to)),
            ["crm", "v4", "objects", t, id, "associations", u, to] if delete => Self::Dissociate(kind(t)?, own(id), kind(u)?, own(to)),
            ["crm", "v4", "objects", t, id, "associations", "default", u, to] if put => {
                Self::AssociateDefault(kind(t)?, own(id), kind(u)?, own(to))
            }
            ["crm", "v4", "associations", t, u, "batch", "read"] if post => match kind(u) {
                Some(to) => Self::AssociationsBatch(kind(t)?, to),
                None => Self::NoAssociationsBatch(kind(t)?, type_without_records(u)?),
            },
            ["crm", "v4", "associations", t, u, "labels"] if get => Self::Labels(kind(t)?, kind(u)?),
            ["crm", "v3", "lists"] if get => Self::Lists,
            ["crm", "v3", "lists", "search"] if post => Self::ListSearch,
            ["crm", "v3", "lists", id] if get => Self::ListById(id.parse().ok()?),
            ["crm", "v3", "lists", id, "memberships"] if get => Self::Memberships { list: id.parse().ok()?, by_join_time: false },
            ["crm", "v3", "lists", id, "memberships", "join-order"] if get => {
                Self::Memberships { list: id.parse().ok()?, by_join_time: true }
            }
            ["crm", "v3", "schemas"] | ["crm-object-schemas", "v3", "schemas"] if get => Self::CustomObjectSchemas,
            ["properties", "v2", t, "properties"] if get => Self::LegacyProperties(kind(t)?),
            ["crm-pipelines", "v1", "pipelines", "deals"] if get => Self::LegacyPipelines,
            ["account-info", "v3", "details"] if get => Self::Account,
            ["oauth", "v1", "token"] if post => Self::Token { first_version: true },
            ["oauth", "v3" | "2026-03", "token"] if post => Self::Token { first_version: false },
            ["oauth", "v1", "access-tokens", token] if get => Self::AccessToken(own(token)),
            ["oauth", "v1", "refresh-tokens", token] if get => Self::RefreshToken(own(token)),
            ["oauth", "v1", "refresh-tokens", token] if delete => Self::RevokeRefreshToken(own(token)),
            _ => return None,
        })
    }

    fn class(&self) -> RequestClass {
        match self {
            Self::List(_) => RequestClass::List,
            Self::Get(..) => RequestClass::Get,
            Self::BatchRead(_) => RequestClass::Batch,
            Self::Search(_) => RequestClass::Search,
            Self::Associations(..) | Self::AssociationsBatch(..) | Self::NoAssociationsBatch(..) => RequestClass::Association,
            Self::Owners | Self::Owner(_) | Self::Pipelines | Self::Pipeline(_) | Self::Stages(_) => RequestClass::Reference,
            Self::Properties(_) | Self::Property(..) | Self::Labels(..) | Self::Account => RequestClass::Reference,
            Self::Lists | Self::ListSearch | Self::ListById(_) | Self::Memberships { .. } => RequestClass::Reference,
            Self::CustomObjectSchemas | Self::LegacyProperties(_) | Self::LegacyPipelines => RequestClass::Reference,
            Self::Token { .. } | Self::AccessToken(_) | Self::RefreshToken(_) | Self::RevokeRefreshToken(_) => RequestClass::Token,
            _ => RequestClass::Write,
        }
    }

    /// The scope that a call needs.
    fn scope(&self) -> Option<String> {
        Some(match self {
            Self::List(kind) | Self::Get(kind, _) | Self::BatchRead(kind) | Self::Search(kind) => {
                format!("crm.objects.{}.read", kind.name())
            }
            Self::Associations(kind, ..)
            | Self::AssociationsBatch(kind, _)
            | Self::NoAssociationsBatch(kind, _)
            | Self::Labels(kind, _) => {
                format!("crm.objects.{}.read", kind.name())
            }
            Self::Create(kind) | Self::Update(kind, _) | Self::Archive(kind, _) | Self::Merge(kind) | Self::GdprDelete(kind) => {
                format!("crm.objects.{}.write", kind.name())
            }
            Self::BatchCreate(kind) | Self::BatchUpdate(kind) | Self::BatchArchive(kind) => format!("crm.objects.{}.write", kind.name()),
            Self::Associate(kind, ..) | Self::AssociateDefault(kind, ..) | Self::Dissociate(kind, ..) => {
                format!("crm.objects.{}.write", kind.name())
            }
            Self::Owners | Self::Owner(_) => "crm.objects.owners.read".to_owned(),
            Self::Pipelines | Self::Pipeline(_) | Self::Stages(_) | Self::LegacyPipelines => "crm.schemas.deals.read".to_owned(),
            Self::Lists | Self::ListSearch | Self::ListById(_) | Self::Memberships { .. } => "crm.lists.read".to_owned(),
            Self::CustomObjectSchemas => "crm.schemas.custom.read".to_owned(),
            Self::Properties(kind) | Self::Property(kind, _) | Self::LegacyProperties(kind) => format!("crm.schemas.{}.read", kind.name()),
            Self::Account => "oauth".to_owned(),
            Self::Token { .. } | Self::AccessToken(_) | Self::RefreshToken(_) | Self::RevokeRefreshToken(_) => return None,
        })
    }
}

fn decode(part: &str) -> String {
    let pair = format!("x={}", part.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

impl HubSpot {
    pub(crate) fn new(options: &Options, store: Store) -> Self {
        let settings = Settings {
            index_lag_ms: milliseconds(options.index_lag),
            page_records: options.page_records,
            association_page_size: options.association_page_size.max(1),
            inline_associations: options.inline_associations.max(1),
            association_ids_as_numbers: options.association_ids_as_numbers,
        };
        Self {
            errors: Correlation::new(options.seed),
            auth: Auth::new(options.seed, store.clock().clone(), milliseconds(options.token_lifetime)),
            limiters: Limiters::new(options.limits),
            settings: Mutex::new(settings),
            last_cursors: Mutex::new(HashMap::new()),
            store,
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn auth(&self) -> &Auth {
        &self.auth
    }

    pub(crate) fn limiters(&self) -> &Limiters {
        &self.limiters
    }

    pub(crate) fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dispatch(&self, asked: &Asked, route: &Route) -> Result<Reply, Reply> {
        match route {
            Route::List(kind) => self.list(asked, *kind),
            Route::Get(kind, id) => self.get(asked, *kind, id),
            Route::BatchRead(kind) => self.batch_read(asked, *kind),
            Route::Search(kind) => self.search(asked, *kind),
            Route::Create(kind) => self.create(asked, *kind),
            Route::Update(kind, id) => self.update(asked, *kind, id),
            Route::Archive(kind, id) => self.archive(*kind, id),
            Route::BatchCreate(kind) => self.batch_create(asked, *kind),
            Route::BatchUpdate(kind) => self.batch_update(asked, *kind),
            Route::BatchArchive(kind) => self.batch_archive(asked, *kind),
            Route::Merge(kind) => self.merge(asked, *kind),
            Route::GdprDelete(kind) => self.gdpr_delete(asked, *kind),
            Route::Owners => self.owners(asked),
            Route::Owner(id) => self.owner(asked, id),
            Route::Pipelines => Ok(self.pipelines()),
            Route::Pipeline(id) => self.pipeline(id),
            Route::Stages(id) => self.stages(id),
            Route::Properties(kind) => Ok(self.properties(asked, *kind)),
            Route::Property(kind, name) => self.property(*kind, name),
            Route::Associations(from, id, to) => self.associations(asked, *from, id, *to),
            Route::AssociationsBatch(from, to) => self.associations_batch(asked, *from, *to),
            Route::Associate(from, id, to, other) => self.associate(asked, (*from, id), (*to, other), false),
            Route::AssociateDefault(from, id, to, other) => self.associate(asked, (*from, id), (*to, other), true),
            Route::Dissociate(from, id, to, other) => self.dissociate((*from, id), (*to, other)),
            Route::NoAssociationsBatch(from, to) => self.no_associations_batch(asked, *from, to),
            Route::Lists => self.lists(asked),
            Route::ListSearch => self.list_search(asked),
            Route::ListById(id) => self.list_by_id(*id),
            Route::Memberships { list, by_join_time } => self.memberships(asked, *list, *by_join_time),
            Route::CustomObjectSchemas => Ok(self.custom_object_schemas()),
            Route::LegacyProperties(kind) => Ok(self.legacy_properties(*kind)),
            Route::LegacyPipelines => Ok(self.legacy_pipelines()),
            Route::Labels(from, to) => Ok(self.labels(*from, *to)),
            Route::Account => Ok(self.account()),
            Route::Token { first_version } => Ok(self.auth.token(asked, *first_version, &self.errors)),
            Route::AccessToken(token) => Ok(self.auth.access_token_info(token, &self.errors)),
            Route::RefreshToken(token) => Ok(self.auth.refresh_token_info(token, &self.errors)),
            Route::RevokeRefreshToken(token) => Ok(self.auth.revoke_refresh_token(token)),
        }
    }

    fn checked(&self, asked: &Asked) -> Result<Reply, Reply> {
        if asked.target().len() > MAX_URI {
            return Err(self.errors.of_status(414, false));
        }
        let route = Route::parse(asked).ok_or_else(|| self.errors.of_status(404, false))?;
        let Some(scope) = route.scope() else { return self.dispatch(asked, &route) };
        let caller = self.auth.caller(asked, &self.errors)?;
        let now = self.store.clock().now_ms();
        let headers =
            self.limiters.take(now, matches!(route, Route::Search(_)), caller).map_err(|refusal| refusal.reply(&self.errors, now))?;
        let mut reply =
            self.auth.check_scope(&scope, &self.errors).and_then(|()| self.dispatch(asked, &route)).unwrap_or_else(|error| error);
        reply.headers.extend(headers);
        Ok(reply)
    }

    /// Everything in a paged request but the pointer.
    fn page_key(asked: &Asked) -> String {
        let query: Vec<String> =
            asked.pairs().into_iter().filter(|(name, _)| name != "after").map(|(name, value)| format!("{name}={value}")).collect();
        let mut body: Value = serde_json::from_slice(&asked.body).unwrap_or(Value::Null);
        if let Value::Object(members) = &mut body {
            members.remove("after");
        }
        format!("{} {} {} {body}", asked.method, asked.path, query.join("&"))
    }

    fn cursors(&self) -> MutexGuard<'_, HashMap<String, Option<String>>> {
        self.last_cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vendor for HubSpot {
    fn class(&self, asked: &Asked) -> RequestClass {
        Route::parse(asked).map_or(RequestClass::Unknown, |route| route.class())
    }

    fn logged_path(&self, asked: &Asked) -> String {
        match asked.path.split_once("-tokens/") {
            Some((start, _)) => format!("{start}-tokens/{{token}}"),
            None if self.class(asked) == RequestClass::Token => asked.path.clone(),
            None => asked.target(),
        }
    }

    fn answer(&self, asked: &Asked) -> Reply {
        let reply = self.checked(asked).unwrap_or_else(|error| error);
        if reply.status == 200 && matches!(self.class(asked), RequestClass::List | RequestClass::Search | RequestClass::Reference) {
            let mut cursors = self.cursors();
            // A bound for accounts that are searched for days with ever new filters.
            if cursors.len() > 10_000 {
                cursors.clear();
            }
            cursors.insert(Self::page_key(asked), self.cursor(asked));
        }
        let correlation = self.errors.next();
        reply.with(HeaderName::from_static("x-hubspot-correlation-id"), correlation)
    }

    fn error(&self, status: u16, class: RequestClass) -> Reply {
        self.errors.of_status(status, class == RequestClass::Search)
    }

    fn expire_tokens(&self) {
        self.auth.expire_all(self.store.clock().now_ms());
    }

    fn previous_page(&self, asked: &Asked) -> Option<Asked> {
        // A first page has none before it, whatever an earlier walk through the same pages ended with.
        self.cursor(asked).filter(|cursor| cursor != "0")?;
        let previous = self.cursors().get(&Self::page_key(asked)).cloned()?;
        let mut asked = asked.clone();
        if asked.method == Method::GET {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(asked.pairs().iter().filter(|(name, _)| name != "after"));
            if let Some(previous) = &previous {
                query.append_pair("after", previous);
            }
            asked.query = query.finish();
        } else {
            let mut body: Value = serde_json::from_slice(&asked.body).ok()?;
            body["after"] = previous.map_or(Value::Null, Value::String);
            asked.body = Bytes::from(body.to_string());
        }
        Some(asked)
    }

    fn cursor(&self, asked: &Asked) -> Option<String> {
        if asked.method == Method::GET {
            return asked.pairs().into_iter().find(|(name, _)| name == "after").map(|(_, value)| value);
        }
        let body: Value = serde_json::from_slice(&asked.body).ok()?;
        match &body["after"] {
            Value::String(after) => Some(after.clone()),
            Value::Number(after) => Some(after.to_string()),
            _ => None,
        }
    }

    fn with_next_cursor(&self, mut page: Reply, cursor: Option<&str>) -> Reply {
        if let (Some(cursor), Ok(mut body)) = (cursor, serde_json::from_slice::<Value>(&page.body)) {
            body["paging"] = json!({"next": {"after": cursor}});
            page.body = Bytes::from(body.to_string());
        }
        page
    }

    fn reversed(&self, mut page: Reply) -> Reply {
        if let Ok(mut body) = serde_json::from_slice::<Value>(&page.body) {
            if let Some(rows) = body["results"].as_array_mut() {
                rows.reverse();
            }
            page.body = Bytes::from(body.to_string());
        }
        page
    }
}
