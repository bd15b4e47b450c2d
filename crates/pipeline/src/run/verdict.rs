//! What the streams of a run make of it as a whole.

use aqueduct_schema::{Error, ErrorKind};
use aqueduct_warehouse::{RunStatus, StreamRecord};

/// The run's status and exit code from what its streams did.
pub(super) fn verdict(streams: &[StreamRecord], errors: &[(String, Error)], interrupted: bool) -> (RunStatus, u8) {
    let Some((_, first)) = errors.first() else { return (RunStatus::Ok, 0) };
    if errors.iter().all(|(_, error)| error.kind() == ErrorKind::Interrupted) {
        // A signal is a person's or a scheduler's wish; a run out of time is incomplete.
        return if interrupted { (RunStatus::Interrupted, 130) } else { (RunStatus::Partial, 6) };
    }
    let code = first.exit_code();
    let one_cause = errors.iter().all(|(_, error)| error.exit_code() == code);
    // A destination that fails, a pipeline taken over, a quota used up and a guard that stops concern the run, not one stream.
    let whole = matches!(first.kind(), ErrorKind::Destination | ErrorKind::Locked | ErrorKind::Quota | ErrorKind::Quality | ErrorKind::Bug);
    if one_cause && (whole || errors.len() == streams.len()) {
        let committed = streams.iter().any(|stream| stream.loaded + stream.unchanged > 0);
        return (if committed { RunStatus::Partial } else { RunStatus::Failed }, code);
    }
    (RunStatus::Partial, 6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aqueduct_schema::codes;

    fn streams(loaded: &[u64]) -> Vec<StreamRecord> {
        loaded.iter().map(|loaded| StreamRecord { loaded: *loaded, ..StreamRecord::default() }).collect()
    }

    fn errors(codes: &[aqueduct_schema::Code]) -> Vec<(String, Error)> {
        codes.iter().map(|code| ("s".to_owned(), Error::new(*code, "x"))).collect()
    }

    #[test]
    fn the_exit_code_tells_what_happened() {
        assert_eq!(verdict(&streams(&[1, 1]), &[], false), (RunStatus::Ok, 0));
        assert_eq!(verdict(&streams(&[1, 0]), &errors(&[codes::PERMISSION_DENIED]), false), (RunStatus::Partial, 6));
        assert_eq!(verdict(&streams(&[0]), &errors(&[codes::SOURCE_FAILED]), false), (RunStatus::Failed, 4));
        assert_eq!(verdict(&streams(&[5]), &errors(&[codes::SOURCE_FAILED]), false), (RunStatus::Partial, 4));
        assert_eq!(verdict(&streams(&[5, 5]), &errors(&[codes::QUOTA_REACHED]), false), (RunStatus::Partial, 7));
        assert_eq!(verdict(&streams(&[5, 5]), &errors(&[codes::FENCED]), false), (RunStatus::Partial, 9));
        assert_eq!(verdict(&streams(&[5, 0]), &errors(&[codes::FENCED, codes::SOURCE_FAILED]), false), (RunStatus::Partial, 6));
        assert_eq!(verdict(&streams(&[5, 5]), &errors(&[codes::INTERRUPTED]), true), (RunStatus::Interrupted, 130));
        assert_eq!(verdict(&streams(&[5, 5]), &errors(&[codes::INTERRUPTED]), false), (RunStatus::Partial, 6));
        assert_eq!(verdict(&streams(&[5]), &[], true), (RunStatus::Ok, 0));
    }
}
