//! Mailchimp's audience exports: its own columns, in capitals, beside the audience's fields.

use super::{Layout, LayoutColumn, column};
use crate::config::LayoutChoice;

/// An audience export is an archive of three files; each has columns of its own, so each is a stream of its own. `Birthday` has no
/// year and is not mapped.
const COLUMNS: &[LayoutColumn] = &[
    column("LEID"),
    column("Email Address"),
    column("First Name"),
    column("Last Name"),
    column("Phone Number"),
    column("TIMEZONE"),
    column("CC"),
    column("REGION"),
    column("OPTIN_TIME"),
    column("LAST_CHANGED"),
];

pub(super) const MEMBERS: Layout = Layout {
    vendor: LayoutChoice::Mailchimp,
    stream: "mailchimp_members",
    object: "member",
    recognised_by: &[&["Email Address"], &["MEMBER_RATING", "OPTIN_TIME", "LAST_CHANGED"], &["LEID", "EUID", "CONFIRM_TIME"]],
    but_without: &["UNSUB_TIME", "CLEAN_TIME"],
    keys: &["LEID", "Email Address"],
    created_at: "OPTIN_TIME",
    updated_at: "LAST_CHANGED",
    is_deleted: "",
    columns: COLUMNS,
};

pub(super) const UNSUBSCRIBED: Layout = Layout {
    stream: "mailchimp_unsubscribed_members",
    recognised_by: &[&["Email Address"], &["UNSUB_TIME"]],
    but_without: &["CLEAN_TIME"],
    ..MEMBERS
};

pub(super) const CLEANED: Layout =
    Layout { stream: "mailchimp_cleaned_members", recognised_by: &[&["Email Address"], &["CLEAN_TIME"]], but_without: &[], ..MEMBERS };
