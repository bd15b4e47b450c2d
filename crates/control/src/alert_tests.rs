//! What is told of a problem, when, and to whom.
#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;
use serde_json::json;

const HOUR: u64 = 3_600;
const REMIND: Duration = Duration::from_secs(12 * HOUR);
const LIFE: Duration = Duration::from_secs(60);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_770_000_000 + seconds)
}

/// What is stored, with a book's methods in a row and the notices that would have been sent.
struct Book {
    stored: Option<Problem>,
    lasting: bool,
    sinks: Vec<String>,
    heard: Vec<(i64, Reason, u64)>,
}

impl Book {
    fn new(lasting: bool) -> Self {
        Self { stored: None, lasting, sinks: vec!["mail".to_owned()], heard: Vec::new() }
    }

    fn raise(&mut self, seconds: i64, severity: u8) {
        let content = json!({ "at": seconds });
        let quiet_for = Duration::from_secs(HOUR);
        let raised = Raise { content: &content, severity, sinks: &self.sinks, lasting: self.lasting, quiet_for };
        self.stored = Some(raise(self.stored.take(), &raised, at(seconds)));
    }

    fn recover(&mut self, seconds: i64) {
        self.stored = self.stored.take().and_then(|problem| recover(problem, &json!("over"), at(seconds)));
    }

    fn tend(&mut self, seconds: i64) {
        self.stored = self.stored.take().and_then(|problem| tend(problem, REMIND, Duration::from_secs(HOUR), at(seconds)));
    }

    fn notice(&self, sink: &str) -> Option<Notice> {
        self.stored.as_ref()?.notices.get(sink).cloned()
    }

    fn claim(&mut self, sink: &str, seconds: i64) -> Option<Notice> {
        let notice = self.notice(sink)?;
        let claimed = claim(self.stored.clone()?, sink, notice.number, LIFE, at(seconds))?;
        self.stored = Some(claimed);
        Some(notice)
    }

    fn settle(&mut self, sink: &str, notice: &Notice, settled: Settled, seconds: i64) {
        if settled == Settled::Told {
            self.heard.push((seconds, notice.reason, notice.count));
        }
        self.stored = self.stored.take().and_then(|problem| settle(problem, sink, notice.number, settled, at(seconds)));
    }

    /// Sends what is due.
    fn deliver(&mut self, seconds: i64) {
        for sink in self.sinks.clone() {
            if let Some(notice) = self.claim(&sink, seconds) {
                self.settle(&sink, &notice, Settled::Told, seconds);
            }
        }
    }

    fn reasons(&self) -> Vec<Reason> {
        self.heard.iter().map(|(_, reason, _)| *reason).collect()
    }
}

#[test]
fn a_problem_is_told_once_reminded_of_and_told_to_be_over() {
    let mut book = Book::new(true);
    for minute in 0..(25 * 60) {
        book.raise(minute * 60, 1);
        book.tend(minute * 60);
        book.deliver(minute * 60);
    }
    let hour = HOUR as i64;
    assert_eq!(book.heard, [(0, Reason::Opened, 1), (12 * hour, Reason::Reminder, 721), (24 * hour, Reason::Reminder, 1_441)]);
    book.recover(26 * hour);
    book.deliver(26 * hour);
    assert_eq!(book.heard.last().unwrap().1, Reason::Recovered);
    assert!(book.stored.is_none(), "nothing is left of a problem that is over");
    book.recover(27 * hour);
    book.deliver(27 * hour);
    assert_eq!(book.heard.len(), 4, "a recovery from nothing is not told");
}

#[test]
fn what_becomes_worse_is_told_again_and_what_becomes_better_is_not() {
    let mut book = Book::new(true);
    for (second, severity) in [(0, 1), (1, 2), (2, 1), (3, 2)] {
        book.raise(second, severity);
        book.deliver(second);
    }
    assert_eq!(book.reasons(), [Reason::Opened, Reason::Worse]);
    // A sink that is told of severe problems alone hears of it when it is one.
    book.sinks.push("pager".to_owned());
    book.raise(4, 2);
    assert_eq!(book.notice("pager").unwrap().reason, Reason::Opened);
}

#[test]
fn what_came_and_went_before_it_was_told_says_so() {
    let mut book = Book::new(true);
    book.raise(0, 1);
    book.recover(60);
    assert_eq!(book.notice("mail").unwrap().reason, Reason::Passed);
    book.raise(70, 1);
    assert_eq!(book.notice("mail").unwrap().reason, Reason::Opened, "it is back, so it has not passed");
    book.recover(80);
    book.deliver(100);
    assert_eq!(book.reasons(), [Reason::Passed]);
    assert!(book.stored.is_none());
}

