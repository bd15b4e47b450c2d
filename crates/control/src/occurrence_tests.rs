//! The rules of occurrences and of standings, tried with every order of events.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use aqueduct_schema::Timestamp;
use proptest::prelude::*;

use crate::holder::Holder;
use crate::occurrence::{Exit, Occurrence, OccurrenceId, State, Stop, Terms, Why};
use crate::occurrence_rules::{self as rules, Claimant};
use crate::standing::{self, Closing, Look, Open, Outcome, Pause, Standing};

const LIFE: Duration = Duration::from_secs(60);
const TERMS: Terms = Terms { retries: 2, backoff_seconds: 30, most_seconds: 100 };

fn second(second: u64) -> Timestamp {
    Timestamp::from_seconds(1_770_000_000).plus(Duration::from_secs(second))
}

fn seen(from: u64, until: u64, fell_due: Vec<Open>) -> Look {
    Look { from: second(from), until: second(until), by: "0 * * * *".to_owned(), fell_due }
}

fn id() -> OccurrenceId {
    OccurrenceId::new("p", second(0))
}

/// A process of a machine of which nothing is known here but its leases.
fn far(process: u32, run_id: &str) -> Holder {
    Holder { host: "far".to_owned(), place: "elsewhere".to_owned(), process, born: "1".to_owned(), run_id: run_id.to_owned() }
}

fn claimant(process: u32) -> Claimant {
    Claimant { instance: format!("i{process}"), holder: far(process, ""), life: LIFE, terms: TERMS }
}

/// An occurrence whose first run has begun.
fn begun() -> Option<Occurrence> {
    let claimed = rules::claim(None, &id(), &claimant(1), second(0), second(0));
    rules::begin(claimed, &far(9, "r1"), LIFE, second(0), second(0))
}

#[derive(Clone, Debug)]
enum Step {
    Claim(u32),
    RenewClaim(u32),
    Begin(u32),
    Hear(u32),
    AskToStop(u32, Stop),
    End(u32, Option<u8>),
    GiveUp(u32, Option<u8>),
    Revive,
    Skip,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..3_u32;
    let run = 0..6_u32;
    let code = prop::sample::select(vec![Some(0), Some(1), Some(4), Some(6), Some(7), Some(9), Some(143), Some(3), None]);
    let stop = prop::sample::select(vec![Stop::Overlap, Stop::Timeout, Stop::Shutdown]);
    prop_oneof![
        4 => who.clone().prop_map(Step::Claim),
        1 => who.clone().prop_map(Step::RenewClaim),
        4 => run.clone().prop_map(Step::Begin),
        3 => run.clone().prop_map(Step::Hear),
        1 => (run.clone(), stop).prop_map(|(run, stop)| Step::AskToStop(run, stop)),
        3 => (run, code.clone()).prop_map(|(run, code)| Step::End(run, code)),
        1 => (who, code).prop_map(|(who, code)| Step::GiveUp(who, code)),
        2 => Just(Step::Revive),
        1 => Just(Step::Skip),
        3 => (0..90_u64).prop_map(Step::Wait),
    ]
}

