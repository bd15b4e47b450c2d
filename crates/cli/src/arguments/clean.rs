//! What can be typed after `clean`.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct CleanArguments {
    /// The semantic type, for example email, phone_number, country or money.
    #[arg(value_name = "TYPE", required_unless_present = "list")]
    pub(crate) semantic_type: Option<String>,
    /// The country of the values, ISO 3166-1 alpha-2, for telephone numbers and ambiguous names.
    #[arg(long, value_name = "CODE")]
    pub(crate) country: Option<String>,
    /// The time zone of times without one, an IANA name.
    #[arg(long, value_name = "ZONE")]
    pub(crate) time_zone: Option<String>,
    /// The decimal separator of the values: `.` or `,`.
    #[arg(long, value_name = "CHARACTER")]
    pub(crate) decimal_separator: Option<char>,
    /// Read 03/04/2026 as the third of April.
    #[arg(long)]
    pub(crate) day_first: bool,
    /// Tell what each value says besides itself: an extension, a campaign, the address that was probably meant.
    #[arg(long)]
    pub(crate) details: bool,
    /// List the semantic types and the codes their cleaners give.
    #[arg(long)]
    pub(crate) list: bool,
}
