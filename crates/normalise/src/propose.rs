//! A first mapping for records of unknown layout, to be read and corrected by a person.

use std::fmt::Write;

use aqueduct_schema::{CleaningStatus, Entity, RecordSchema, SemanticType};
use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};

use crate::cleaners::{self, CleaningContext};
use crate::value::Input;

/// Spellings of headers by field, lower case, letters and digits alone.
type Spellings = &'static [(&'static str, &'static [&'static str])];

const CONTACT: Spellings = &[
    ("email", &["email", "emailaddress", "mail", "emailadress", "primaryemail", "workemail", "email1", "contactemail"]),
    ("full_name", &["name", "fullname", "contactname", "displayname", "contact"]),
    ("first_name", &["firstname", "givenname", "forename", "fname", "first"]),
    ("middle_name", &["middlename", "middle"]),
    ("last_name", &["lastname", "surname", "familyname", "lname", "last"]),
    ("name_prefix", &["salutation", "prefix", "nameprefix", "honorific"]),
    ("name_suffix", &["suffix", "namesuffix"]),
    ("job_title", &["jobtitle", "title", "position", "role", "job"]),
    ("department", &["department", "dept"]),
    (
        "phone_e164",
        &["phone", "phonenumber", "telephone", "tel", "telephonenumber", "businessphone", "workphone", "primaryphone", "phone1"],
    ),
    ("mobile_e164", &["mobile", "mobilephone", "mobilenumber", "cell", "cellphone", "mobilephonenumber"]),
    ("language", &["language", "preferredlanguage", "locale", "lang"]),
    ("timezone", &["timezone", "tz"]),
    ("birth_date", &["birthdate", "dateofbirth", "birthday", "dob"]),
    ("gender", &["gender", "sex"]),
    ("street", &["street", "address", "streetaddress", "address1", "addressline1", "mailingstreet", "street1"]),
    ("city", &["city", "town", "mailingcity", "locality"]),
    ("region_code", &["state", "region", "province", "stateregion", "stateprovince", "county", "mailingstate"]),
    ("postal_code", &["zip", "zipcode", "postalcode", "postcode", "mailingzip", "mailingpostalcode", "zippostalcode"]),
    ("country_code", &["country", "countrycode", "countryregion", "mailingcountry", "nation"]),
    ("lifecycle_stage", &["lifecyclestage", "lifecycle"]),
    ("lead_status", &["leadstatus", "status"]),
    ("lead_source", &["leadsource", "source", "originalsource"]),
    ("do_not_email", &["emailoptout", "optout", "unsubscribed", "hasoptedoutofemail", "donotemail", "unsubscribedfromallemail"]),
    ("do_not_call", &["donotcall"]),
    ("last_activity_at", &["lastactivity", "lastactivitydate"]),
];

const ACCOUNT: Spellings = &[
    ("name", &["company", "companyname", "accountname", "organisation", "organization", "name", "organisationname", "organizationname"]),
    ("legal_name", &["legalname", "registeredname"]),
    ("domain", &["domain", "companydomain", "companydomainname", "domainname", "emaildomain"]),
    ("website_url", &["website", "websiteurl", "url", "web", "homepage", "site"]),
    ("industry_raw", &["industry", "sector", "branch"]),
    ("employee_count", &["employees", "numberofemployees", "employeecount", "headcount", "companysize"]),
    ("annual_revenue", &["annualrevenue", "revenue", "turnover"]),
    ("currency_code", &["currency", "currencycode", "currencyisocode"]),
    ("account_type", &["accounttype", "type", "companytype"]),
    ("phone_e164", &["phone", "phonenumber", "telephone", "tel"]),
    ("street", &["street", "address", "streetaddress", "address1", "billingstreet", "addressline1"]),
    ("city", &["city", "town", "billingcity"]),
    ("region_code", &["state", "region", "province", "stateregion", "billingstate"]),
    ("postal_code", &["zip", "zipcode", "postalcode", "postcode", "billingpostalcode", "billingzip"]),
    ("country_code", &["country", "countrycode", "countryregion", "billingcountry"]),
    ("vat_number", &["vat", "vatnumber", "vatid", "taxid"]),
    ("registration_number", &["registrationnumber", "companynumber"]),
];