/// What the world outside of the document knows.
#[derive(Default)]
struct Witness {
    /// The run that began and has neither ended nor been too late, and when it was last heard of.
    under_way: Option<(u32, u64)>,
    ended_well: u32,
    over: Option<Occurrence>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_one_run_at_a_time_and_what_is_over_stays_so(steps in prop::collection::vec(step(), 1..120)) {
        let (mut stored, mut now, mut witness): (Option<Occurrence>, u64, Witness) = (None, 0, Witness::default());
        for step in steps {
            let time = second(now);
            let run = |number: &u32| far(100 + number, &format!("r{number}"));
            let exit = |code: &Option<u8>| Exit { code: *code, ..Exit::default() };
            let changed = match &step {
                Step::Claim(who) => rules::claim(stored.clone(), &id(), &claimant(*who), time, time),
                Step::RenewClaim(who) => rules::renew_claim(stored.clone(), &far(*who, ""), LIFE, time),
                Step::Begin(number) => rules::begin(stored.clone(), &run(number), LIFE, time, time),
                Step::Hear(number) => rules::hear(stored.clone(), &format!("r{number}"), LIFE, time),
                Step::AskToStop(number, why) => rules::ask_to_stop(stored.clone(), &format!("r{number}"), *why),
                Step::End(number, code) => rules::end(stored.clone(), &format!("r{number}"), &exit(code), time),
                Step::GiveUp(who, code) => rules::give_up(stored.clone(), &far(*who, ""), &exit(code), time),
                Step::Revive => rules::revive(stored.clone(), time, time),
                Step::Skip => rules::skip(stored.clone(), &id(), &rules::skipped_for(Why::Overlap, None, id().at, time)),
                Step::Wait(seconds) => { now += seconds; continue }
            };
            let Some(after) = changed else { continue };
            if let Some(over) = &witness.over {
                prop_assert_eq!(&after, over, "what was over has changed by {:?}", step);
            }
            match &step {
                Step::Begin(number) => {
                    if let Some((other, heard)) = witness.under_way && other != *number {
                        prop_assert!(now >= heard + LIFE.as_secs(), "run {} began beside run {}", number, other);
                    }
                    if witness.under_way.is_none_or(|(other, _)| other != *number) {
                        witness.under_way = Some((*number, now));
                    }
                }
                Step::Hear(number) => {
                    prop_assert_eq!(witness.under_way.map(|(run, _)| run), Some(*number));
                    witness.under_way = Some((*number, now));
                }
                // The same end told twice is no second end.
                Step::End(number, code) if stored.as_ref().and_then(Occurrence::run).is_some() => {
                    prop_assert_eq!(witness.under_way.map(|(run, _)| run), Some(*number));
                    witness.under_way = None;
                    witness.ended_well += u32::from(*code == Some(0));
                }
                Step::Revive => {
                    if let Some((_, heard)) = witness.under_way && stored.as_ref().and_then(Occurrence::run).is_some() {
                        prop_assert!(now >= heard + LIFE.as_secs());
                    }
                }
                _ => {}
            }
            prop_assert!(witness.ended_well <= 1);
            prop_assert!(after.tally.failed <= TERMS.retries + 1, "{:?}", after.tally);
            let numbers: Vec<u32> = after.attempts.iter().map(|attempt| attempt.number).collect();
            prop_assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{:?}", numbers);
            if after.is_over() {
                prop_assert!(witness.ended_well == u32::from(matches!(&after.state, State::Ended(ended) if ended.exit_code == Some(0))));
                witness.over = Some(after.clone());
            }
            let text = serde_json::to_string(&after).unwrap();
            prop_assert_eq!(serde_json::from_str::<Occurrence>(&text).unwrap(), after.clone());
            stored = Some(after);
        }
    }

    #[test]
    fn what_fell_due_is_open_once_until_it_is_closed(looks in prop::collection::vec((0..4_u64, 0..6_u64, prop::bool::ANY), 1..40)) {
        // Two schedulers that look in turn, each from where it believes the other has stopped.
        let (mut stored, mut expected): (Option<Standing>, Vec<Timestamp>) = (None, Vec::new());
        for (back, ahead, closes) in looks {
            let looked = stored.as_ref().map_or(1_000, |standing: &Standing| standing.looked_at.since(second(0)).as_secs());
            let (from, until) = (looked - back, looked - back + ahead);
            let due: Vec<Open> = (from + 1..=until).map(|at| Open::new(second(at))).collect();
            if let Some(after) = standing::look(stored.clone(), &seen(from, until, due.clone())) {
                prop_assert!(back == 0 || stored.is_none(), "nobody looks at a time twice");
                expected.extend(due.iter().map(|open| open.at));
                stored = Some(after);
            }
            if closes && let Some(first) = expected.first().copied() {
                let how = Closing::Skipped(rules::skipped_for(Why::Paused, None, first, first));
                stored = Some(standing::close(stored, first, &how).unwrap());
                prop_assert!(standing::close(stored.clone(), first, &how).is_none(), "one closes it");
                expected.remove(0);
            }
            let open: Vec<Timestamp> = stored.iter().flat_map(|standing| standing.open.iter().map(|open| open.at)).collect();
            prop_assert_eq!(&open, &expected);
        }
    }
}

