//! DAGs of Airflow.

use aqueduct_schema::Error;

use super::plan::{Limits, five_fields_of_croniter, plan};
use super::reckoning::Reckoning;
use super::{Exported, Job, Options, Part, Refusals, preamble, run_words, shell};
use crate::section::{CatchUp, Overlap};

/// What begins an expression, a statement and a comment of Jinja. The first comes first: what guards the others has it in it.
pub(super) const TEMPLATES: [&str; 3] = ["{{", "{%", "{#"];

pub(super) fn export(jobs: &[Job<'_>], options: &Options) -> Result<Vec<Exported>, Vec<Error>> {
    let mut refusals = Refusals::new(options);
    let mut files = Vec::new();
    for job in jobs {
        match job.schedule.overlap() {
            Overlap::Skip | Overlap::Queue => {}
            Overlap::Cancel => refusals.refuse_part(Part::Overlap, job, "Airflow does not stop the run under way when the next falls due"),
        }
        if job.schedule.catch_up() == CatchUp::None {
            refusals.refuse_part(Part::CatchUp, job, "Airflow runs the latest of what it missed");
        }
        // Airflow too meets fixed times once and intervals by elapsed time; docs/scheduling.md says where it chooses other instants.
        let limits = Limits { seconds: false, expressions: 1, reckoning: Reckoning::Vixie, name: "Airflow" };
        let Some(plan) = plan(job, &limits, None, options, &mut refusals) else { continue };
        let Some(fields) = plan.expressions.first().and_then(five_fields_of_croniter) else {
            let message =
                format!("Airflow has no `W` and `+`, nor weekdays of a month beside others, and it runs {}", job.schedule.words());
            refusals.refuse(job, &message, "Name the days otherwise, for example with `L` or `FRIL`.");
            continue;
        };
        let text = dag(job, &fields, &plan.zone.name, options);
        files.push(Exported { name: format!("aqueduct_{}.py", job.pipeline), text });
    }
    refusals.finish(files)
}

fn dag(job: &Job<'_>, fields: &str, zone: &str, options: &Options) -> String {
    let schedule = job.schedule;
    let mut words = vec![shell(&options.command)];
    words.extend(run_words(job).iter().map(|word| shell(word)));
    // Jinja reads the command before the shell does.
    let command = TEMPLATES.iter().fold(words.join(" "), |command, sign| command.replace(sign, &format!("{{{{ '{sign}' }}}}")));
    let start = options.from.to_zoned(jiff::tz::TimeZone::UTC);
    let mut text = format!("\"\"\"{}\"\"\"\n", preamble(Some(job)).join("\n").replace('\\', "\\\\").replace('"', "\\\""));
    text.push_str(
        "\nimport pendulum\n\
         from airflow.timetables.trigger import CronTriggerTimetable\n\n\
         try:\n    from airflow.sdk import DAG\nexcept ImportError:  # Airflow 2\n    from airflow import DAG\n\
         try:\n    from airflow.providers.standard.operators.bash import BashOperator\n\
         except ImportError:  # Airflow 2\n    from airflow.operators.bash import BashOperator\n\n",
    );
    let catch_up = if schedule.catch_up() == CatchUp::All { "True" } else { "False" };
    let paused = if schedule.paused() { "True" } else { "False" };
    text.push_str(&format!(
        "with DAG(\n    dag_id={},\n    schedule=CronTriggerTimetable({}, timezone={}),\n    start_date=pendulum.datetime({}, {}, {}, tz=\"UTC\"),\n    \
         catchup={catch_up},\n    is_paused_upon_creation={paused},\n",
        python(&format!("aqueduct_{}", job.pipeline)),
        python(fields),
        python(zone),
        start.year(),
        start.month(),
        start.day()
    ));
    // Runs that would overlap wait here, or begin and find the pipeline held.
    if schedule.overlap() == Overlap::Queue {
        text.push_str("    max_active_runs=1,\n");
    }
    text.push_str("    tags=[\"aqueduct\"],\n) as dag:\n    BashOperator(\n        task_id=\"run\",\n");
    text.push_str(&format!(
        "        bash_command={},\n        cwd={},\n        append_env=True,\n",
        python(&command),
        python(&options.folder)
    ));
    if schedule.overlap() != Overlap::Queue {
        text.push_str("        skip_on_exit_code=9,\n");
    }
    // The run tries again itself, whatever Airflow's own settings say of tasks.
    text.push_str("        retries=0,\n    )\n");
    text
}

/// A text as Python takes it.
fn python(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
