//! The properties of a new account. Names and types of the product's own follow HubSpot's published lists.

use super::schema::PropertyType::{Bool, Date, DateTime, Enumeration, Number, PhoneNumber, String as Text};
use super::schema::{ObjectKind, Property, PropertyType};

/// Name, label, type.
type Row = (&'static str, &'static str, PropertyType);

const CONTACT: &[Row] = &[
    ("createdate", "Create Date", DateTime),
    ("hs_object_id", "Record ID", Number),
    ("lastmodifieddate", "Last Modified Date", DateTime),
    ("email", "Email", Text),
    ("firstname", "First Name", Text),
    ("lastname", "Last Name", Text),
    ("salutation", "Salutation", Text),
    ("phone", "Phone Number", Text),
    ("mobilephone", "Mobile Phone Number", Text),
    ("fax", "Fax Number", Text),
    ("company", "Company Name", Text),
    ("website", "Website URL", Text),
    ("jobtitle", "Job Title", Text),
    ("address", "Street Address", Text),
    ("city", "City", Text),
    ("state", "State/Region", Text),
    ("zip", "Postal Code", Text),
    ("country", "Country/Region", Text),
    ("hs_language", "Preferred language", Enumeration),
    ("lifecyclestage", "Lifecycle Stage", Enumeration),
    ("hs_lead_status", "Lead Status", Enumeration),
    ("hubspot_owner_id", "Contact owner", Enumeration),
    ("hs_email_optout", "Unsubscribed from all email", Bool),
    ("hs_email_bounce", "Marketing emails bounced", Number),
    ("hs_legal_basis", "Legal basis for processing contact's data", Enumeration),
    ("hs_marketable_status", "Marketing contact status", Bool),
    ("date_of_birth", "Date of birth", Text),
    ("annualrevenue", "Annual Revenue", Text),
    ("numemployees", "Number of Employees", Enumeration),
    ("message", "Message", Text),
    ("associatedcompanyid", "Primary Associated Company ID", Number),
    ("hs_analytics_source", "Original Traffic Source", Enumeration),
    ("notes_last_contacted", "Last Contacted", DateTime),
    ("hs_additional_emails", "Additional email addresses", Text),
    ("hs_whatsapp_phone_number", "WhatsApp Phone Number", PhoneNumber),
];

const COMPANY: &[Row] = &[
    ("createdate", "Create Date", DateTime),
    ("hs_object_id", "Record ID", Number),
    ("hs_lastmodifieddate", "Last Modified Date", DateTime),
    ("name", "Company name", Text),
    ("domain", "Company Domain Name", Text),
    ("website", "Website URL", Text),
    ("phone", "Phone Number", Text),
    ("address", "Street Address", Text),
    ("city", "City", Text),
    ("state", "State/Region", Text),
    ("zip", "Postal Code", Text),
    ("country", "Country/Region", Text),
    ("industry", "Industry", Enumeration),
    ("numberofemployees", "Number of Employees", Number),
    ("annualrevenue", "Annual Revenue", Number),
    ("lifecyclestage", "Lifecycle Stage", Enumeration),
    ("hubspot_owner_id", "Company owner", Enumeration),
    ("description", "Description", Text),
    ("founded_year", "Year Founded", Text),
    ("type", "Type", Enumeration),
];

const DEAL: &[Row] = &[
    ("createdate", "Create Date", DateTime),
    ("hs_object_id", "Record ID", Number),
    ("hs_lastmodifieddate", "Last Modified Date", DateTime),
    ("dealname", "Deal Name", Text),
    ("amount", "Amount", Number),
    ("deal_currency_code", "Currency", Enumeration),
    ("pipeline", "Pipeline", Enumeration),
    ("dealstage", "Deal Stage", Enumeration),
    ("closedate", "Close Date", DateTime),
    ("dealtype", "Deal Type", Enumeration),
    ("hubspot_owner_id", "Deal owner", Enumeration),
    ("description", "Deal Description", Text),
    ("hs_next_step", "Next step", Text),
    ("hs_priority", "Priority", Enumeration),
    ("closed_lost_reason", "Closed Lost Reason", Text),
];

const PRODUCT: &[Row] = &[
    ("createdate", "Create Date", DateTime),
    ("hs_object_id", "Record ID", Number),
    ("hs_lastmodifieddate", "Last Modified Date", DateTime),
    ("name", "Name", Text),
    ("description", "Product description", Text),
    ("hs_sku", "SKU", Text),
    ("price", "Unit price", Number),
    ("hs_cost_of_goods_sold", "Unit cost", Number),
    ("recurringbillingfrequency", "Billing frequency", Enumeration),
    ("hs_recurring_billing_period", "Term", Text),
];

