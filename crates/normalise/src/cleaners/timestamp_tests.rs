//! Vectors of the cleaner of instants.

use aqueduct_schema::SemanticType::Timestamp;

use super::CleaningContext;
use super::vectors::{check, check_in};

#[test]
fn instants_with_a_zone() {
    check(
        Timestamp,
        &[
            ("2026-01-31T12:00:00Z", Some("2026-01-31T12:00:00Z"), ""),
            ("2026-01-31T12:00:00.123Z", Some("2026-01-31T12:00:00.123Z"), ""),
            ("2026-01-31T12:00:00.120Z", Some("2026-01-31T12:00:00.120Z"), ""),
            ("2026-01-31T12:00:00.123456Z", Some("2026-01-31T12:00:00.123456Z"), ""),
            ("2026-01-31T12:00:00.000Z", Some("2026-01-31T12:00:00Z"), "timestamp.rewritten"),
            ("2026-01-31T12:00:00.1Z", Some("2026-01-31T12:00:00.100Z"), "timestamp.rewritten"),
            ("2026-01-31t12:00:00z", Some("2026-01-31T12:00:00Z"), "timestamp.rewritten"),
            ("2026-01-31T12:00:00.000+0000", Some("2026-01-31T12:00:00Z"), "timestamp.rewritten"),
            ("2026-01-31 12:00:00+05:30", Some("2026-01-31T06:30:00Z"), "timestamp.rewritten"),
            ("2026-01-31 12:00:00 -08", Some("2026-01-31T20:00:00Z"), "timestamp.rewritten"),
            ("2026-01-31 12:00 UTC", Some("2026-01-31T12:00:00Z"), "timestamp.rewritten"),
            ("2026-01-31T12:00Z", Some("2026-01-31T12:00:00Z"), "timestamp.rewritten"),
            ("20260131T120000Z", Some("2026-01-31T12:00:00Z"), "timestamp.rewritten"),
            ("1/31/2026 2:22 PM UTC", Some("2026-01-31T14:22:00Z"), "timestamp.rewritten"),
            ("1/31/2026 12:22 AM GMT+1", Some("2026-01-30T23:22:00Z"), "timestamp.rewritten"),
            ("Sat, 31 Jan 2026 12:00:00 +0100", Some("2026-01-31T11:00:00Z"), "timestamp.rewritten"),
            ("Jan 31, 2026, 2:22 pm UTC", Some("2026-01-31T14:22:00Z"), "timestamp.rewritten"),
            ("2026-01-31T24:00:00Z", Some("2026-02-01T00:00:00Z"), "timestamp.rewritten"),
            (" 2026-01-31T12:00:00Z\n", Some("2026-01-31T12:00:00Z"), "timestamp.rewritten"),
            ("2026-01-31T12:00:00.123000000Z", Some("2026-01-31T12:00:00.123Z"), "timestamp.rewritten"),
            ("2026-01-31T12:00:00,1234567Z", Some("2026-01-31T12:00:00.123456Z"), "timestamp.precision_reduced"),
            ("2017-01-01T00:59:60+01:00", Some("2016-12-31T23:59:59.999999Z"), "timestamp.leap_second"),
            ("2026-01-31T12:59:60Z", None, "timestamp.impossible"),
            ("2026-01-31T25:00:00Z", None, "timestamp.impossible"),
            ("2026-01-31T13:00 PM Z", None, "timestamp.impossible"),
            ("2026-01-31T12:00:00+25:00", None, "timestamp.impossible"),
            ("2026-13-01T12:00:00Z", None, "timestamp.impossible"),
            ("2026-01-31T12", None, "timestamp.malformed"),
            ("2026-01-31T12:00:00 Mars", None, "timestamp.malformed"),
            ("1770000000", None, "timestamp.epoch_number"),
            ("1770000000.5", None, "timestamp.epoch_number"),
            ("2026-01-31 12:00:00", None, "timestamp.no_time_zone"),
            ("2026-01-31", None, "timestamp.no_time_zone"),
            ("03/04/2026 12:00Z", None, "timestamp.ambiguous_order"),
            ("0001-01-01T00:00:00Z", None, "timestamp.sentinel"),
            ("1900-01-01T00:00:00.000+0000", None, "timestamp.sentinel"),
            ("9999-12-31T23:59:59Z", None, "timestamp.sentinel"),
            ("0000-00-00 00:00:00", None, "timestamp.sentinel"),
            ("1970-01-01 00:00:00", None, "timestamp.sentinel"),
            ("1970-01-01T00:00:01Z", Some("1970-01-01T00:00:01Z"), ""),
        ],
    );
}

#[test]
fn local_times_need_a_declared_zone() {
    let berlin = CleaningContext { time_zone: Some("Europe/Berlin"), day_first: Some(true), ..CleaningContext::default() };
    check_in(
        Timestamp,
        &berlin,
        &[
            ("2026-07-31 12:00:00", Some("2026-07-31T10:00:00Z"), "timestamp.zone_applied"),
            ("31.07.2026 12:00", Some("2026-07-31T10:00:00Z"), "timestamp.zone_applied"),
            ("03/04/2026 12:00", Some("2026-04-03T10:00:00Z"), "timestamp.zone_applied"),
            ("2026-07-31", Some("2026-07-30T22:00:00Z"), "timestamp.day_only"),
            ("2026-03-29 02:30", Some("2026-03-29T01:30:00Z"), "timestamp.clock_change"),
            ("2026-10-25 02:30", Some("2026-10-25T00:30:00Z"), "timestamp.clock_change"),
            ("2026-10-25 02:30+01:00", Some("2026-10-25T01:30:00Z"), "timestamp.rewritten"),
        ],
    );
    let nowhere = CleaningContext { time_zone: Some("Mars/Olympus"), ..CleaningContext::default() };
    check_in(Timestamp, &nowhere, &[("2026-07-31 12:00:00", None, "timestamp.no_time_zone")]);
}
