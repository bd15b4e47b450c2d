//! Every error code: what kind of error it is and what to do about it. The documentation is generated from this table.

use crate::error::{ErrorKind, Retry};

/// An entry of the table of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The stable name users search for, for example `AQ1003`.
    pub id: &'static str,
    /// What a caller can do about it.
    pub kind: ErrorKind,
    /// Whether trying again may help.
    pub retry: Retry,
    /// The class of error in a few words.
    pub title: &'static str,
    /// What to do now, unless the error itself says something more exact.
    pub advice: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $id:literal $kind:ident $retry:ident $title:literal $advice:literal;)*) => {
        $($(#[$doc])* pub const $name: Code = Code {
            id: $id, kind: ErrorKind::$kind, retry: Retry::$retry, title: $title, advice: $advice,
        };)*
        /// All codes in order of their ids.
        pub const ALL: &[Code] = &[$($name),*];
    };
}

codes! {
    /// The command line could not be understood.
    BAD_USAGE = "AQ1001" Usage Never "the command line is wrong" "Run the command with --help to see what it takes.";
    /// A file could not be read as YAML, or has the wrong shape.
    BAD_YAML = "AQ1002" Configuration Never "the file could not be read" "Correct the line named above; `aqueduct validate` checks the file without running it.";
    /// A key that the pipeline file, policy or mapping does not have.
    UNKNOWN_KEY = "AQ1003" Configuration Never "unknown key" "Remove the key or correct its spelling.";
    /// A `${VAR}` that has no value.
    MISSING_VARIABLE = "AQ1004" Configuration Never "an environment variable is not set" "Set the variable, or put it into a .env file beside the pipeline file.";
    /// The connector's config is wrong or incomplete.
    BAD_CONFIG = "AQ1005" Configuration Never "the connector's config is wrong" "Correct the config; `aqueduct discover --config CONNECTOR` lists what the connector takes.";
    /// No connector of that name.
    UNKNOWN_CONNECTOR = "AQ1006" Configuration Never "unknown connector" "Use one of the connectors listed.";
    /// No stream of that name.
    UNKNOWN_STREAM = "AQ1007" Configuration Never "unknown stream" "Use one of the streams that `aqueduct discover` lists.";
    /// A field that the stream or the entity does not have.
    UNKNOWN_FIELD = "AQ1008" Configuration Never "unknown field" "Use one of the fields listed, or discover the stream again if the field is new.";
    /// A mapping that cannot be carried out.
    BAD_MAPPING = "AQ1009" Configuration Never "the mapping is wrong" "Correct the mapping at the place named.";
    /// A destination URL that nothing understands.
    BAD_DESTINATION = "AQ1010" Configuration Never "the destination's address is wrong" "Use sqlite://FILE, postgres://USER:PASSWORD@HOST/DATABASE or discard://.";
    /// A text that is not an instant.
    BAD_TIMESTAMP = "AQ1011" Configuration Never "not an instant" "Write instants as 2026-01-31T12:00:00Z.";
    /// No such file, or it cannot be opened.
    FILE_UNREADABLE = "AQ1012" Configuration Never "a file cannot be opened" "Check the path and its permissions.";
    /// The policy file is wrong.
    BAD_POLICY = "AQ1013" Configuration Never "the policy is wrong" "Correct the policy at the place named.";
    /// A control store's address or key that cannot be used.
    BAD_CONTROL = "AQ1014" Configuration Never "the control store is set up wrongly" "Use sqlite://FILE or postgres://USER:PASSWORD@HOST/DATABASE, in the pipeline file or in AQUEDUCT_CONTROL_URL.";
    /// The contract file is wrong.
    BAD_CONTRACT = "AQ1015" Configuration Never "the contract is wrong" "Correct the contract at the place named.";
    /// A schedule that cannot be read, or that contradicts itself.
    BAD_SCHEDULE = "AQ1016" Configuration Never "the schedule is wrong" "Correct the schedule at the place named; docs/scheduling.md has all its words, and `aqueduct schedule next` shows what it means.";
    /// No time zone of that name.
    UNKNOWN_TIME_ZONE = "AQ1017" Configuration Never "unknown time zone" "Use a name of the IANA time zone database, such as Europe/London.";
    /// A schedule without any time.
    NEVER_DUE = "AQ1018" Configuration Never "the schedule never falls due" "Correct the fields of days and months so that some day has them all.";
    /// Two pipeline files with one name.
    SAME_NAME = "AQ1019" Configuration Never "two pipelines have one name" "Give one of the two another `name`: their state, their leases and their runs are kept by it.";
    /// No pipeline of that name.
    UNKNOWN_PIPELINE = "AQ1020" Configuration Never "unknown pipeline" "Use the name of a pipeline in the same folder.";
    /// Pipelines that wait for each other.
    DEPENDENCY_CYCLE = "AQ1021" Configuration Never "pipelines wait for each other" "Take one of the names out of `after`, so that some pipeline can be the first.";
    /// A schedule that another program's format cannot say.
    NOT_EXPORTABLE = "AQ1022" Configuration Never "the format cannot say this schedule" "Change the schedule, choose another format, or let `aqueduct serve` run the pipeline.";
    /// The section `alerts` of the project file is wrong.
    BAD_ALERTS = "AQ1023" Configuration Never "the alerts are set up wrongly" "Correct the place named; docs/monitoring.md has all the words, and `aqueduct alerts check` checks the file.";
    /// The source refused who we are.
    CREDENTIALS_REFUSED = "AQ2001" Credentials Never "the source refused the credentials" "Check the token or reconnect the account, then run again.";
    /// The source refuses this object to these credentials.
    PERMISSION_DENIED = "AQ2002" Permission Never "the credentials may not read this" "Grant the permission named, or leave the stream out with `select`.";
    /// The access token has run out; the engine refreshes it.
    TOKEN_EXPIRED = "AQ2003" Credentials Temporary "the access token has expired" "Reconnect the account if this goes on.";
    /// Stored tokens that cannot be opened.
    TOKENS_SEALED = "AQ2004" Credentials Never "the stored tokens cannot be opened" "Set AQUEDUCT_CONTROL_KEY, or put back the key file beside the control store. If the key is lost, reconnect the account and put its new refresh token into the config.";
    /// A record in quarantine that cannot be opened.
    RECORD_SEALED = "AQ2005" Credentials Never "a sealed record cannot be opened" "Set AQUEDUCT_CONTROL_KEY, or put back the key file beside the control store, with which it was sealed. If the key is lost, the source has the record still: run the stream with --full-refresh.";
    /// Too many requests.
    RATE_LIMITED = "AQ3001" RateLimited Temporary "the source asked to slow down" "Run again later; what was read is safe.";
    /// The day's quota is used up.
    QUOTA_REACHED = "AQ3002" Quota Never "the source's daily quota is used up" "Run again after the quota resets; the run goes on from its checkpoint.";
    /// The source's own failure.
    SOURCE_FAILED = "AQ3003" Source Temporary "the source failed" "Run again later; if it goes on, see the source's status page.";
    /// The connection failed or took too long.
    NETWORK = "AQ3004" Source Temporary "the source could not be reached" "Check the network and the base URL, then run again.";
    /// An answer that does not have the agreed shape.
    MALFORMED_ANSWER = "AQ3005" Source Temporary "the source's answer is not what it should be" "Run again; if it goes on, report it with the operation named.";
    /// A request that the source rejects as wrong.
    REQUEST_REJECTED = "AQ3006" Source Never "the source rejected the request" "Report it with the operation named: the connector asked for something the source does not take.";
    /// A body over the limits for size, ratio or depth.
    HOSTILE_ANSWER = "AQ3007" Source Never "the source's answer is over the limits" "Nothing of the answer was used. If it is legitimate, lower the page size.";
    /// The source has more rows than an answer can hold.
    SILENT_CAP = "AQ3008" Source Never "the source cuts off the answer" "Narrow the window; nothing was skipped silently.";
    /// Paging goes in a circle.
    PAGING_LOOP = "AQ3009" Source Never "the source repeats the same page" "Report it with the operation named.";
    /// The destination could not be reached or opened.
    DESTINATION_UNREACHABLE = "AQ4001" Destination Temporary "the destination cannot be opened" "Check the address, that the server runs, and that the user may connect.";
    /// The destination refused a statement.
    DESTINATION_FAILED = "AQ4002" Destination Never "the destination refused the load" "The load was rolled back. Correct the cause named, then run again.";
    /// The stored state cannot be understood.
    BAD_STATE = "AQ4003" Destination Never "the stored state cannot be read" "Do not edit state by hand; `aqueduct state clear` starts the stream from the beginning.";
    /// The control store could not be opened or changed.
    CONTROL_UNREACHABLE = "AQ4004" Destination Temporary "the control store cannot be used" "Check its address, that its folder can be written to or its server runs, then run again.";
    /// Somebody else has taken the pipeline over.
    FENCED = "AQ5001" Locked Never "another run took this pipeline over" "Let the other run finish.";
    /// Another run of the pipeline is under way.
    LEASE_HELD = "AQ5002" Locked Never "another run of this pipeline is under way" "Let it finish. If its process has died on another machine, its lease ends at the time named.";
    /// An occurrence that another run has, or that is over.
    OCCURRENCE_TAKEN = "AQ5003" Locked Never "the occurrence is not this run's" "Nothing needs to be done: another run has it, or it has ended. `aqueduct schedule status` shows which.";
    /// A deletion of suspiciously many rows.
    MASS_DELETE = "AQ6001" Quality Never "too many rows would be deleted" "Look at the source; if the deletion is meant, run with --allow-mass-delete.";
    /// Too many records were rejected.
    TOO_MANY_REJECTS = "AQ6002" Quality Never "too many records are in quarantine" "Look at the reasons in the quarantine; correct the source or the mapping.";
    /// Some streams failed, others are committed.
    PARTIAL = "AQ6003" Partial Never "the run is incomplete" "See the streams that failed; run again to go on from their checkpoints.";
    /// Source and warehouse do not have the same records.
    COUNTS_DIFFER = "AQ6004" Quality Never "source and warehouse do not have the same records" "Run `aqueduct reconcile` to see which ones differ.";
    /// The source changed what a contract freezes.
    SCHEMA_FROZEN = "AQ6005" Quality Never "the source has changed what the contract freezes" "Look at the change; if it is meant, accept it with `aqueduct drift PIPELINE --accept`.";
    /// A signal ended the run.
    INTERRUPTED = "AQ7001" Interrupted Never "the run was interrupted" "Run again to go on from the checkpoint.";
    /// A mistake in Aqueduct.
    BUG = "AQ9001" Bug Never "this should not happen" "Please report it with the text above.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_in_order() {
        let ids: Vec<&str> = ALL.iter().map(|code| code.id).collect();
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(ids, sorted);
    }

    #[test]
    fn every_code_says_what_to_do() {
        for code in ALL {
            assert!(code.title.len() > 5 && code.advice.ends_with('.'), "{}", code.id);
        }
    }
}