const LINE_ITEM: &[Row] = &[
    ("createdate", "Create Date", DateTime),
    ("hs_object_id", "Record ID", Number),
    ("hs_lastmodifieddate", "Last Modified Date", DateTime),
    ("name", "Name", Text),
    ("description", "Description", Text),
    ("hs_product_id", "Product ID", Number),
    ("hs_sku", "SKU", Text),
    ("quantity", "Quantity", Number),
    ("price", "Unit price", Number),
    ("discount", "Unit discount", Number),
    ("hs_discount_percentage", "Discount percentage", Number),
    ("hs_line_item_currency_code", "Currency", Enumeration),
    ("recurringbillingfrequency", "Billing frequency", Enumeration),
    ("hs_recurring_billing_period", "Term", Text),
    ("hs_term_in_months", "Term (months)", Number),
];

/// Calculated properties of the product, by object.
const CALCULATED: &[(ObjectKind, Row)] = &[
    (ObjectKind::Contacts, ("num_associated_deals", "Number of Associated Deals", Number)),
    (ObjectKind::Contacts, ("hs_analytics_num_page_views", "Number of Pageviews", Number)),
    (ObjectKind::Contacts, ("hs_merged_object_ids", "Merged record IDs", Enumeration)),
    (ObjectKind::Contacts, ("hs_calculated_merged_vids", "Merged vids with timestamps of a contact", Enumeration)),
    (ObjectKind::Companies, ("num_associated_contacts", "Number of Associated Contacts", Number)),
    (ObjectKind::Companies, ("num_associated_deals", "Number of Associated Deals", Number)),
    (ObjectKind::Companies, ("hs_merged_object_ids", "Merged record IDs", Enumeration)),
    (ObjectKind::Deals, ("num_associated_contacts", "Number of Associated Contacts", Number)),
    (ObjectKind::Deals, ("hs_is_closed", "Is Deal Closed?", Bool)),
    (ObjectKind::Deals, ("hs_is_closed_won", "Is Closed Won", Bool)),
    (ObjectKind::Deals, ("hs_deal_stage_probability", "Deal probability", Number)),
    (ObjectKind::Deals, ("days_to_close", "Days to close", Number)),
    (ObjectKind::Deals, ("hs_merged_object_ids", "Merged record IDs", Enumeration)),
    (ObjectKind::LineItems, ("amount", "Net price", Number)),
    (ObjectKind::LineItems, ("hs_total_discount", "Total discount", Number)),
];

/// Value and label of the lifecycle stages.
pub(crate) const LIFECYCLE_STAGES: &[(&str, &str)] = &[
    ("subscriber", "Subscriber"),
    ("lead", "Lead"),
    ("marketingqualifiedlead", "Marketing Qualified Lead"),
    ("salesqualifiedlead", "Sales Qualified Lead"),
    ("opportunity", "Opportunity"),
    ("customer", "Customer"),
    ("evangelist", "Evangelist"),
    ("other", "Other"),
];

/// Value and label of the lead statuses.
pub(crate) const LEAD_STATUSES: &[(&str, &str)] = &[
    ("NEW", "New"),
    ("OPEN", "Open"),
    ("IN_PROGRESS", "In progress"),
    ("OPEN_DEAL", "Open deal"),
    ("UNQUALIFIED", "Unqualified"),
    ("ATTEMPTED_TO_CONTACT", "Attempted to contact"),
    ("CONNECTED", "Connected"),
    ("BAD_TIMING", "Bad timing"),
];

/// Value and label of the industries.
pub(crate) const INDUSTRIES: &[(&str, &str)] = &[
    ("ACCOUNTING", "Accounting"),
    ("COMPUTER_SOFTWARE", "Computer Software"),
    ("CONSTRUCTION", "Construction"),
    ("EDUCATION_MANAGEMENT", "Education Management"),
    ("FOOD_BEVERAGES", "Food & Beverages"),
    ("HOSPITAL_HEALTH_CARE", "Hospital & Health Care"),
    ("LOGISTICS_AND_SUPPLY_CHAIN", "Logistics and Supply Chain"),
    ("RETAIL", "Retail"),
    ("TELECOMMUNICATIONS", "Telecommunications"),
];