const DEAL: Spellings = &[
    ("name", &["dealname", "opportunityname", "opportunity", "deal", "name", "title"]),
    ("amount", &["amount", "dealamount", "value", "dealvalue", "price"]),
    ("currency_code", &["currency", "currencycode", "dealcurrency", "currencyisocode"]),
    ("pipeline_stage_id", &["dealstage", "stage", "stagename", "pipelinestage"]),
    ("probability", &["probability", "dealprobability"]),
    ("expected_close_date", &["closedate", "expectedclosedate", "expectedclose"]),
    ("closed_at", &["closedat", "closeddate"]),
    ("status", &["status", "dealstatus"]),
    ("is_won", &["won", "iswon", "isclosedwon"]),
    ("loss_reason", &["lossreason", "lostreason", "closedlostreason"]),
    ("deal_type", &["dealtype", "type"]),
    ("next_step", &["nextstep"]),
];

const TIMES: Spellings = &[
    ("source_created_at", &["created", "createdat", "createdate", "createddate", "datecreated", "creationdate", "createdon"]),
    (
        "source_updated_at",
        &[
            "updated",
            "updatedat",
            "modified",
            "lastmodified",
            "lastmodifieddate",
            "modifiedon",
            "modifiedat",
            "dateupdated",
            "systemmodstamp",
        ],
    ),
];

/// Headers that tell which entity the records are.
const TELLING: [(&str, Spellings, &[&str]); 3] = [
    ("deal", DEAL, &["name", "amount", "pipeline_stage_id", "expected_close_date", "probability", "deal_type"]),
    ("contact", CONTACT, &["email", "first_name", "last_name", "mobile_e164", "job_title", "birth_date", "lead_source"]),
    ("account", ACCOUNT, &["name", "domain", "website_url", "industry_raw", "employee_count", "annual_revenue", "vat_number"]),
];

/// How many values of a column are looked at.
const SAMPLED: usize = 1_000;

/// Writes a proposal for mapping the records of `stream`: a `normalise` section for the pipeline file, in YAML, with every line that is
/// a guess marked so.
///
/// Guesses go by the English names and the common CRM spellings of headers. With a `sample` (columns by the names that the record's
/// fields have), a guess that most values contradict is left as a comment, and a column of e-mail addresses is found by its values.
pub fn propose(stream: &str, record: &RecordSchema, sample: Option<&RecordBatch>) -> String {
    let headers: Vec<(&str, String)> = record.fields.iter().map(|field| (field.path.as_str(), letters(&field.path))).collect();
    let (entity_name, spellings, _) = TELLING
        .into_iter()
        .max_by_key(|(_, spellings, telling)| {
            let found = spellings
                .iter()
                .filter(|(field, words)| telling.contains(field) && headers.iter().any(|(_, header)| words.contains(&header.as_str())));
            found.count()
        })
        .unwrap_or(("contact", CONTACT, &[]));
    let mut used: Vec<&str> = record.key.iter().map(String::as_str).collect();
    let (mut lines, mut times) = (Vec::new(), Vec::new());
    for (field, words) in TIMES.iter().chain(spellings) {
        let taken = match *field {
            "source_created_at" => record.created_at.is_some(),
            "source_updated_at" => record.updated_at.is_some(),
            _ => false,
        };
        // The first spelling is the plainest, so it goes before one that only comes earlier in the file.
        let found = words.iter().find_map(|word| headers.iter().find(|(path, header)| header == word && !used.contains(path)));
        let by_value = || match *field {
            "email" => headers
                .iter()
                .find(|(path, _)| !used.contains(path) && share(record, sample, path, SemanticType::Email).is_some_and(|good| good >= 0.8)),
            _ => None,
        };
        let Some((path, _)) = found.or_else(by_value).filter(|_| !taken) else { continue };
        used.push(path);
        let semantic = Entity::named(entity_name).and_then(|entity| entity.field(field)).map(|field| field.semantic);
        if matches!(semantic, Some(SemanticType::Date | SemanticType::Timestamp)) {
            times.push(*path);
        }
        let doubtful = semantic.and_then(|semantic| share(record, sample, path, semantic)).is_some_and(|good| good < 0.5);
        lines.push(if doubtful {
            format!("        # {field}: {} # by its name, but most values do not look like it", scalar(path))
        } else {
            format!("        {field}: {} # guessed", scalar(path))
        });
    }
    let order = cleaners::day_order(times.iter().flat_map(|path| texts(record, sample, path)));
    let unmapped: Vec<&str> = headers.iter().map(|(path, _)| *path).filter(|path| !used.contains(path) && !record.has_role(path)).collect();
    let mut text = String::new();
    let _ = writeln!(text, "# A proposal: check every line marked `guessed`, then put this into the pipeline file.");
    let _ = writeln!(text, "normalise:");
    if let Some(day_first) = order.day_first() {
        let _ = writeln!(text, "  defaults: {{ day_first: {day_first} }} # guessed: some dates cannot be read the other way");
    }
    let _ = writeln!(text, "  mappings:\n    - entity: {entity_name} # guessed\n      stream: {}", scalar(stream));
    if lines.iter().all(|line| line.trim_start().starts_with('#')) {
        let _ = writeln!(text, "      fields: {{}} # nothing was recognised");
    } else {
        let _ = writeln!(text, "      fields:");
    }
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
    if !unmapped.is_empty() {
        let names: Vec<String> = unmapped.iter().map(|path| path.replace(['\n', '\r'], " ")).collect();
        let _ = writeln!(text, "# Not mapped (they are loaded into the source's own table): {}", names.join(", "));
    }
    text
}

