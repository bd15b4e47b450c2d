//! The table of streams. Lists come newest first unless `sort=asc` is asked for, and page by counting.

use std::time::Duration;

use aqueduct_connector::schema::{Mode, RecordField, RecordSchema, Result, ValueType};
use aqueduct_connector::{Endpoint, Instants, LimitClass, Paging, Stream, Windows, fields};

use crate::api::Attribute;

macro_rules! docs {
    ($page:literal) => {
        concat!("https://developers.brevo.com/reference/", $page)
    };
}

/// Contacts and events have buckets of their own, ten requests a second or more; everything else shares one of an hour.
pub(crate) const FAST: LimitClass = LimitClass("contacts and events");
const EVENTS: &str = "transactional_events";

const DAY: Duration = Duration::from_secs(24 * 3600);
/// A report of events covers 90 days at most, its first and last day included, and days are the account's, which may be ahead of UTC or
/// behind: so windows overlap by a day.
const DAYS: Windows =
    Windows::spanning(Duration::from_secs(89 * 24 * 3600)).smallest(DAY).reaches_back(Duration::from_secs(88 * 24 * 3600)).overlapping();

const OLDEST_FIRST: &[(&str, &str)] = &[("sort", "asc")];
const WITHOUT_HTML: &[(&str, &str)] = &[("sort", "asc"), ("excludeHtmlContent", "true")];
/// Lists are sorted by creation, whatever is asked for; `modifiedSince` leaves the order alone.
const BY_CREATION: Paging = Paging::Time { parameter: "createdSince", time: "createdAt", offset: "offset" };

const OFFSET: Paging = Paging::AnchoredOffset { parameter: "offset" };
const PAGE: Paging = Paging::PageNumber { parameter: "page", first: 1 };

const CONTACT: &str = "id email:email emailBlacklisted:boolean smsBlacklisted:boolean whatsappBlacklisted:boolean createdAt:timestamp
    modifiedAt:timestamp listIds:json listUnsubscribed:json attributes.FIRSTNAME:person_name attributes.LASTNAME:person_name
    attributes.SMS:phone_number attributes.DOUBLE_OPT-IN";
const COMPANY: &str = "id attributes.name:company_name attributes.domain:domain attributes.industry attributes.phone_number:phone_number
    attributes.number_of_employees:integer attributes.revenue:decimal attributes.created_at:timestamp
    attributes.last_updated_at:timestamp linkedContactsIds:json linkedDealsIds:json";
const DEAL: &str = "id attributes.deal_name attributes.pipeline attributes.deal_stage attributes.amount:decimal
    attributes.close_date:timestamp attributes.created_at:timestamp attributes.last_updated_date:timestamp linkedContactsIds:json
    linkedCompaniesIds:json";
const EVENT: &str = "messageId event date:timestamp email:email subject reason tag ip link from:email templateId";
const LIST: &str = "id name folderId totalSubscribers:integer totalBlacklisted:integer uniqueSubscribers:integer";
const CAMPAIGN: &str = "id name subject type status tag scheduledAt:timestamp sentDate:timestamp createdAt:timestamp
    modifiedAt:timestamp utmCampaignValue utmSource utmMedium recipients:json
    previewText abTesting:boolean testSent:boolean header footer htmlContent:free_text sender:json replyTo:email toField statistics:json";
const BLOCKED: &str = "email:email senderEmail:email reason.code reason.message blockedAt:timestamp";