fn options(object: ObjectKind, name: &str) -> &'static [(&'static str, &'static str)] {
    match (object, name) {
        (_, "lifecyclestage") => LIFECYCLE_STAGES,
        (_, "hs_lead_status") => LEAD_STATUSES,
        (_, "industry") => INDUSTRIES,
        (_, "hs_language") => &[
            ("en", "English"),
            ("de", "German"),
            ("fr", "French"),
            ("es", "Spanish"),
            ("pt-br", "Portuguese - Brazil"),
            ("pl", "Polish"),
            ("ja", "Japanese"),
        ],
        (_, "hs_legal_basis") => &[
            ("Legitimate interest – prospect/lead", "Legitimate interest – prospect/lead"),
            ("Freely given consent from contact", "Freely given consent from contact"),
            ("Not applicable", "Not applicable"),
        ],
        (_, "hs_analytics_source") => &[
            ("ORGANIC_SEARCH", "Organic search"),
            ("PAID_SEARCH", "Paid search"),
            ("EMAIL_MARKETING", "Email marketing"),
            ("DIRECT_TRAFFIC", "Direct traffic"),
            ("OFFLINE", "Offline sources"),
        ],
        (_, "dealtype") => &[("newbusiness", "New Business"), ("existingbusiness", "Existing Business")],
        (_, "hs_priority") => &[("low", "Low"), ("medium", "Medium"), ("high", "High")],
        (_, "recurringbillingfrequency") => &[("monthly", "Monthly"), ("quarterly", "Quarterly"), ("annually", "Annually")],
        (_, "deal_currency_code" | "hs_line_item_currency_code") => {
            &[("USD", "US Dollar"), ("EUR", "Euro"), ("GBP", "British Pound"), ("JPY", "Japanese Yen")]
        }
        (ObjectKind::Companies, "type") => {
            &[("PROSPECT", "Prospect"), ("PARTNER", "Partner"), ("RESELLER", "Reseller"), ("VENDOR", "Vendor"), ("OTHER", "Other")]
        }
        (_, "favourite_colour") => &[("red", "Red"), ("green", "Green"), ("blue", "Blue"), ("#FF8800", "Orange")],
        (_, "interests") => &[("data", "Data"), ("privacy", "Privacy"), ("events", "Events"), ("pricing", "Pricing")],
        (_, "region") => &[("emea", "EMEA"), ("apac", "APAC"), ("americas", "Americas")],
        _ => &[],
    }
}

/// The properties of an object in a new account: the product's, then the account's own.
pub(crate) fn standard(object: ObjectKind) -> Vec<Property> {
    let rows = match object {
        ObjectKind::Contacts => CONTACT,
        ObjectKind::Companies => COMPANY,
        ObjectKind::Deals => DEAL,
        ObjectKind::Products => PRODUCT,
        ObjectKind::LineItems => LINE_ITEM,
    };
    let calculated = CALCULATED.iter().filter(|(owner, _)| *owner == object).map(|(_, row)| row);
    let product = rows
        .iter()
        .map(|(name, label, kind)| Property::custom(*name, *label, *kind))
        .chain(calculated.map(|(name, label, kind)| Property::custom(*name, *label, *kind).calculated()))
        .map(|property| Property { hubspot_defined: true, ..property });
    let own: &[Row] = match object {
        ObjectKind::Contacts => &[
            ("favourite_colour", "Favourite colour", Enumeration),
            ("interests", "Interests", Enumeration),
            ("loyalty_points", "Loyalty points", Number),
            ("member_since", "Member since", Date),
            ("budget_text", "Budget (as written)", Text),
            ("health_notes", "Health notes", Text),
        ],
        ObjectKind::Companies => &[("region", "Sales region", Enumeration), ("vat_number", "VAT number", Text)],
        ObjectKind::Deals => &[("budget_text", "Budget (as written)", Text), ("renewal_date", "Renewal date", Date)],
        ObjectKind::Products => &[("shelf", "Shelf in the warehouse", Text)],
        ObjectKind::LineItems => &[],
    };
    let own = own.iter().map(|(name, label, kind)| {
        let property = Property::custom(*name, *label, *kind);
        Property { sensitive: *name == "health_notes", ..property }
    });
    product
        .chain(own)
        .map(|property| {
            let unique = property.name == "hs_object_id" || (object == ObjectKind::Contacts && property.name == "email");
            let choices = options(object, &property.name);
            Property { unique, ..property.with_options(choices) }
        })
        .collect()
}
