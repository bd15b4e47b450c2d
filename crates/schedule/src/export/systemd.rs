//! Services and timers of systemd.

use aqueduct_schema::Error;

use super::plan::{Limits, plan, ranges};
use super::reckoning::Reckoning;
use super::{Exported, Job, Options, Part, Refusals, preamble, run_words};
use crate::expression::Expression;
use crate::field::{Field, Special};
use crate::section::{CatchUp, Overlap};

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

pub(super) fn export(jobs: &[Job<'_>], options: &Options) -> Result<Vec<Exported>, Vec<Error>> {
    let mut refusals = Refusals::new(options);
    let mut files = Vec::new();
    for job in jobs {
        match job.schedule.overlap() {
            Overlap::Skip => {}
            Overlap::Queue => refusals.refuse_part(Part::Overlap, job, "systemd drops what falls due while the service runs"),
            Overlap::Cancel => refusals.refuse_part(Part::Overlap, job, "systemd does not stop the service when the timer falls due again"),
        }
        if job.schedule.catch_up() == CatchUp::All {
            refusals.refuse_part(
                Part::CatchUp,
                job,
                "systemd makes up for the latest of what fell due while the machine was off, not for all",
            );
        }
        let limits = Limits { seconds: true, expressions: usize::MAX, reckoning: Reckoning::FirstPass, name: "systemd" };
        let Some(plan) = plan(job, &limits, None, options, &mut refusals) else { continue };
        let mut calendars = Vec::new();
        for expression in &plan.expressions {
            match calendar(expression) {
                Some(said) => calendars.extend(said.into_iter().map(|said| format!("{said} {}", plan.zone.name))),
                None => {
                    let message = format!("systemd has no nearest and no last workday of a month, and it runs {}", job.schedule.words());
                    refusals.refuse(job, &message, "Name the days otherwise, for example with `L` or `FRIL`.");
                }
            }
        }
        files.push(Exported { name: format!("aqueduct-{}.service", job.pipeline), text: service(job, options) });
        files.push(Exported { name: format!("aqueduct-{}.timer", job.pipeline), text: timer(job, &calendars) });
    }
    refusals.finish(files)
}

fn service(job: &Job<'_>, options: &Options) -> String {
    let mut words = vec![escaped(&options.command)];
    words.extend(run_words(job).iter().map(|word| escaped(word)));
    let mut text: String = preamble(Some(job)).iter().map(|line| format!("# {line}\n")).collect();
    text.push_str(&format!(
        "\n[Unit]\nDescription=Aqueduct pipeline {}\nWants=network-online.target\nAfter=network-online.target\n\n[Service]\nType=oneshot\n",
        job.pipeline
    ));
    if let Some(user) = &options.user {
        text.push_str(&format!("User={user}\n"));
    }
    // A run ends with a checkpoint when it is asked to, which takes a moment.
    text.push_str(&format!(
        "WorkingDirectory={}\nExecStart={}\nTimeoutStartSec=infinity\nTimeoutStopSec=60\n",
        escaped_path(&options.folder),
        words.join(" ")
    ));
    text
}

fn timer(job: &Job<'_>, calendars: &[String]) -> String {
    let persistent = job.schedule.catch_up() != CatchUp::None;
    let mut text: String = preamble(Some(job)).iter().map(|line| format!("# {line}\n")).collect();
    if job.schedule.paused() {
        text.push_str("# The pipeline is paused: do not enable this timer.\n");
    }
    text.push_str(&format!("\n[Unit]\nDescription=When the Aqueduct pipeline {} runs\n\n[Timer]\n", job.pipeline));
    calendars.iter().for_each(|calendar| text.push_str(&format!("OnCalendar={calendar}\n")));
    text.push_str(&format!(
        "AccuracySec=1s\nPersistent={persistent}\nUnit=aqueduct-{}.service\n\n[Install]\nWantedBy=timers.target\n",
        job.pipeline
    ));
    text
}

/// An expression as calendar events: one, or one for each way in which a day may be meant. None where systemd has no words for a day.
pub(super) fn calendar(expression: &Expression) -> Option<Vec<String>> {
    let part = |field: &Field| if field.any { "*".to_owned() } else { ranges(&field.values, "..", 2) };
    let all_of = |field: &Field, count: usize| if field.values.len() == count { "*".to_owned() } else { part(field) };
    let time = format!("{}:{}:{}", all_of(&expression.hour, 24), all_of(&expression.minute, 60), all_of(&expression.second, 60));
    let month = part(&expression.month);
    // What a day of the month may be: dates from the beginning of the month and from its end.
    let mut dates = Vec::new();
    if !expression.day.values.is_empty() {
        dates.push(format!("*-{month}-{}", part(&expression.day)));
    }
    for special in &expression.day.special {
        match special {
            Special::LastDay => dates.push(format!("*-{month}~01")),
            _ => return None,
        }
    }
    let mut weekdays: Vec<(String, String)> = Vec::new();
    if !expression.weekday.any && !expression.weekday.values.is_empty() {
        weekdays.push((names(&expression.weekday.values), format!("*-{month}-*")));
    }
    for special in &expression.weekday.special {
        match special {
            Special::Nth(weekday, nth) => {
                let first = (nth - 1) * 7 + 1;
                // The fifth is on the 29th to the 31st, where a month has those.
                let last = (first + 6).min(31);
                weekdays.push((names(&[*weekday]), format!("*-{month}-{first:02}..{last:02}")));
            }
            Special::LastWeekday(weekday) => weekdays.push((names(&[*weekday]), format!("*-{month}~07/1"))),
            _ => return None,
        }
    }
    let mut said = Vec::new();
    match (expression.day.any, expression.weekday.any) {
        (true, true) => said.push(format!("*-{month}-* {time}")),
        (false, true) => said.extend(dates.iter().map(|date| format!("{date} {time}"))),
        (true, false) => said.extend(weekdays.iter().map(|(names, date)| format!("{names} {date} {time}"))),
        (false, false) if expression.both_days => {
            // Two conditions on the date do not go into one event.
            if !expression.weekday.special.is_empty() {
                return None;
            }
            let names = names(&expression.weekday.values);
            said.extend(dates.iter().map(|date| format!("{names} {date} {time}")));
        }
        (false, false) => {
            said.extend(dates.iter().map(|date| format!("{date} {time}")));
            said.extend(weekdays.iter().map(|(names, date)| format!("{names} {date} {time}")));
        }
    }
    Some(said)
}

fn names(weekdays: &[u8]) -> String {
    weekdays.iter().map(|weekday| WEEKDAYS[usize::from(weekday % 7)]).collect::<Vec<_>>().join(",")
}

/// A word of a command line of systemd.
fn escaped(word: &str) -> String {
    let word = word.replace('\\', "\\\\").replace('%', "%%").replace('$', "$$");
    if word.is_empty() || word.contains([' ', '\t', '"', '\'', ';']) { format!("\"{}\"", word.replace('"', "\\\"")) } else { word }
}

/// A path as a setting has it: taken to the end of the line, with `%` doubled.
fn escaped_path(path: &str) -> String {
    path.replace('%', "%%")
}