#[test]
fn exit_codes_decide_whether_a_run_is_tried_again() {
    /// Code, why it was stopped, when the source has quota again: seconds until it is due again, or nothing.
    type Case = (Option<u8>, Option<Stop>, Option<u64>, Option<u64>);
    let cases: [Case; 18] = [
        (Some(0), None, None, None),
        (Some(1), None, None, Some(30)),
        (Some(2), None, None, None),
        (Some(3), None, None, None),
        (Some(4), None, None, Some(30)),
        (Some(5), None, None, Some(30)),
        (Some(6), None, None, Some(30)),
        (Some(7), None, None, Some(3_600)),
        (Some(7), None, Some(7_200), Some(7_200)),
        (Some(8), None, None, None),
        (Some(9), None, None, Some(15)),
        (Some(143), None, None, Some(30)),
        (Some(143), Some(Stop::Overlap), None, None),
        (Some(143), Some(Stop::Shutdown), None, Some(0)),
        (Some(143), Some(Stop::Timeout), None, Some(30)),
        (None, Some(Stop::Shutdown), None, Some(0)),
        (None, None, None, Some(30)),
        (Some(0), Some(Stop::Overlap), None, None),
    ];
    for (code, stop, again, expected) in cases {
        let mut occurrence = begun();
        if let Some(stop) = stop {
            occurrence = rules::ask_to_stop(occurrence, "r1", stop);
        }
        let exit = Exit { code, error: None, again_at: again.map(second) };
        let after = rules::end(occurrence, "r1", &exit, second(0)).unwrap();
        let due = match after.state {
            State::Due { not_before } => Some(not_before.unwrap().since(second(0)).as_secs()),
            State::Ended(ended) => {
                assert_eq!((ended.exit_code, ended.run_id.as_deref()), (code, Some("r1")));
                None
            }
            state => panic!("{state:?}"),
        };
        assert_eq!(due, expected, "{code:?} {stop:?} {again:?}");
    }
}

/// Ends run after run in one way; the waits before each further attempt.
fn waits(code: Option<u8>, terms: Terms, most: usize) -> Vec<u64> {
    let (mut stored, mut now, mut waits) = (None, second(0), Vec::new());
    for number in 0..=most {
        let by = Claimant { terms, ..claimant(1) };
        let claimed = rules::claim(stored, &id(), &by, now, now);
        let run = format!("r{number}");
        let begun = rules::begin(claimed, &far(9, &run), LIFE, now, now);
        let after = rules::end(begun, &run, &Exit { code, ..Exit::default() }, now).unwrap();
        let State::Due { not_before: Some(not_before) } = after.state else { break };
        assert!(rules::claim(Some(after.clone()), &id(), &by, not_before.minus(Duration::from_secs(1)), now).is_none(), "too early");
        waits.push(not_before.since(now).as_secs());
        now = not_before;
        stored = Some(after);
    }
    waits
}

#[test]
fn waits_grow_up_to_the_longest() {
    let terms = Terms { retries: 5, backoff_seconds: 30, most_seconds: 100 };
    assert_eq!(waits(Some(4), terms, 50), [30, 60, 100, 100, 100]);
    assert_eq!(waits(Some(4), Terms::default(), 50), [] as [u64; 0]);
    // A run that died has not been judged, so it is tried again whatever the schedule says.
    assert_eq!(waits(None, Terms::default(), 50), [10, 10, 10]);
    assert_eq!(waits(None, TERMS, 50), [30, 60, 100]);
    // A day and an hour: past every midnight, and past the last request that counts where a day goes back from now.
    let spent = waits(Some(7), Terms::default(), 50);
    assert_eq!(spent.iter().map(|seconds| seconds / 3_600).collect::<Vec<_>>(), [1, 2, 4, 6, 6, 6]);
    assert_eq!(spent.iter().sum::<u64>(), 25 * 3_600);
    // Whoever holds the pipeline will end; the run waits for it as long as it takes, and the list of attempts stays short.
    let held = waits(Some(9), Terms::default(), 40);
    assert_eq!((held.len(), held[0], held[1], held[40]), (41, 15, 30, 300));
}

