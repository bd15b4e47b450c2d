//! CronJobs of Kubernetes.

use aqueduct_schema::{Error, codes};

use super::plan::{Limits, five_fields, plan, shortest_gap};
use super::reckoning::Reckoning;
use super::{Exported, Job, Options, Part, Refusals, preamble, run_words};
use crate::section::{CatchUp, Overlap};

/// The longest name of a CronJob: the controller adds eleven characters for its Jobs.
const LONGEST_NAME: usize = 52;
/// Seconds that a run has to end with a checkpoint when it is asked to.
const GRACE: u64 = 60;
/// Seconds within which what is not caught up has to start; the controller looks every ten.
const DEADLINE: u64 = 60;

pub(super) fn export(jobs: &[Job<'_>], options: &Options) -> Result<Vec<Exported>, Vec<Error>> {
    let Some(image) = &options.image else {
        let error = Error::new(codes::BAD_USAGE, "Kubernetes needs the image that has the command and the pipelines");
        return Err(vec![error.advise("Add `--image REGISTRY/NAME:TAG`.")]);
    };
    let mut refusals = Refusals::new(options);
    let mut files: Vec<Exported> = Vec::new();
    for job in jobs {
        let name = format!("aqueduct-{}", job.pipeline.to_lowercase().replace('_', "-"));
        let name = name.trim_end_matches('-').to_owned();
        if name.len() > LONGEST_NAME {
            let message = format!("the name of a CronJob has {LONGEST_NAME} characters at most, and `{name}` has {}", name.len());
            refusals.refuse(job, &message, "Give the pipeline a shorter `name`.");
        }
        if files.iter().any(|file| file.name == format!("{name}.yaml")) {
            let message = format!("its name is `{name}` in Kubernetes, which another pipeline has already");
            refusals.refuse(job, &message, "Give one of the two a `name` that differs by more than case and underscores.");
        }
        if job.schedule.catch_up() == CatchUp::All {
            refusals.refuse_part(Part::CatchUp, job, "Kubernetes makes up for the latest of what it missed, not for all");
        }
        let limits = Limits { seconds: false, expressions: 1, reckoning: Reckoning::ByTheClock, name: "Kubernetes" };
        let Some(plan) = plan(job, &limits, None, options, &mut refusals) else { continue };
        let Some(fields) = plan.expressions.first().and_then(five_fields) else {
            let message = format!("Kubernetes has no `L`, `W`, `#` and `+`, and it runs {}", job.schedule.words());
            refusals.refuse(job, &message, "Name the days by numbers.");
            continue;
        };
        let text = manifest(job, &name, image, &fields, &plan.zone.name, options);
        files.push(Exported { name: format!("{name}.yaml"), text });
    }
    refusals.finish(files)
}

fn manifest(job: &Job<'_>, name: &str, image: &str, fields: &str, zone: &str, options: &Options) -> String {
    let schedule = job.schedule;
    let mut lines: Vec<String> = preamble(Some(job)).iter().map(|line| format!("# {line}")).collect();
    lines.push("# Pods share no disk: name a PostgreSQL database in AQUEDUCT_CONTROL_URL, and a destination that is a server.".to_owned());
    let mut line = |text: String| lines.push(text);
    line("apiVersion: batch/v1".to_owned());
    line("kind: CronJob".to_owned());
    line("metadata:".to_owned());
    line(format!("  name: {name}"));
    if let Some(namespace) = &options.namespace {
        line(format!("  namespace: {}", quoted(namespace)));
    }
    line("  labels:".to_owned());
    line("    app.kubernetes.io/name: aqueduct".to_owned());
    line(format!("    app.kubernetes.io/component: {}", quoted(job.pipeline)));
    line("spec:".to_owned());
    line(format!("  schedule: {}", quoted(fields)));
    line(format!("  timeZone: {}", quoted(zone)));
    line(format!("  suspend: {}", schedule.paused()));
    let policy = match schedule.overlap() {
        Overlap::Skip => "Forbid",
        // The run waits for the lease itself.
        Overlap::Queue => "Allow",
        Overlap::Cancel => "Replace",
    };
    line(format!("  concurrencyPolicy: {policy}"));
    if schedule.catch_up() == CatchUp::None {
        line(format!("  startingDeadlineSeconds: {DEADLINE}"));
    }
    line("  successfulJobsHistoryLimit: 1".to_owned());
    line("  failedJobsHistoryLimit: 3".to_owned());
    line("  jobTemplate:".to_owned());
    line("    spec:".to_owned());
    line("      backoffLimit: 0".to_owned());
    if let Some(all) = deadline(job) {
        line(format!("      activeDeadlineSeconds: {all}"));
    }
    line("      template:".to_owned());
    line("        metadata:".to_owned());
    line("          labels:".to_owned());
    line("            app.kubernetes.io/name: aqueduct".to_owned());
    line(format!("            app.kubernetes.io/component: {}", quoted(job.pipeline)));
    line("        spec:".to_owned());
    line("          restartPolicy: Never".to_owned());
    line(format!("          terminationGracePeriodSeconds: {GRACE}"));
    line("          containers:".to_owned());
    line("            - name: aqueduct".to_owned());
    line(format!("              image: {}", quoted(image)));
    line(format!("              command: [{}]", quoted(&unexpanded(&options.command))));
    let words: Vec<String> = run_words(job).iter().map(|word| quoted(&unexpanded(word))).collect();
    line(format!("              args: [{}]", words.join(", ")));
    line(format!("              workingDir: {}", quoted(&options.folder)));
    if let Some(secret) = &options.secret {
        line("              envFrom:".to_owned());
        line("                - secretRef:".to_owned());
        line(format!("                    name: {}", quoted(secret)));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Seconds after which a Job is stopped. The run keeps its own time and stops with a checkpoint; this is for one that does not. None where it may
/// wait longer than can be said: for the end of a black-out, or for other pipelines.
fn deadline(job: &Job<'_>) -> Option<u64> {
    let schedule = job.schedule;
    let timeout = schedule.timeout().filter(|_| schedule.dependencies().is_empty() && !schedule.has_blackouts())?;
    let retries = schedule.retries();
    let waits = (1..=retries.attempts).filter_map(|attempt| retries.wait(attempt)).sum::<std::time::Duration>();
    let queue = if schedule.overlap() == Overlap::Queue { shortest_gap(job) } else { None };
    let runs = (timeout.as_secs() + 2 * GRACE) * u64::from(retries.attempts + 1);
    Some(runs + waits.as_secs() + schedule.jitter().as_secs() + queue.unwrap_or_default().as_secs())
}

/// A word in which Kubernetes puts no variable of the container: `$(NAME)` would be its value, a token among them
/// (<https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/>).
fn unexpanded(word: &str) -> String {
    word.replace('$', "$$")
}

/// A text as YAML and JSON both take it.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
