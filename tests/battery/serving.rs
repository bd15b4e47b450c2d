//! `aqueduct serve` over a trial's account: a pipeline on a schedule, what is to become of each of its occurrences, and the judge of that.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aqueduct_pipeline::{Clock, SystemClock};
use serde_json::Value;

use crate::database::Database;
use crate::oracle::{Account, judge, judge_run, tail};
use crate::outcome::Outcome;
use crate::random::Random;
use crate::source::{Size, Vendor};
use crate::world::{Ran, Running, Shared, World, pause};

/// The hour in which schedules fall due, once and not again within a year.
const HOUR: &str = "2026-03-29T00";
/// How long the scheduler's work may take before it is given up, in looks.
const PATIENCE: u32 = 600;

/// When a trial's pipelines fall due, and what else their files say.
pub(crate) struct Plan {
    /// The minutes of the hour.
    pub(crate) minutes: &'static [u32],
    /// The one of them that a black-out leaves out.
    pub(crate) left_out: Option<u32>,
    /// Whether everything has fallen due before the scheduler looks; else it falls due while it serves.
    pub(crate) late: bool,
    /// How long a lease lives.
    pub(crate) lease_seconds: u64,
    /// How long a source that fails is asked again.
    pub(crate) retry_seconds: u64,
    /// Whether there is a second pipeline, which reads a file.
    pub(crate) second: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self { minutes: &[10, 20, 30], left_out: None, late: true, lease_seconds: 60, retry_seconds: 600, second: false }
    }
}

/// A world with schedules.
pub(crate) struct Served {
    pub(crate) world: World,
    plan: Plan,
    control: Database,
    /// The pipelines with their warehouses.
    pipelines: Vec<(&'static str, Database)>,
    /// The time of schedules for everything after the first look, as the binary takes it.
    time: String,
    account: Account,
}

impl Served {
    /// A small account whose pipeline has a schedule; the control store is of the kind of the destination.
    pub(crate) async fn new(shared: &Arc<Shared>, random: &mut Random, postgres: bool, plan: Plan) -> Self {
        let mut world = World::new(shared, Vendor::Hubspot, postgres, random.next(), Size { contacts: 24, deals: 6, archived: true }).await;
        let control = if postgres { world.database.clone() } else { Database::sqlite(world.folder.path(), "control.db") };
        let minutes: Vec<String> = plan.minutes.iter().map(u32::to_string).collect();
        let blackout = plan.left_out.map_or_else(String::new, |minute| {
            format!(", blackout: [{{ from: \"00:{:02}\", until: \"00:{:02}\", then: skip }}]", minute - 1, minute + 1)
        });
        let shared_part = format!(
            "schedule: {{ cron: \"{} 0 29 3 *\", catch_up: all, overlap: queue, retries: {{ attempts: 2, backoff: 10s }}{blackout} }}\n\
             control: {{ url: '{}', lease_seconds: {} }}\n",
            minutes.join(","),
            control.url(),
            plan.lease_seconds
        );
        world.more = format!("run: {{ records_per_load: 20, retry_seconds: {} }}\n{shared_part}", plan.retry_seconds);
        let mut pipelines = vec![("battery", world.database.clone())];
        if plan.second {
            let folder = world.folder.path();
            let warehouse = Database::sqlite(folder, "second.db");
            std::fs::write(folder.join("people.csv"), "id,email\n1,ada@example.com\n2,grace@example.com\n").expect("a list is written");
            let file = format!(
                "name: second\nsource: {{ connector: files, config: {{ path: '{}', key: id, stream: people }} }}\n\
                 destination: {{ url: '{}' }}\n{shared_part}",
                folder.join("people.csv").display(),
                warehouse.url()
            );
            std::fs::write(folder.join("second.yaml"), file).expect("a pipeline file is written");
            pipelines.push(("second", warehouse));
        }
        // An hour later nothing more falls due, and everything is there at once; else ten minutes pass in a second.
        let now = SystemClock.now();
        let time = if plan.late { format!("2026-03-29T01:00:00Z,{now},60") } else { format!("{HOUR}:09:00Z,{now},600") };
        Self { world, plan, control, pipelines, time, account: Account::Still }
    }