#[test]
fn a_problem_that_returns_before_its_end_was_told_never_ended() {
    let mut book = Book::new(true);
    book.raise(0, 1);
    book.deliver(0);
    book.recover(10);
    book.raise(20, 1);
    book.deliver(30);
    assert_eq!(book.reasons(), [Reason::Opened]);
    // On its way, the word that it is over is followed by the word that it is back.
    book.recover(40);
    let notice = book.claim("mail", 50).unwrap();
    book.raise(55, 1);
    book.settle("mail", &notice, Settled::Told, 56);
    book.deliver(57);
    assert_eq!(book.reasons(), [Reason::Opened, Reason::Recovered, Reason::Opened]);
}

#[test]
fn a_recovery_follows_what_is_on_its_way() {
    let mut book = Book::new(true);
    book.raise(0, 1);
    let notice = book.claim("mail", 0).unwrap();
    book.recover(1);
    assert_eq!(book.claim("mail", 2).unwrap().reason, Reason::Recovered);
    book.settle("mail", &notice, Settled::Told, 3);
    assert!(book.stored.is_some());
    book.deliver(70);
    assert_eq!(book.reasons(), [Reason::Opened, Reason::Recovered]);
    assert!(book.stored.is_none());
}

#[test]
fn one_at_a_time_sends_and_a_dead_sender_is_replaced() {
    let mut book = Book::new(true);
    book.raise(0, 1);
    let first = book.claim("mail", 0).unwrap();
    assert!(book.claim("mail", 59).is_none(), "somebody is sending it");
    let second = book.claim("mail", 60).unwrap();
    assert_eq!(first.number, second.number, "the receiver can tell that it is the same");
    book.settle("mail", &second, Settled::Later(Duration::from_secs(30)), 61);
    assert!(book.claim("mail", 90).is_none());
    assert_eq!(book.claim("mail", 91).unwrap().attempts, 1);
    // A claim and a delay from a clock that was ahead by a week hold nobody up.
    let mut ahead = Book::new(true);
    ahead.raise(7 * 86_400, 1);
    assert!(ahead.claim("mail", 7 * 86_400).is_some());
    assert!(ahead.claim("mail", 0).is_some());
}

#[test]
fn an_event_is_told_again_after_a_while_and_then_forgotten() {
    let mut book = Book::new(false);
    for second in [0, 10, 20, 3_599, 3_600, 3_700] {
        book.raise(second, 0);
        book.deliver(second);
    }
    assert_eq!(book.heard, [(0, Reason::Opened, 1), (3_600, Reason::Opened, 5)]);
    book.recover(3_800);
    assert_eq!(book.reasons().len(), 2, "an event has no end");
    book.tend(7_199);
    assert!(book.stored.is_some());
    book.tend(7_200);
    assert!(book.stored.is_none());
}

#[test]
fn so_many_messages_in_so_long() {
    let (mut pace, mut sent) = (None, Vec::new());
    for second in 0..7_200 {
        let (taken, free) = take_place(pace.take(), 3, Duration::from_secs(HOUR), at(second * 60));
        pace = Some(taken);
        if free {
            sent.push(second);
        }
    }
    assert_eq!(&sent[..7], [0, 1, 2, 60, 61, 62, 120]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    /// Whatever comes in whatever order: when it is over and everything is sent, nobody was left with the last word that it is there.
    #[test]
    fn nobody_is_left_in_the_belief_that_it_lasts(steps in proptest::collection::vec((0_u8..6, 0_u8..3, 1_i64..90), 1..60)) {
        let mut book = Book::new(true);
        book.sinks.push("pager".to_owned());
        let mut heard: BTreeMap<String, Vec<Reason>> = BTreeMap::new();
        let mut sending: Vec<(String, Notice)> = Vec::new();
        let mut now = 0;
        for (step, severity, pause) in steps {
            now += pause;
            match step {
                0 | 1 => book.raise(now, severity),
                2 => book.recover(now),
                3 => {
                    for sink in book.sinks.clone() {
                        if let Some(notice) = book.claim(&sink, now) {
                            sending.retain(|(to, _)| *to != sink);
                            sending.push((sink, notice));
                        }
                    }
                }
                4 => {
                    for (sink, notice) in sending.drain(..) {
                        heard.entry(sink.clone()).or_default().push(notice.reason);
                        book.settle(&sink, &notice, Settled::Told, now);
                    }
                }
                _ => {
                    // The sender dies.
                    sending.clear();
                }
            }
        }
        book.recover(now);
        for round in 0..4 {
            now += 100 * (round + 1);
            for sink in book.sinks.clone() {
                if let Some(notice) = book.claim(&sink, now) {
                    heard.entry(sink.clone()).or_default().push(notice.reason);
                    book.settle(&sink, &notice, Settled::Told, now);
                }
            }
        }
        prop_assert!(book.stored.is_none(), "{:?}", book.stored);
        for (sink, reasons) in heard {
            prop_assert!(matches!(reasons.last(), Some(Reason::Recovered | Reason::Passed)), "{sink}: {reasons:?}");
        }
    }
}
