//! What a backfill will do, from what the source counts and the connector declares. Nothing is guessed: what cannot be counted is not known.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aqueduct_connector::{Cost, LimitClass, Stream};
use aqueduct_schema::{Error, Result, Timestamp, codes};
use aqueduct_warehouse::TimeSpan;
use serde::Serialize;

use super::BackfillOptions;
use super::calls::Calls;
use super::windows::{Halving, Piece, WindowLength, cut};
use crate::pipeline::{Connected, Pipeline};

/// How many counts a stream's plan may cost.
const COUNTS: usize = 48;
/// Before this day no record of a system of customers last changed; what claims so is in one window of its own.
const EARLIEST: i64 = 946_684_800;
/// How many records a processor brings into a warehouse in a second, where nothing else is slower.
const PACE: u64 = 20_000;

/// What a backfill will do.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The span of the records' last change.
    pub span: TimeSpan,
    /// Whether the span ends earlier than was asked, because what changed since is left to the pipeline's runs.
    pub ends_earlier: bool,
    /// What is done for each stream.
    pub streams: Vec<StreamPlan>,
    /// Streams that are left out, with the reason.
    pub left_out: Vec<(String, String)>,
    /// Calls for all of it; `None` where a stream's are not known.
    pub calls: Option<u64>,
    /// Records in the span, counted; `None` where a stream's are not known.
    pub records: Option<u64>,
    /// How long it takes within the declared limits; without the time that the source needs to prepare records.
    pub seconds: Option<u64>,
    /// The daily quota, where the vendor or the pipeline file tells it.
    pub quota: Option<QuotaPlan>,
    /// Calls that making the plan has cost.
    pub planning_calls: u64,
}

/// What a plan takes of a daily quota.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct QuotaPlan {
    /// Calls that are used today, as far as the vendor says it.
    pub used: Option<u64>,
    /// Calls a day.
    pub allowed: u64,
}

/// What a backfill will do for one stream.
#[derive(Clone, Debug, Serialize)]
pub struct StreamPlan {
    /// The stream.
    pub stream: String,
    /// Whether it is read by listing all there is, because the span leaves nothing out and that is quicker.
    pub whole: bool,
    /// The windows, oldest first, each with the records that it is known or thought to hold.
    pub windows: Vec<PlannedWindow>,
    /// Records in the span, counted; `None` where the source does not count.
    pub records: Option<u64>,
    /// Calls, verification included.
    pub calls: Option<u64>,
    /// How long it takes within the declared limits.
    pub seconds: Option<u64>,
    /// Whether the source prepares records first (export jobs), for a time that nobody knows beforehand.
    pub prepared: bool,
    /// Whether its windows are read one after the other.
    pub alone: bool,
}

/// A window of a plan.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PlannedWindow {
    /// The span of the records' last change.
    #[serde(flatten)]
    pub span: TimeSpan,
    /// The records that it is known or thought to hold.
    pub records: Option<u64>,
}

/// What is asked of each stream.
struct Asked {
    from: Option<Timestamp>,
    until: Timestamp,
    /// Whether everything from the beginning of the span is wanted, as far as it is settled.
    to_the_end: bool,
    length: Option<WindowLength>,
}

/// Plans: counts at the source and reads nothing.
pub(crate) async fn plan(pipeline: &Pipeline, connected: &Connected, options: &BackfillOptions, calls: &Arc<Calls>) -> Result<Plan> {
    let before = calls.answered();
    let (streams, left_out) = sort(connected, options)?;
    let lag = streams.iter().map(|stream| stream.lag).max().unwrap_or_default();
    let settled = milliseconds(pipeline.clock().now().minus(lag));
    let until = options.until.map_or(settled, |until| milliseconds(until).min(settled));
    if let Some(from) = options.from {
        has_time(milliseconds(from), options.until.map(milliseconds), settled)?;
    }
    let asked = Asked {
        from: options.from.map(milliseconds),
        until,
        to_the_end: options.until.is_none_or(|asked| asked >= settled),
        length: options.window.clone(),
    };
    let share = pipeline.file.content.source.quota.share;
    let rates = Rates::new(connected, share);
    let mut plans = Vec::new();
    for stream in streams {
        plans.push(one(connected, stream, &asked, &rates).await?);
    }
    let sum = |of: fn(&StreamPlan) -> Option<u64>| plans.iter().map(of).sum::<Option<u64>>();
    let quota = &pipeline.file.content.source.quota;
    let told = calls.usage().map(|usage| QuotaPlan { used: Some(usage.used), allowed: usage.allowed });
    let set = quota.daily.map(|allowed| QuotaPlan { used: None, allowed });
    Ok(Plan {
        span: TimeSpan { from: asked.from, until: Some(until) },
        ends_earlier: options.until.is_some_and(|asked| milliseconds(asked) > until),
        calls: sum(|stream| stream.calls),
        records: sum(|stream| stream.records),
        seconds: sum(|stream| stream.seconds),
        streams: plans,
        left_out,
        quota: [told, set].into_iter().flatten().min_by_key(|quota| quota.allowed),
        planning_calls: calls.answered() - before,
    })
}

