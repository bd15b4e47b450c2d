//! How long a start is put off.

use std::time::Duration;

use jiff::Timestamp;

/// A part of `most` that follows from a pipeline's name and an occurrence: spread evenly, less than `most`, in whole milliseconds, and the same
/// in every process and version.
pub(crate) fn share(most: Duration, pipeline: &str, occurrence: Timestamp) -> Duration {
    let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    // FNV-1a over both, then the finishing steps of SplitMix64: FNV alone leaves the high bits of short texts alike.
    for byte in pipeline.bytes().chain([0]).chain(occurrence.as_second().to_be_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    // The high half of the product is evenly spread below `most`.
    let share = (u128::from(hash) * u128::from(most)) >> 64;
    Duration::from_millis(u64::try_from(share).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_every_time_and_spread_evenly() {
        let most = Duration::from_secs(600);
        let at = |seconds: i64| Timestamp::from_second(1_800_000_000 + seconds * 900).unwrap();
        assert_eq!(share(most, "hubspot", at(0)), share(most, "hubspot", at(0)));
        assert_eq!(share(Duration::ZERO, "hubspot", at(0)), Duration::ZERO);
        let mut tenths = [0; 10];
        for pipeline in 0..100 {
            for occurrence in 0..100 {
                let share = share(most, &format!("pipeline-{pipeline}"), at(occurrence));
                assert!(share < most);
                tenths[usize::try_from(share.as_secs() / 60).unwrap()] += 1;
            }
        }
        assert!(tenths.iter().all(|count| (900..1_100).contains(count)), "{tenths:?}");
    }

    #[test]
    fn a_stored_occurrence_keeps_its_jitter_in_every_version() {
        let at: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        assert_eq!(share(Duration::from_secs(300), "hubspot", at).as_millis(), 10_575);
    }
}
