//! What a code of a cleaner means: the table behind the documentation and the `_flags` column.

use aqueduct_schema::{CleaningStatus, SemanticType};

use super::CleaningContext;

/// One reason a cleaner can give.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The stable word, `type.reason`.
    pub code: &'static str,
    /// The kind of value it belongs to.
    pub semantic: SemanticType,
    /// The status that always goes with the code.
    pub status: CleaningStatus,
    /// What the code says, in a sentence for people.
    pub meaning: &'static str,
    /// A value that gives the code.
    pub example_in: &'static str,
    /// What is stored for it; `None` when nothing is.
    pub example_out: Option<&'static str>,
    /// The facts the example needs around it.
    pub context: CleaningContext<'static>,
}

/// Declares `RULES` of a cleaner: `Status "code" "input" => output, "meaning"` with an optional context, each ended by `;`.
macro_rules! rules {
    ($semantic:ident; $($status:ident $code:literal $input:expr => $output:expr, $meaning:literal $(, { $($field:ident: $fact:expr),* })?;)*) => {
        /// Every reason this cleaner can give.
        pub(super) const RULES: &[$crate::cleaners::Rule] = &[$($crate::cleaners::Rule {
            code: $code,
            semantic: aqueduct_schema::SemanticType::$semantic,
            status: aqueduct_schema::CleaningStatus::$status,
            meaning: $meaning,
            example_in: $input,
            example_out: $output,
            context: $crate::cleaners::CleaningContext {
                $($($field: Some($fact),)*)?
                ..$crate::cleaners::CleaningContext::NONE
            },
        }),*];
    };
}