/// The fields of an entity that paths of a record seem to hold, by the same spellings as [`propose`] has: field and path. Only `contact`,
/// `account` and `deal` have spellings.
pub fn guess<'r>(entity: &str, record: &'r RecordSchema) -> Vec<(&'static str, &'r str)> {
    let Some((_, spellings, _)) = TELLING.into_iter().find(|(name, ..)| *name == entity) else { return Vec::new() };
    let headers: Vec<(&str, String)> = record.fields.iter().map(|field| (field.path.as_str(), letters(&field.path))).collect();
    let mut found: Vec<(&'static str, &str)> = Vec::new();
    for (field, words) in spellings {
        let free = |path: &str| !record.has_role(path) && !found.iter().any(|(_, used)| *used == path);
        let path = words.iter().find_map(|word| headers.iter().find(|(path, header)| header == word && free(path)));
        if let Some((path, _)) = path {
            found.push((field, path));
        }
    }
    found
}

/// A header's letters and digits in lower case, without the object keys before it.
fn letters(path: &str) -> String {
    let leaf = path.rsplit('.').next().filter(|leaf| !leaf.trim().is_empty()).unwrap_or(path);
    leaf.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The share of a column's values that the cleaner can use; `None` without a sample or with fewer than three values.
fn share(record: &RecordSchema, sample: Option<&RecordBatch>, path: &str, semantic: SemanticType) -> Option<f64> {
    let field = &record.fields[record.index_of(path)?];
    let column = sample?.column_by_name(&field.column)?;
    let input = Input::new(column).ok()?;
    let context = CleaningContext::default();
    let (mut good, mut all) = (0_u32, 0_u32);
    for row in 0..column.len().min(SAMPLED) {
        let value = input.value(row);
        let Some(text) = value.text().filter(|_| !value.is_blank()) else { continue };
        all += 1;
        let cleaned = cleaners::clean(semantic, &text, &context);
        good += u32::from(matches!(cleaned.status, CleaningStatus::Ok | CleaningStatus::Fixed | CleaningStatus::Suspect));
    }
    (all >= 3).then(|| f64::from(good) / f64::from(all))
}

/// The values of a text column in the sample.
fn texts<'s>(record: &RecordSchema, sample: Option<&'s RecordBatch>, path: &str) -> Vec<&'s str> {
    let column = record.index_of(path).and_then(|field| sample?.column_by_name(&record.fields[field].column));
    column.and_then(|column| column.as_string_opt::<i32>()).into_iter().flatten().flatten().take(SAMPLED).collect()
}

/// A name as a YAML scalar.
fn scalar(name: &str) -> String {
    let plain = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
        && !matches!(name.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n");
    // JSON's strings are YAML's double-quoted ones.
    if plain { name.to_owned() } else { serde_json::Value::from(name).to_string() }
}
