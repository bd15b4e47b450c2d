//! Row 25: `aqueduct serve`, or a run that it has started, ends at a named point; no occurrence is missed, none is run twice.

use std::sync::Arc;
use std::time::Duration;

use aqueduct_simulator::{Effect, Fault, Match};

use crate::oracle::{judge_run, tail};
use crate::outcome::Outcome;
use crate::random::Random;
use crate::rows::points::{SCHEDULER, Serving};
use crate::serving::{Plan, Served};
use crate::world::{Shared, pause};

/// Trials that go through all points into both kinds of stores, and then some that have none of them in mind.
pub(crate) const ROUND: u64 = SCHEDULER.len() as u64 * 2 + 4;

/// Row 25.
pub(crate) async fn killed(shared: Arc<Shared>, mut random: Random, number: u64) -> Outcome {
    let (place, first_time) = (number % ROUND, number < ROUND);
    match place.checked_sub(SCHEDULER.len() as u64 * 2) {
        None => {}
        Some(rest) if rest.is_multiple_of(2) => return one_of_two(shared, random, rest).await,
        Some(rest) => return at_any_commit(shared, random, rest == 3).await,
    }
    let ((point, by), postgres) = (SCHEDULER[place as usize / 2], place % 2 == 1);
    let count = if first_time { 1 } else { random.between(1, 4) };
    let mut served = Served::new(&shared, &mut random, postgres, plan(by, number)).await;
    let mut outcome = Outcome::default();
    // Each of them happens once, in whichever process comes to it first.
    let kills = match by {
        Serving::RunThatNeverBegan => format!("occurrence::before_begin:1,{point}:{count}"),
        Serving::RunThatDied => format!("occurrence::begun:1,{point}:{count}"),
        Serving::SchedulerThatDied => format!("scheduler::claimed:1,{point}:{count}"),
        _ => format!("{point}:{count}"),
    };
    let mut variables = variables(&served, &kills);
    if by == Serving::NewSchedule {
        let ran = served.take_up(&variables).await;
        tell(&served, &ran, point, &mut outcome);
    }
    let taken_up = served.take_up(&[]).await;
    outcome.must(taken_up.code == Some(0), || format!("the first look ended with {:?}: {}", taken_up.code, tail(&taken_up.words)));
    match by {
        // Longer than the five seconds between two looks at the claims.
        Serving::SlowStart => variables.push(("FAILPOINTS", "occurrence::before_begin=sleep(6500)".to_owned())),
        Serving::LongRun => variables.push(("FAILPOINTS", "pipeline::before_load=sleep(250)".to_owned())),
        Serving::Shutdown => {
            variables.push(("FAILPOINTS", "pipeline::before_load=sleep(700)".to_owned()));
            let ran = shut_down(&served, &variables).await;
            tell(&served, &ran, point, &mut outcome);
            variables.pop();
        }
        Serving::FailingSource => {
            served.world.source.inject(Fault::always(Effect::status(500)).when(Match::path("/objects/")));
        }
        _ => {}
    }
    until_over(&mut served, point, variables, &mut random, &mut outcome).await;
    outcome
}

/// What a point needs to be come to.
fn plan(by: Serving, number: u64) -> Plan {
    // For each point the two stores differ in this too, and every round turns it.
    let usual = Plan { late: (number / 2 + number).is_multiple_of(2), ..Plan::default() };
    match by {
        Serving::Blackout => Plan { left_out: Some(20), ..usual },
        Serving::SlowStart => Plan { minutes: &[10], late: true, ..usual },
        Serving::FailingSource => Plan { minutes: &[10, 20], late: true, retry_seconds: 1, ..usual },
        Serving::LongRun | Serving::Shutdown => Plan { minutes: &[10, 20], late: true, lease_seconds: 1, ..usual },
        _ => usual,
    }
}

/// What ends processes at points, each once.
fn variables(served: &Served, kills: &str) -> Vec<(&'static str, String)> {
    let folder = served.world.folder.path().join("killed");
    std::fs::create_dir_all(&folder).expect("a folder is made");
    vec![("AQUEDUCT_KILL", kills.to_owned()), ("AQUEDUCT_KILL_ONCE", folder.display().to_string())]
}

