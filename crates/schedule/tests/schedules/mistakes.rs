//! What is refused, with its place and its advice; and what schedules say of themselves.

use aqueduct_schema::codes;

use crate::{compile, schedule};

/// Holds the mistake of a file: code, message, line and column, and words of its advice.
#[track_caller]
fn refused(yaml: &str, said: &str, advice: &str) {
    let error = compile(yaml).expect_err(yaml);
    assert_eq!(error.to_string(), said, "{yaml}");
    assert!(error.advice().contains(advice), "{yaml}: {}", error.advice());
}

#[test]
fn mistakes_in_expressions_are_named_with_their_place() {
    let cron = |expression: &str, said: &str, advice: &str| refused(&format!("cron: \"{expression}\""), said, advice);
    cron("61 * * * *", "AQ1016 `61` is not a minute: that is 0 to 59 (p.yaml:1:8)", "Correct the schedule");
    cron("0 24 * * *", "AQ1016 `24` is not an hour: that is 0 to 23 (p.yaml:1:10)", "Midnight is hour 0.");
    cron("0 6 * * MONN", "AQ1016 `MONN` is not a weekday: that is 0 to 7 or a name (p.yaml:1:16)", "Did you mean `MON`?");
    cron("0 6 * Sept *", "AQ1016 `Sept` is not a month: that is 1 to 12 or a name (p.yaml:1:14)", "Did you mean `SEP`?");
    cron("0 6 * * FRI-MON", "AQ1016 `FRI-MON` ends before it begins (p.yaml:1:16)", "Write `5-6,0-1` to go over the end.");
    cron("*/90 * * * *", "AQ1016 a step of 90 leaves nothing but 0: the minute goes from 0 to 59 (p.yaml:1:10)", "write `every: 90m`");
    cron("0/15 * * * *", "AQ1016 `0/15` has a step but no range to go through (p.yaml:1:8)", "Write `0-59/15`, or `*/15`.");
    cron("*/0 * * * *", "AQ1016 `0` is not a step of the minute: write a number above 0 after the `/` (p.yaml:1:10)", "");
    cron("0 6 * *", "AQ1016 an expression has 5 fields, or 6 with seconds first; this has 4 (p.yaml:1:8)", "The fields are");
    cron("0 0 6 * * * 2026", "AQ1016 an expression has 5 fields, or 6 with seconds first; this has 7 (p.yaml:1:8)", "years");
    cron("@dayly", "AQ1016 `@dayly` is not known (p.yaml:1:8)", "Did you mean `@daily`?");
    cron("@reboot", "AQ1016 `@reboot` names no time (p.yaml:1:8)", "start-up");
    cron("0 6 * * L", "AQ1016 `L` alone is no weekday (p.yaml:1:16)", "FRIL");
    cron("0 6 * * MON#6", "AQ1016 a weekday comes 1 to 5 times in a month: write 1 to 5 after the `#` (p.yaml:1:20)", "");
    cron("0 6,,7 * * *", "AQ1016 the hour has an empty place in its list (p.yaml:1:12)", "");
    cron("*,5 * * * *", "AQ1016 `*,5` lists `*` beside other values of the minute, which are all in `*` (p.yaml:1:8)", "");
    cron("", "AQ1016 the expression is empty (p.yaml:1:8)", "");
    // Without quotes, and over several lines, the place is right as well.
    refused("cron: 30 25 * * *\n", "AQ1016 `25` is not an hour: that is 0 to 23 (p.yaml:1:10)", "");
    refused("timezone: Europe/London\ncron: '0 6 32 * *'\n", "AQ1016 `32` is not a day of the month: that is 1 to 31 (p.yaml:2:12)", "");
}