/// Whether there is any time between the beginning of a span and its end, and something settled in it.
fn has_time(from: Timestamp, until: Option<Timestamp>, settled: Timestamp) -> Result<()> {
    let refused = |message: &str, advice: &str| Err(Error::new(codes::BAD_USAGE, message).with("from", from).advise(advice.to_owned()));
    match until {
        Some(until) if from > until => refused(&format!("the span ends before it begins, at {until}"), "Let --from be earlier than --to."),
        Some(until) if from == until => refused("there is no time in the span", "Let --to be later than --from: it is exclusive."),
        _ if from >= settled => refused(
            &format!("nothing is settled that late: backfills end at {settled}, the lag of the streams before now"),
            "What changed since then is read by `aqueduct run`. Choose an earlier --from.",
        ),
        _ => Ok(()),
    }
}

/// Sources know milliseconds.
fn milliseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_milliseconds(at.milliseconds())
}

/// Streams that are left out, each with the reason.
type LeftOut = Vec<(String, String)>;

/// The streams that can be read by windows, and why others cannot.
fn sort<'c>(connected: &'c Connected, options: &BackfillOptions) -> Result<(Vec<&'c Stream>, LeftOut)> {
    let (mut streams, mut left_out) = (Vec::new(), Vec::new());
    for stream in &connected.selected {
        let reason = if connected.engine.cost(stream, true, 1).is_none() || stream.record.updated_at.is_none() {
            format!(
                "the source does not filter it by the time of change; `aqueduct run --full-refresh --select {}` reads all of it",
                stream.name
            )
        } else {
            streams.push(stream);
            continue;
        };
        if !options.select.is_empty() {
            let message = format!("stream `{}` cannot be read by windows", stream.name);
            return Err(Error::new(codes::BAD_USAGE, message).advise(format!("Leave it out of --streams: {reason}.")));
        }
        left_out.push((stream.name.clone(), reason));
    }
    if streams.is_empty() {
        let names: Vec<&str> = left_out.iter().map(|(name, _)| name.as_str()).collect();
        let error = Error::new(codes::BAD_USAGE, "no stream of this pipeline can be read by windows").with("streams", names.join(", "));
        return Err(error.advise("Read them with `aqueduct run PIPELINE --full-refresh`, which reads all there is."));
    }
    Ok((streams, left_out))
}