/// Notes that a point was come to, whichever process ended there.
fn tell(served: &Served, ran: &crate::world::Ran, point: &'static str, outcome: &mut Outcome) {
    outcome.add(judge_run(&served.world, ran));
    if served.world.folder.path().join("killed").join(point.replace("::", "-")).exists() {
        outcome.note(point);
    }
}

/// Serves, again after each kill, until everything is over; then judges.
async fn until_over(
    served: &mut Served,
    point: &'static str,
    mut variables: Vec<(&'static str, String)>,
    random: &mut Random,
    outcome: &mut Outcome,
) {
    for round in 0..40 {
        let ran = served.serve(&variables, outcome).await;
        if ran.was_killed() {
            outcome.note("scheduler killed");
        }
        if round == 0 {
            // What made the trouble is over; whoever has not met it meets it no more.
            variables.retain(|(name, _)| *name != "FAILPOINTS");
            served.world.source.clear_faults();
            served.change(random, outcome);
        }
        if served.is_over() {
            break;
        }
        // What died is tried again a little later.
        pause(Duration::from_millis(100)).await;
    }
    if served.world.folder.path().join("killed").join(point.replace("::", "-")).exists() {
        outcome.note(point);
    }
    served.judge(outcome).await;
}

/// Tells a server to stop while a run is under way, and gives the run no time.
async fn shut_down(served: &Served, variables: &[(&str, String)]) -> crate::world::Ran {
    let mut server = served.start(&["--once", "--grace", "0s"], variables);
    for _ in 0..200 {
        if server.has_ended() || served.count_in(&["begun"]) > 0 {
            break;
        }
        pause(Duration::from_millis(25)).await;
    }
    server.signal("-TERM");
    server.end().await
}

/// A scheduler or a run ends before or after any of its changes of the control store.
async fn at_any_commit(shared: Arc<Shared>, mut random: Random, postgres: bool) -> Outcome {
    let plan = Plan { late: random.one_in(2), ..Plan::default() };
    let mut served = Served::new(&shared, &mut random, postgres, plan).await;
    let mut outcome = Outcome::default();
    let taken_up = served.take_up(&[]).await;
    outcome.must(taken_up.code == Some(0), || format!("the first look ended with {:?}: {}", taken_up.code, tail(&taken_up.words)));
    let point = if random.one_in(2) { "control::before_commit" } else { "control::after_commit" };
    let variables = variables(&served, &format!("{point}:{}", random.between(1, 25)));
    until_over(&mut served, point, variables, &mut random, &mut outcome).await;
    outcome
}

/// Two schedulers share two pipelines on PostgreSQL, and one of them is killed; the other goes on alone. It has made up its mind about the
/// first occurrence long before it claims it, when that is begun or over.
pub(crate) async fn one_of_two(shared: Arc<Shared>, mut random: Random, _: u64) -> Outcome {
    let plan = Plan { late: random.one_in(2), second: true, ..Plan::default() };
    let served = Served::new(&shared, &mut random, true, plan).await;
    let mut outcome = Outcome::default();
    let taken_up = served.take_up(&[]).await;
    outcome.must(taken_up.code == Some(0), || format!("the first look ended with {:?}: {}", taken_up.code, tail(&taken_up.words)));
    let late = [("FAILPOINTS", served.world.fail_points("scheduler::before_claim=1*sleep(3000)"))];
    let [mut one, mut two] = [("one", &[][..]), ("two", &late[..])]
        .map(|(name, variables)| served.start(&["--instance", name, "--concurrency", "1"], variables));
    let some = random.between(1, 6) as usize;
    for _ in 0..600 {
        if served.count_in(&["begun", "ended"]) >= some {
            break;
        }
        pause(Duration::from_millis(50)).await;
    }
    one.signal("-KILL");
    let killed = one.end().await;
    outcome.add(judge_run(&served.world, &killed));
    outcome.note("one of two schedulers killed");
    served.until_over(&mut two, &mut outcome).await;
    two.signal("-TERM");
    let ended = two.end().await;
    outcome.add(judge_run(&served.world, &ended));
    outcome.must(ended.code == Some(0), || format!("the other ended with {:?}: {}", ended.code, tail(&ended.words)));
    served.judge(&mut outcome).await;
    outcome
}