#[test]
fn a_claim_without_a_run_is_no_attempt_and_a_process_that_never_began_is_one() {
    let claimed = rules::claim(None, &id(), &claimant(1), second(0), second(0));
    assert!(rules::claim(claimed.clone(), &id(), &claimant(2), second(1), second(1)).is_none(), "it is claimed");
    assert!(rules::revive(claimed.clone(), second(59), second(59)).is_none());
    let renewed = rules::renew_claim(claimed.clone(), &far(1, ""), LIFE, second(59));
    assert!(rules::revive(renewed, second(100), second(100)).is_none(), "whoever renews it keeps it");
    let revived = rules::revive(claimed.clone(), second(60), second(60));
    assert_eq!(revived.as_ref().map(|occurrence| occurrence.tally.attempts), Some(0));
    let second_claim = rules::claim(revived, &id(), &claimant(2), second(60), second(60)).unwrap();
    assert_eq!(second_claim.claim().map(|claim| (claim.attempt, claim.instance.as_str())), Some((1, "i2")));
    // A child of the first scheduler that comes late begins under the claim of the second; then the child of the second comes too late.
    let begun = rules::begin(Some(second_claim.clone()), &far(7, "late"), LIFE, second(61), second(61));
    assert!(begun.is_some() && rules::begin(begun.clone(), &far(8, "own"), LIFE, second(62), second(62)).is_none());
    assert!(rules::give_up(begun, &far(2, ""), &Exit::with(9), second(62)).is_none(), "it is begun, by whomever");
    // The scheduler has seen its process end before anything began: a file that is broken is not tried again.
    let given_up = rules::give_up(Some(second_claim.clone()), &far(2, ""), &Exit::with(2), second(61)).unwrap();
    assert!(matches!(&given_up.state, State::Ended(ended) if ended.exit_code == Some(2) && ended.run_id.is_none()));
    assert!(rules::give_up(Some(second_claim), &far(1, ""), &Exit::with(2), second(61)).is_none(), "it is another's claim");
    // A lease that was written under a clock that is set back since is no lease.
    assert!(rules::revive(claimed, second(0), Timestamp::from_seconds(1_700_000_000)).is_some());
}

#[test]
fn what_waits_to_be_tried_again_ends_as_it_did_when_it_is_given_up() {
    let failed = rules::end(begun(), "r1", &Exit::with(4), second(5));
    let skipped = rules::skipped_for(Why::Overlap, None, id().at, second(6));
    let over = rules::skip(failed, &id(), &skipped).unwrap();
    assert!(matches!(&over.state, State::Ended(ended) if ended.exit_code == Some(4) && ended.ended_at == second(5)));
    assert!(rules::skip(begun(), &id(), &skipped).is_none(), "a run under way is not skipped");
    assert!(matches!(rules::skip(None, &id(), &skipped).unwrap().state, State::Skipped(told) if told.why == Why::Overlap));
}

#[test]
fn names_of_occurrences_are_read_as_they_are_written() {
    let id = OccurrenceId::new("crm-eu", "2026-11-22T12:00:00.75Z".parse().unwrap());
    assert_eq!(id.to_string(), "crm-eu/2026-11-22T12:00:00Z");
    assert_eq!(id.to_string().parse::<OccurrenceId>().unwrap(), id);
    for wrong in ["crm", "crm/", "/2026-11-22T12:00:00Z", "crm/tomorrow", "crm/2026-11-22T12:00:00.5Z"] {
        assert!(wrong.parse::<OccurrenceId>().is_err(), "{wrong}");
    }
}

#[test]
fn pauses_are_remembered_for_whoever_was_away() {
    let pause = Pause { since: second(10), by: "command line".to_owned(), reason: Some("audit".to_owned()) };
    let stored = standing::look(None, &seen(0, 0, Vec::new()));
    let paused = standing::pause(stored, &pause);
    assert!(standing::pause(paused.clone(), &pause).is_none(), "once");
    let resumed = standing::resume(paused, second(20)).unwrap();
    assert!(standing::resume(Some(resumed.clone()), second(21)).is_none());
    assert_eq!([9, 10, 19, 20].map(|at| resumed.paused_at(second(at))), [false, true, true, false]);
    let looked = standing::look(Some(resumed), &seen(0, 30, Vec::new())).unwrap();
    assert!(looked.pauses.is_empty(), "what is looked at needs no memory");
}

#[test]
fn a_person_may_ask_for_a_run_when_none_is_open_and_failures_are_counted() {
    let asked = standing::ask(None, second(5), "http").unwrap();
    assert_eq!(asked.open[0].asked_by.as_deref(), Some("http"));
    assert!(standing::ask(Some(asked.clone()), second(6), "http").is_none());
    let ran = |code: u8, at: u64| {
        let outcome = Outcome { at: second(5), began_at: None, ended_at: second(at), run_id: None, exit: Exit::with(code), attempts: 1 };
        Closing::Ran(outcome)
    };
    let failed = standing::close(Some(asked), second(5), &ran(4, 7)).unwrap();
    assert_eq!((failed.failures, failed.last_success_at, failed.open.len()), (1, None, 0));
    let again = standing::ask(Some(failed), second(5), "http");
    let well = standing::close(again, second(5), &ran(0, 9)).unwrap();
    assert_eq!((well.failures, well.last_success_at), (0, Some(second(9))));
}