    /// Starts a server with these words and variables more, in a time of schedules.
    fn start_at(&self, time: &str, words: &[&str], variables: &[(&str, String)]) -> Running {
        let second = self.world.folder.path().join("second.yaml").display().to_string();
        let mut all = vec!["--http", "off"];
        if self.plan.second {
            all.push(&second);
        }
        all.extend(words);
        let mut variables = variables.to_vec();
        variables.push(("AQUEDUCT_SCHEDULE_TIME", time.to_owned()));
        self.world.start_command("serve", &self.world.database, &all, &variables)
    }

    /// Starts a server.
    pub(crate) fn start(&self, words: &[&str], variables: &[(&str, String)]) -> Running {
        self.start_at(&self.time, words, variables)
    }

    /// Has the schedules looked at for the first time, before anything falls due: they count from then on.
    pub(crate) async fn take_up(&self, variables: &[(&str, String)]) -> Ran {
        let tomorrow = SystemClock.now().plus(Duration::from_secs(86_400));
        self.start_at(&format!("{HOUR}:09:00Z,{tomorrow},60"), &["--once"], variables).end().await
    }

    /// Serves until everything is over, or until it is killed.
    pub(crate) async fn serve(&self, variables: &[(&str, String)], outcome: &mut Outcome) -> Ran {
        let ran = if self.plan.late {
            self.start(&["--once"], variables).end().await
        } else {
            let mut server = self.start(&[], variables);
            self.until_over(&mut server, outcome).await;
            server.signal("-TERM");
            server.end().await
        };
        outcome.add(judge_run(&self.world, &ran));
        let in_order = ran.was_killed() || ran.code == Some(0);
        outcome.must(in_order, || format!("the server ended with {:?}: {}", ran.code, tail(&ran.words)));
        ran
    }

    /// Waits until everything is over, or the server has ended.
    pub(crate) async fn until_over(&self, server: &mut Running, outcome: &mut Outcome) {
        for _ in 0..PATIENCE {
            if server.has_ended() || self.is_over() {
                return;
            }
            pause(Duration::from_millis(100)).await;
        }
        outcome.complaints.push("the occurrences were not over in a minute".to_owned());
    }

    /// The documents of a kind in the control store, by their keys.
    pub(crate) fn documents(&self, kind: &str) -> BTreeMap<String, Value> {
        let sql = if self.control.is_postgres() {
            format!(
                "SELECT json_build_object('key', key, 'content', content) FROM aqueduct.control WHERE kind = '{kind}' AND content IS NOT NULL;"
            )
        } else {
            format!("SELECT json_object('key', key, 'content', content) FROM control WHERE kind = '{kind}';")
        };
        let lines = tokio::task::block_in_place(|| self.control.execute(&sql));
        let documents = lines.lines().filter_map(|line| {
            let row: Value = serde_json::from_str(line).ok()?;
            Some((row["key"].as_str()?.to_owned(), serde_json::from_str(row["content"].as_str()?).ok()?))
        });
        documents.collect()
    }

    /// How many occurrences have come into a state.
    pub(crate) fn count_in(&self, states: &[&str]) -> usize {
        self.documents("occurrence").values().filter(|document| states.iter().any(|state| document["state"] == *state)).count()
    }

    /// Every occurrence, and whether it is left out.
    fn expected(&self) -> BTreeMap<String, bool> {
        let minutes = self.plan.minutes.iter();
        let keys = minutes.flat_map(|minute| {
            let left_out = self.plan.left_out == Some(*minute);
            self.pipelines.iter().map(move |(name, _)| (format!("{name}/{HOUR}:{minute:02}:00Z"), left_out))
        });
        keys.collect()
    }

    /// Whether every occurrence is over, and closed.
    pub(crate) fn is_over(&self) -> bool {
        let occurrences = self.documents("occurrence");
        let over =
            |key: &String| occurrences.get(key).is_some_and(|document| document["state"] == "ended" || document["state"] == "skipped");
        self.expected().keys().all(over)
            && self.documents("schedule").values().all(|standing| standing["open"].as_array().is_none_or(Vec::is_empty))
    }