/// Requests a second, by class.
struct Rates(BTreeMap<&'static str, f64>);

impl Rates {
    fn new(connected: &Connected, share: f64) -> Self {
        let limits = connected.engine.limits();
        Self(limits.iter().map(|limit| (limit.class.0, f64::from(limit.requests) * share / limit.per.as_secs_f64().max(0.001))).collect())
    }

    /// How long so many requests of a class take.
    fn time(&self, class: LimitClass, requests: u64) -> Duration {
        let rate = self.0.get(class.0).copied().unwrap_or(f64::INFINITY);
        Duration::try_from_secs_f64(requests as f64 / rate.max(0.000_1)).unwrap_or(Duration::MAX)
    }
}

/// What some windows cost together.
#[derive(Clone, Copy)]
struct Total {
    calls: u64,
    time: Duration,
    prepared: bool,
    alone: bool,
}

impl Total {
    /// `None` when it is not known how many records there are.
    fn of(connected: &Connected, stream: &Stream, windowed: bool, pieces: &[Piece], rates: &Rates) -> Option<Self> {
        let records: u64 = pieces.iter().map(|piece| piece.records).sum::<Option<u64>>()?;
        let mut total = Self { calls: 0, time: Duration::ZERO, prepared: false, alone: false };
        for piece in pieces {
            // A window that is thought to hold none is not known to be empty.
            let at_least = u64::from(!piece.empty);
            let Cost { class, requests, prepared, alone } = connected.engine.cost(stream, windowed, piece.records?.max(at_least))?;
            // One more counts the window after its load.
            total.calls += requests + 1;
            total.time = total.time.saturating_add(rates.time(class, requests + u64::from(windowed)));
            total.prepared |= prepared;
            total.alone |= alone;
        }
        total.time = total.time.max(Duration::from_secs(records / PACE));
        Some(total)
    }
}

async fn one(connected: &Connected, stream: &Stream, asked: &Asked, rates: &Rates) -> Result<StreamPlan> {
    let span = TimeSpan { from: asked.from, until: Some(asked.until) };
    let counted = count(connected, stream, span).await?;
    let whole = [Piece { span, records: counted, empty: counted == Some(0) }];
    let listing = match asked.length {
        // Whoever names a length wants windows of it.
        Some(_) => None,
        None if leaves_nothing_out(connected, stream, asked, counted).await? => Total::of(connected, stream, false, &whole, rates),
        None => None,
    };
    // Many windows need more than one would.
    let at_least = Total::of(connected, stream, true, &whole, rates);
    let listed = match (&listing, &at_least) {
        (Some(listing), Some(windows)) => (listing.time, listing.calls) <= (windows.time, windows.calls),
        _ => counted.is_none() && asked.length.is_none() && asked.from.is_none() && asked.to_the_end,
    };
    let (total, pieces) = if listed {
        (listing, whole.to_vec())
    } else {
        let pieces = pieces(connected, stream, asked, counted).await?;
        (Total::of(connected, stream, true, &pieces, rates), pieces)
    };
    let alone = connected.engine.cost(stream, !listed, 1).is_some_and(|cost| cost.alone);
    Ok(StreamPlan {
        stream: stream.name.clone(),
        whole: listed,
        windows: pieces.into_iter().map(|Piece { span, records, .. }| PlannedWindow { span, records }).collect(),
        records: counted,
        calls: total.map(|total| total.calls),
        seconds: total.map(|total| total.time.as_secs()),
        prepared: total.is_none_or(|total| total.prepared),
        alone,
    })
}

async fn count(connected: &Connected, stream: &Stream, span: TimeSpan) -> Result<Option<u64>> {
    super::verify::count(&connected.engine, stream, span).await
}

/// Whether all the records there are lie in the span, as far as they are settled.
async fn leaves_nothing_out(connected: &Connected, stream: &Stream, asked: &Asked, counted: Option<u64>) -> Result<bool> {
    if connected.engine.cost(stream, false, 1).is_none() || counted.is_none() {
        return Ok(false);
    }
    let before = match asked.from {
        Some(_) => count(connected, stream, TimeSpan { from: None, until: asked.from }).await?,
        None => Some(0),
    };
    if before != Some(0) {
        return Ok(false);
    }
    Ok(asked.to_the_end || count(connected, stream, TimeSpan { from: Some(asked.until), until: None }).await? == Some(0))
}

/// The windows of a stream with what is known of them.
async fn pieces(connected: &Connected, stream: &Stream, asked: &Asked, counted: Option<u64>) -> Result<Vec<Piece>> {
    let length = asked.length.clone().unwrap_or_else(WindowLength::day);
    let earliest = Timestamp::from_seconds(EARLIEST).min(asked.until.minus(Duration::from_millis(1)));
    let mut windows = cut(asked.from.unwrap_or(earliest), asked.until, &length)?;
    if asked.from.is_none() {
        windows.insert(0, TimeSpan { from: None, until: Some(earliest) });
    }
    let Some(counted) = counted else { return Ok(windows.into_iter().map(|span| Piece { span, records: None, empty: false }).collect()) };
    let mut halving = Halving::new(&windows, counted);
    for _ in 0..COUNTS {
        let Some(span) = halving.next() else { break };
        let Some(records) = count(connected, stream, span).await? else { break };
        halving.counted(records);
    }
    Ok(halving.pieces())
}