#[test]
fn a_schedule_that_never_falls_due_is_refused() {
    for (expression, said) in [
        ("0 0 30 2 *", "no month among those named has a day 30, so it never falls due"),
        ("0 0 31 APR,JUN,SEP,NOV *", "no month among those named has a day 31, so it never falls due"),
        ("0 0 30,31 FEB *", "no month among those named has a day 30, so it never falls due"),
        ("0 0 8 * +MON#1", "no day has everything that the fields ask for, so it never falls due"),
    ] {
        refused(&format!("cron: \"{expression}\""), &format!("AQ1018 {said} (p.yaml:1:8)"), "Correct the fields of days");
    }
    // Rarely is not never: the 29th of February, also on a Monday, and past the year without one.
    for (expression, after, next) in [
        ("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
        ("0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"),
        ("0 0 29 2 +MON", "2026-01-01T00:00:00Z", "2044-02-29T00:00:00Z"),
        ("0 0 * 2 FRI#5", "2026-01-01T00:00:00Z", "2036-02-29T00:00:00Z"),
    ] {
        let found = schedule(&format!("cron: \"{expression}\"")).next_after(after.parse().unwrap()).unwrap();
        assert_eq!(found.to_string(), next, "{expression}");
    }
}

#[test]
fn keys_that_contradict_each_other_are_refused() {
    for (yaml, said, advice) in [
        (
            "cron: '@daily'\nevery: 1h\n",
            "AQ1016 `cron` and `every` are both there, and a schedule has one of them (p.yaml:2:8)",
            "Take one",
        ),
        ("after: [a]\n", "AQ1016 the schedule does not say when: it has neither `cron` nor `every`", "every: 15m"),
        (
            "every: 15m\njitter: 20m\n",
            "AQ1016 a jitter of 20 minutes is longer than the 15 minutes between two occurrences (p.yaml:2:9)",
            "at most",
        ),
        (
            "every: 1h\nretries: { backoff: 1m }\n",
            "AQ1016 waits between attempts are named, but not how many `attempts` there are (p.yaml:2:21)",
            "",
        ),
        (
            "every: 1h\nretries: { attempts: 3, backoff: 1h, most: 5m }\n",
            "AQ1016 the longest wait, 5 minutes, is shorter than the first, 1 hour (p.yaml:2:44)",
            "",
        ),
        ("every: 1h\nretries: { attempts: 21 }\n", "AQ1016 `attempts` is 0 to 20 (p.yaml:2:22)", ""),
        ("every: 1h\npriority: 101\n", "AQ1016 `priority` is -100 to 100 (p.yaml:2:11)", ""),
        ("every: 1h\nafter: [a, b, a]\n", "AQ1016 `a` is named twice (p.yaml:2:15)", ""),
        ("every: 1h\ntimeout: 0s\n", "AQ1016 `timeout` is longer than nothing (p.yaml:2:10)", ""),
        ("every: 0m\n", "AQ1016 an interval of nothing never ends (p.yaml:1:8)", ""),
        (
            "every: 1d12h\n",
            "AQ1016 an interval is either of days, which follow the calendar, or of hours, which are counted as they pass (p.yaml:1:8)",
            "in hours",
        ),
        ("every: 400d\n", "AQ1016 the interval is longer than a year (p.yaml:1:8)", "@yearly"),
        ("every: quarterly\n", "AQ1016 `quarterly` is not a span of time such as 90s, 15m, 1h30m or 1d (p.yaml:1:8)", ""),
    ] {
        refused(yaml, said, advice);
    }
}

#[test]
fn unknown_words_and_zones_are_named_with_the_nearest() {
    refused(
        "every: 1h\ntimezone: Europe/Lodnon\n",
        "AQ1017 `Europe/Lodnon` is not a time zone (p.yaml:2:11)",
        "Did you mean `Europe/London`?",
    );
    let window = "every: 1h\nblackout:\n- { from: 22:00, until: 06:00, timezone: Paris }\n";
    refused(window, "AQ1017 `Paris` is not a time zone (p.yaml:3:42)", "Did you mean `Europe/Paris`?");
    for (yaml, code) in [
        ("every: 1h\noverlap: wait\n", codes::BAD_YAML),
        ("every: 1h\ncatchup: all\n", codes::UNKNOWN_KEY),
        ("every: 1h\nblackout:\n- { from: 22:00, to: 06:00 }\n", codes::UNKNOWN_KEY),
    ] {
        let error = compile(yaml).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.location().is_some(), "{error}");
    }
}

