//! One page of metrics while it is written: a registry of its own, so that nothing is left over from the page before.

use std::collections::HashMap;

use aqueduct_pipeline::schema::{Error, Result, codes};
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Histogram, LabelPair, Metric as Sample, MetricFamily, MetricType};
use prometheus::{CounterVec, GaugeVec, Opts, Registry, TextEncoder};

use super::table::{ALL, Kind, Metric};

/// A page that is being written.
pub(crate) struct Sheet {
    registry: Registry,
    gauges: HashMap<&'static str, GaugeVec>,
    counters: HashMap<&'static str, CounterVec>,
    histograms: HashMap<&'static str, Vec<Sample>>,
}

impl Sheet {
    /// With every metric of the table and no value.
    pub(crate) fn new() -> Result<Self> {
        let registry = Registry::new();
        let (mut gauges, mut counters) = (HashMap::new(), HashMap::new());
        for metric in ALL {
            let options = || Opts::new(metric.name, metric.help);
            match metric.kind {
                Kind::Gauge => {
                    let gauge = GaugeVec::new(options(), metric.labels).map_err(broken)?;
                    registry.register(Box::new(gauge.clone())).map_err(broken)?;
                    gauges.insert(metric.name, gauge);
                }
                Kind::Counter => {
                    let counter = CounterVec::new(options(), metric.labels).map_err(broken)?;
                    registry.register(Box::new(counter.clone())).map_err(broken)?;
                    counters.insert(metric.name, counter);
                }
                Kind::Histogram => {}
            }
        }
        Ok(Self { registry, gauges, counters, histograms: HashMap::new() })
    }

    /// A value of a gauge, or what a counter has come to. A counter that comes under the same labels again grows by it.
    pub(crate) fn set(&self, metric: &Metric, labels: &[&str], value: f64) -> Result<()> {
        let unknown = || Error::new(codes::BUG, format!("the metric {} is not of that kind", metric.name));
        match metric.kind {
            Kind::Gauge => {
                let gauges = self.gauges.get(metric.name).ok_or_else(unknown)?;
                gauges.get_metric_with_label_values(labels).map_err(broken)?.set(value);
            }
            Kind::Counter => {
                let counters = self.counters.get(metric.name).ok_or_else(unknown)?;
                counters.get_metric_with_label_values(labels).map_err(broken)?.inc_by(value.max(0.0));
            }
            Kind::Histogram => return Err(unknown()),
        }
        Ok(())
    }

    /// A histogram: the upper ends of its classes, the counts of each (one more than ends), and the sum of all values.
    pub(crate) fn histogram(&mut self, metric: &Metric, labels: &[&str], ends: &[u64], counts: &[u64], sum: f64) {
        let mut pairs = Vec::with_capacity(labels.len());
        for (name, value) in metric.labels.iter().zip(labels) {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pairs.push(pair);
        }
        let mut cumulative = 0;
        let mut buckets = Vec::with_capacity(ends.len());
        for (end, count) in ends.iter().zip(counts) {
            cumulative += count;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*end as f64);
            bucket.set_cumulative_count(cumulative);
            buckets.push(bucket);
        }
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets);
        histogram.set_sample_count(counts.iter().sum());
        histogram.set_sample_sum(sum);
        let mut sample = Sample::from_label(pairs);
        sample.set_histogram(histogram);
        self.histograms.entry(metric.name).or_default().push(sample);
    }

    /// The page in the text that Prometheus reads.
    pub(crate) fn text(mut self) -> Result<String> {
        for metric in ALL.iter().filter(|metric| metric.kind == Kind::Histogram) {
            let samples = self.histograms.remove(metric.name).unwrap_or_default();
            self.registry.register(Box::new(Counted::new(metric, samples)?)).map_err(broken)?;
        }
        TextEncoder::new().encode_to_string(&self.registry.gather()).map_err(broken)
    }
}

/// A histogram whose counts are known.
struct Counted {
    description: Desc,
    family: MetricFamily,
}

impl Counted {
    fn new(metric: &Metric, samples: Vec<Sample>) -> Result<Self> {
        let labels = metric.labels.iter().map(|label| (*label).to_owned()).collect();
        let description = Desc::new(metric.name.to_owned(), metric.help.to_owned(), labels, HashMap::new()).map_err(broken)?;
        let mut family = MetricFamily::default();
        family.set_name(metric.name.to_owned());
        family.set_help(metric.help.to_owned());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(samples);
        Ok(Self { description, family })
    }
}

impl Collector for Counted {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.description]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        vec![self.family.clone()]
    }
}

fn broken(error: prometheus::Error) -> Error {
    Error::new(codes::BUG, "the page of metrics cannot be written").with("reason", error)
}