/// The streams, in order, with the attributes that the account's contacts, companies and deals have.
pub(crate) fn all([contacts, companies, deals]: [Vec<Attribute>; 3]) -> Result<Vec<Stream>> {
    let contact = RecordSchema::new("contact", with(contacts, CONTACT)?, &["id"]).times("createdAt", "modifiedAt");
    let company = RecordSchema::new("company", with(companies, COMPANY)?, &["id"]);
    let company = company.times("attributes.created_at", "attributes.last_updated_at");
    let deal = RecordSchema::new("deal", with(deals, DEAL)?, &["id"]);
    let deal = deal.times("attributes.created_at", "attributes.last_updated_date");
    let event = RecordSchema::new("event", fields(EVENT)?, &["messageId", "event", "date", "email"]).times("date", "date");
    let list = RecordSchema::new("list", fields(LIST)?, &["id"]);
    let campaign = RecordSchema::new("email_campaign", fields(CAMPAIGN)?, &["id"]).times("createdAt", "modifiedAt");
    let pipeline = RecordSchema::new("pipeline", fields("pipeline pipeline_name stages:json")?, &["pipeline"]);
    let user = RecordSchema::new("user", fields("email:email is_owner status feature_access:json")?, &["email"]);
    let blocked = RecordSchema::new("blocked_contact", fields(BLOCKED)?, &["email", "blockedAt"]);

    let changing = [Mode::Backfill, Mode::Changes];
    // Brevo tells no deletions; the list of all contacts shows who is gone.
    let listed = [Mode::Backfill, Mode::Changes, Mode::Ids];
    let whole = [Mode::Snapshot];
    let pages = |path, items, paging| Endpoint::new(path, items, paging).page_size("limit").query(OLDEST_FIRST);
    let from_creation = pages("/contacts", &["contacts"], BY_CREATION).since("modifiedSince").total(&["count"]).class(FAST);
    let by_days = pages("/smtp/statistics/events", &["events"], OFFSET).since("startDate").until("endDate").instants(Instants::Days);
    let without_html = pages("/emailCampaigns", &["campaigns"], OFFSET).query(WITHOUT_HTML);
    Ok(vec![
        Stream::new("contacts", contact, &listed, docs!("get-contacts-1"))
            .lag(Duration::from_secs(600))
            .page_size(1_000)
            .endpoint(from_creation),
        Stream::new(EVENTS, event, &changing, docs!("get-email-event-report-1"))
            .lag(Duration::from_secs(3_600))
            .page_size(2_500)
            .endpoint(by_days.class(FAST))
            .windows(DAYS)
            .records_may_be_missing(),
        Stream::new("companies", company, &whole, docs!("get-all-companies")).page_size(50).endpoint(pages("/companies", &["items"], PAGE)),
        Stream::new("deals", deal, &whole, docs!("get-all-deals")).page_size(50).endpoint(pages("/crm/deals", &["items"], OFFSET)),
        Stream::new("lists", list, &whole, docs!("get-lists-1")).page_size(50).endpoint(pages("/contacts/lists", &["lists"], OFFSET)),
        Stream::new("email_campaigns", campaign, &whole, docs!("get-email-campaigns-1")).endpoint(without_html),
        Stream::new("blocked_contacts", blocked, &whole, docs!("get-transac-blocked-contacts")).endpoint(pages(
            "/smtp/blockedContacts",
            &["contacts"],
            OFFSET,
        )),
        Stream::new("pipelines", pipeline, &whole, docs!("get-all-pipelines")).endpoint(Endpoint::new(
            "/crm/pipeline/details/all",
            &[],
            Paging::Single,
        )),
        Stream::new("users", user, &whole, docs!("getinviteduserslist")).endpoint(Endpoint::new(
            "/organization/invited/users",
            &["users"],
            Paging::Single,
        )),
    ])
}

/// The fields of the vendor's own and the attributes that are the account's. Attributes called global are the account's own values, and
/// transactional ones lists of orders; those of a category hold the number of a choice, whatever their type says.
fn with(attributes: Vec<Attribute>, text: &str) -> Result<Vec<RecordField>> {
    let mut fields = fields(text)?;
    for Attribute { name, r#type, category } in attributes {
        let (path, category) = (format!("attributes.{name}"), category.unwrap_or_default());
        if matches!(category.as_str(), "global" | "transactional") || fields.iter().any(|field| field.path == path) {
            continue;
        }
        let value_type = match r#type.as_deref() {
            _ if category == "category" => ValueType::Text,
            Some("float" | "number") => ValueType::Decimal,
            Some("boolean") => ValueType::Boolean,
            Some("date") => ValueType::Timestamp,
            Some("multiple-choice") => ValueType::Json,
            _ => ValueType::Text,
        };
        fields.push(RecordField { custom: true, calculated: category == "calculated", ..RecordField::new(&path, value_type) });
    }
    Ok(fields)
}
