//! Tables for cron.

use aqueduct_schema::Error;

use super::plan::{Limits, five_fields, plan};
use super::reckoning::Reckoning;
use super::{Exported, Job, Options, Part, Refusals, preamble, run_words, shell};
use crate::section::{CatchUp, Overlap};
use crate::zone::Zone;

pub(super) fn export(jobs: &[Job<'_>], options: &Options) -> Result<Vec<Exported>, Vec<Error>> {
    let machine = Zone::named(&options.cron_zone).map_err(|error| vec![error])?;
    let mut refusals = Refusals::new(options);
    let mut tables: Vec<(String, Vec<String>)> = Vec::new();
    for job in jobs {
        if job.schedule.overlap() == Overlap::Cancel {
            refusals.refuse_part(Part::Overlap, job, "cron cannot stop the run under way when the next falls due");
        }
        if job.schedule.catch_up() == CatchUp::All {
            refusals.refuse_part(Part::CatchUp, job, "cron does not make up for what fell due while the machine was off");
        }
        // Where cron can be told a zone, the schedule's own is that zone.
        let zone = if options.knows_cron_tz { &job.schedule.zone } else { &machine };
        let limits = Limits { seconds: false, expressions: usize::MAX, reckoning: Reckoning::Vixie, name: "cron" };
        let zone = if options.knows_cron_tz { None } else { Some(zone) };
        let Some(plan) = plan(job, &limits, zone, options, &mut refusals) else { continue };
        let fields: Option<Vec<String>> = plan.expressions.iter().map(five_fields).collect();
        let Some(fields) = fields else {
            let message = format!("cron has no `L`, `W`, `#` and `+`, and it runs {}", job.schedule.words());
            refusals.refuse(job, &message, "Name the days by numbers, or export it for systemd or Airflow, which know more of them.");
            continue;
        };
        let lines = lines(job, &fields, options);
        let table = tables.iter_mut().find(|(zone, _)| *zone == plan.zone.name);
        match table {
            Some((_, of_zone)) => of_zone.extend(lines),
            None => tables.push((plan.zone.name, lines)),
        }
    }
    let name = if options.user.is_some() { "aqueduct" } else { "aqueduct.crontab" };
    let text = table(&tables, options, &machine);
    refusals.finish(vec![Exported { name: name.to_owned(), text }])
}

fn table(tables: &[(String, Vec<String>)], options: &Options, machine: &Zone) -> String {
    let mut lines: Vec<String> = preamble(None);
    match &options.user {
        Some(_) => lines.push("For /etc/cron.d: `install -m 644 aqueduct /etc/cron.d/aqueduct`.".to_owned()),
        None => lines.push("For a person's own crontab: `crontab aqueduct.crontab` replaces the one that is there.".to_owned()),
    }
    if options.knows_cron_tz {
        lines.push("Times are in the zones named by CRON_TZ, which cronie knows and Debian's cron does not.".to_owned());
    } else {
        lines.push(format!("Times are by the clock of {}, which has to be that of this machine's cron.", machine.name));
    }
    lines.push("What falls due while the machine is off is not made up for; the next run reads what it would have read.".to_owned());
    let mut text: String = lines.iter().map(|line| format!("# {line}\n")).collect();
    text.push_str("SHELL=/bin/sh\n");
    for (zone, lines) in tables {
        if options.knows_cron_tz {
            text.push_str(&format!("\nCRON_TZ={zone}\n"));
        }
        lines.iter().for_each(|line| {
            text.push_str(line);
            text.push('\n');
        });
    }
    text
}

fn lines(job: &Job<'_>, fields: &[String], options: &Options) -> Vec<String> {
    let mut words = vec![shell(&options.command), "--quiet".to_owned()];
    words.extend(run_words(job).iter().map(|word| shell(word)));
    // Cron mails what a command prints, so that errors arrive and good runs say nothing; a `%` would end the command.
    let command = format!("cd {} && {} >/dev/null", shell(&options.folder), words.join(" ")).replace('%', "\\%");
    let user = options.user.as_ref().map(|user| format!(" {user}")).unwrap_or_default();
    let mut lines = vec![String::new(), format!("# {}: {}", job.pipeline, job.schedule.words())];
    for five in fields {
        let line = format!("{five}{user} {command}");
        lines.push(if job.schedule.paused() { format!("# paused: {line}") } else { line });
    }
    lines
}
