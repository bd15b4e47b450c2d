//! HubSpot's exports of contacts, companies and deals: the English labels of its default properties.

use super::{Layout, LayoutColumn, aliased, column};
use crate::config::LayoutChoice;

/// The columns of associated companies: all of them in older exports, with a column for the primary one in newer ones.
const COMPANY_IDS: LayoutColumn =
    aliased("Associated Company IDs", &["Associated Company IDs (Primary)", "Primary Associated Company ID", "Associated Company ID"]);

pub(super) const CONTACTS: Layout = Layout {
    vendor: LayoutChoice::Hubspot,
    stream: "hubspot_contacts",
    object: "contact",
    recognised_by: &[
        &["Record ID", "Contact ID"],
        &["First Name", "Last Name", "Email"],
        &["Contact owner", "Lifecycle Stage", "Lead Status", "Marketing contact status", "Associated Company", "Create Date"],
    ],
    but_without: &["Deal Name", "Company owner", "Account ID", "AccountId"],
    keys: &["Record ID"],
    created_at: "Create Date",
    updated_at: "Last Modified Date",
    is_deleted: "",
    columns: &[
        // Exports before 2021 name the id after the object.
        aliased("Record ID", &["Contact ID"]),
        column("Salutation"),
        column("First Name"),
        column("Last Name"),
        column("Job Title"),
        column("Email"),
        column("Phone Number"),
        column("Mobile Phone Number"),
        column("Website URL"),
        column("Preferred language"),
        column("Time Zone"),
        aliased("Date of birth", &["Date of Birth"]),
        column("Gender"),
        column("Street Address"),
        column("City"),
        column("State/Region"),
        column("Postal Code"),
        column("Country/Region"),
        column("Lifecycle Stage"),
        column("Lead Status"),
        // Renamed in 2024.
        aliased("Original Traffic Source", &["Original Source"]),
        column("Unsubscribed from all email"),
        column("Last Activity Date"),
        COMPANY_IDS,
        column("Create Date"),
        column("Last Modified Date"),
    ],
};

pub(super) const COMPANIES: Layout = Layout {
    vendor: LayoutChoice::Hubspot,
    stream: "hubspot_companies",
    object: "company",
    recognised_by: &[
        &["Record ID", "Company ID"],
        &["Company name", "Company Name", "Name"],
        &["Company owner", "Company Domain Name", "Associated Contact IDs", "Create Date", "Industry"],
    ],
    but_without: &["Deal Name", "First Name", "Last Name", "Email"],
    keys: &["Record ID"],
    created_at: "Create Date",
    updated_at: "Last Modified Date",
    is_deleted: "",
    columns: &[
        aliased("Record ID", &["Company ID"]),
        aliased("Company name", &["Company Name", "Name"]),
        column("Company Domain Name"),
        column("Website URL"),
        column("Industry"),
        column("Number of Employees"),
        column("Annual Revenue"),
        column("Type"),
        column("Phone Number"),
        column("Street Address"),
        column("City"),
        column("State/Region"),
        column("Postal Code"),
        column("Country/Region"),
        column("Create Date"),
        column("Last Modified Date"),
    ],
};

pub(super) const DEALS: Layout = Layout {
    vendor: LayoutChoice::Hubspot,
    stream: "hubspot_deals",
    object: "deal",
    recognised_by: &[&["Record ID", "Deal ID"], &["Deal Name"], &["Deal Stage", "Pipeline", "Close Date", "Deal owner", "Amount"]],
    but_without: &[],
    keys: &["Record ID"],
    created_at: "Create Date",
    updated_at: "Last Modified Date",
    is_deleted: "",
    columns: &[
        aliased("Record ID", &["Deal ID"]),
        column("Deal Name"),
        column("Amount"),
        column("Currency"),
        column("Amount in company currency"),
        aliased("Deal probability", &["Deal Probability"]),
        aliased("Forecast category", &["Forecast Category"]),
        column("Close Date"),
        aliased("Is Closed Won", &["Is closed won"]),
        column("Closed Lost Reason"),
        column("Deal Type"),
        aliased("Next step", &["Next Step"]),
        COMPANY_IDS,
        column("Associated Contact IDs"),
        column("Create Date"),
        column("Last Modified Date"),
    ],
};