    /// Changes records at the source, if there is a run to come that has to find them.
    pub(crate) fn change(&mut self, random: &mut Random, outcome: &mut Outcome) {
        let to_run = self.plan.minutes.len() - usize::from(self.plan.left_out.is_some());
        let begun = self.documents("occurrence").into_iter().filter(|(key, document)| {
            key.starts_with("battery/") && document["state"] != "due" && document["state"] != "claimed" && document["state"] != "skipped"
        });
        if begun.count() < to_run {
            self.world.source.clock.advance(Duration::from_secs(3_600));
            self.world.source.change(random, 10);
            self.world.source.clock.advance(Duration::from_secs(1));
            self.account = Account::Changing;
            outcome.note("changed between runs");
        }
    }

    /// Judges the end: every occurrence was run once or left out as its schedule says, and the rows are those of the account.
    pub(crate) async fn judge(&self, outcome: &mut Outcome) {
        for _ in 0..PATIENCE {
            if processes_at(&self.world).is_empty() {
                break;
            }
            pause(Duration::from_millis(50)).await;
        }
        outcome.must(processes_at(&self.world).is_empty(), || "a run did not end".to_owned());
        outcome.must(self.is_over(), || "occurrences are open although everything was served".to_owned());
        self.occurrences(outcome);
        for (name, database) in &self.pipelines {
            if *name == "second" {
                let people = tokio::task::block_in_place(|| database.dump()).remove("files_people").unwrap_or_default();
                let ids: BTreeSet<_> = people.iter().map(|row| row.get("id").map(ToString::to_string)).collect();
                outcome.must(people.len() == 2 && ids.len() == 2, || {
                    format!("{} people with {} ids are there instead of two", people.len(), ids.len())
                });
            }
        }
        outcome.add(judge(&self.world, self.account).await);
    }

    fn occurrences(&self, outcome: &mut Outcome) {
        let (expected, found) = (self.expected(), self.documents("occurrence"));
        for (key, left_out) in &expected {
            let document = found.get(key).unwrap_or(&Value::Null);
            let is_right = match left_out {
                true => document["state"] == "skipped" && document["why"] == "blackout",
                false => document["state"] == "ended" && document["exit_code"] == 0,
            };
            outcome.lost += u64::from(!is_right);
            outcome.must(is_right, || format!("{key} was missed: {document}"));
            outcome.note(if *left_out { "left out" } else { "occurrences run" });
        }
        for key in found.keys().filter(|key| !expected.contains_key(*key)) {
            outcome.complaints.push(format!("{key} is no occurrence of its schedule"));
        }
        for (name, database) in &self.pipelines {
            let listed = tokio::task::block_in_place(|| database.execute("SELECT run_id FROM {own}runs WHERE status = 'ok';"));
            let mut ok: BTreeSet<&str> = listed.lines().map(str::trim).filter(|run| !run.is_empty()).collect();
            let of_this = || found.iter().filter(|(key, _)| key.split('/').next() == Some(name)).map(|(_, document)| document);
            for document in of_this().filter(|document| document["state"] == "ended") {
                let run = document["run_id"].as_str().unwrap_or_default();
                // A run that is told by two occurrences is missing at the second.
                outcome.must(ok.remove(run), || format!("the run {run} of {} is not the warehouse's: {document}", document["at"]));
            }
            for document in of_this() {
                for attempt in document["attempts"].as_array().into_iter().flatten() {
                    // It had ended well, and died before it could tell: its occurrence is run once more, and nothing has changed.
                    if attempt["code"].is_null() && ok.remove(attempt["run_id"].as_str().unwrap_or_default()) {
                        outcome.note("died between its last load and the end of its occurrence");
                    }
                }
            }
            outcome.duplicated += ok.len() as u64;
            outcome.must(ok.is_empty(), || format!("{name} was run {} times more than its schedule says: {ok:?}", ok.len()));
        }
    }
}

/// The processes that run the trial's pipelines, whoever started them, as far as the system tells.
fn processes_at(world: &World) -> Vec<PathBuf> {
    let folder = world.folder.path().as_os_str().as_encoded_bytes().to_vec();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    let runs = |process: &PathBuf| {
        let words = std::fs::read(process.join("cmdline")).unwrap_or_default();
        words.windows(folder.len()).any(|window| window == folder)
    };
    processes.filter(runs).collect()
}