#[test]
fn black_outs_that_leave_nothing_are_refused() {
    for (windows, said) in [
        ("- { from: 06:00, until: 06:00 }", "AQ1016 the black-out ends when it begins (p.yaml:3:25)"),
        ("- { from: 24:00, until: 06:00 }", "AQ1016 a black-out begins at 00:00 to 23:59 (p.yaml:3:11)"),
        ("- { from: 6:00, until: 07:00 }", "AQ1016 `6:00` is not a time of day (p.yaml:3:11)"),
        ("- { days: [munday], from: 06:00, until: 07:00 }", "AQ1016 `munday` is not a weekday (p.yaml:3:12)"),
        (
            "- { from: 00:00, until: 12:00 }\n- { from: 11:00, until: 24:00 }",
            "AQ1016 the black-outs follow upon each other without end, so nothing would ever run (p.yaml:3:11)",
        ),
        (
            "- { from: 02:00, until: 05:00, then: skip }",
            "AQ1016 every time of the schedule falls into a black-out that skips it, so it never runs (p.yaml:3:11)",
        ),
    ] {
        refused(&format!("cron: '30 3 * * *'\nblackout:\n{windows}\n"), said, "");
    }
    schedule("cron: '30 3 * * *'\nblackout:\n- { days: [mon, Tuesday], from: 02:00, until: 05:00, then: skip }\n");
}

#[test]
fn schedules_say_themselves_in_words() {
    for (yaml, words) in [
        ("every: 15m", "every 15 minutes"),
        ("every: 1h", "every hour"),
        ("every: 90m", "every 1 hour 30 minutes"),
        ("every: 1d", "every day at 00:00, UTC"),
        ("every: 1w", "every Monday at 00:00, UTC"),
        ("cron: '*/15 * * * *'", "every 15 minutes"),
        ("cron: '0,15,30,45 * * * *'", "every 15 minutes"),
        ("cron: '5-59/20 * * * *'", "every 20 minutes from 5 minutes past every hour"),
        ("cron: '*/7 * * * *'", "0, 7, 14, 21, 28, 35, 42, 49 and 56 minutes past every hour"),
        ("cron: '* * * * *'", "every minute"),
        ("cron: '@hourly'", "every hour"),
        ("cron: '10 * * * *'", "10 minutes past every hour"),
        ("cron: '30 6 * * 1-5'\ntimezone: Europe/London", "at 06:30 on weekdays, Europe/London time"),
        ("cron: '30 6 * * 1-5'", "at 06:30 on weekdays, UTC"),
        ("cron: '0 6,18 * * *'\ntimezone: America/New_York", "at 06:00 and 18:00 every day, America/New York time"),
        ("cron: '@midnight'", "at 00:00 every day, UTC"),
        ("cron: '@weekly'", "at 00:00 on Sunday, UTC"),
        ("cron: '@monthly'", "at 00:00 on the 1st of the month, UTC"),
        ("cron: '@yearly'", "at 00:00 on 1 January, UTC"),
        ("cron: '*/15 8-18 * * MON-FRI'", "every 15 minutes, from 08:00 to 18:45 on weekdays, UTC"),
        ("cron: '*/15 * * * SAT,SUN'", "every 15 minutes at weekends, UTC"),
        ("cron: '0 */2 * * *'", "every 2 hours, UTC"),
        ("cron: '20 */6 * * *'", "at 00:20, 06:20, 12:20 and 18:20 every day, UTC"),
        ("cron: '0 7 L * *'", "at 07:00 on the last day of the month, UTC"),
        ("cron: '0 7 LW * *'", "at 07:00 on the last of Monday to Friday of the month, UTC"),
        ("cron: '0 7 15W * *'", "at 07:00 on the one of Monday to Friday nearest the 15th of the month, UTC"),
        ("cron: '0 7 * * TUE#2'", "at 07:00 on the second Tuesday of the month, UTC"),
        ("cron: '0 7 * * FRIL'", "at 07:00 on the last Friday of the month, UTC"),
        ("cron: '0 7 13 * FRI'", "at 07:00 on the 13th of the month and on Friday, UTC"),
        ("cron: '0 7 13 * +FRI'", "at 07:00 on the 13th of the month where that is Friday, UTC"),
        ("cron: '0 7 1 JAN,APR,JUL,OCT *'", "at 07:00 on the 1st in January, April, July and October, UTC"),
        ("cron: '0 7 * MAR-MAY MON,THU'", "at 07:00 on Monday and Thursday from March to May, UTC"),
        ("cron: '*/10 * * * * *'", "every 10 seconds"),
        ("cron: '15 30 6 * * *'", "at 06:30:15 every day, UTC"),
    ] {
        assert_eq!(schedule(yaml).words(), words, "{yaml}");
    }
}
