//! Expectation-maximisation that arrives: steps are drawn out along the way they go (SQUAREM, Varadhan and Roland 2008).
//!
//! Where a class takes what is left of another, plain steps become shorter with the inverse of their number, and forty of them end far
//! from where they lead: namesakes would still count as one person.

/// What cannot be is this unlikely; logarithms need a number.
const LEAST: f64 = 1e-300;
/// Steps this short, in logarithms, change nothing that anybody sees.
const SHORT: f64 = 1e-4;
/// No stretch is longer: what lies beyond is better found step by step.
const LONGEST_STRETCH: f64 = 256.0;

/// Repeats `step` from `start` so many times at most, stretched. A step takes numbers that are not negative, gives those of the next round
/// and how well those it was given explain the data.
pub(crate) fn accelerate(start: Vec<f64>, steps: usize, mut step: impl FnMut(&[f64]) -> (Vec<f64>, f64)) -> Vec<f64> {
    let (mut best, mut known) = (start, None::<(Vec<f64>, f64)>);
    let mut left = steps;
    while left > 1 {
        let (first, fit) = known.take().unwrap_or_else(|| step(&best));
        let (second, _) = step(&first);
        left -= 2;
        let (zero, one, two) = (logarithms(&best), logarithms(&first), logarithms(&second));
        let steps: Vec<f64> = zero.iter().zip(&one).map(|(zero, one)| one - zero).collect();
        let turns: Vec<f64> = steps.iter().zip(one.iter().zip(&two)).map(|(step, (one, two))| two - one - step).collect();
        let length = |vector: &[f64]| vector.iter().map(|part| part * part).sum::<f64>().sqrt();
        if steps.iter().all(|step| step.abs() < SHORT) {
            return second;
        }
        let stretch = (length(&steps) / length(&turns).max(1e-12)).clamp(1.0, LONGEST_STRETCH);
        let stretched: Vec<f64> = zero
            .iter()
            .zip(steps.iter().zip(&turns))
            .map(|(zero, (step, turn))| (zero + 2.0 * stretch * step + stretch * stretch * turn).min(0.0).exp())
            .collect();
        best = second;
        if stretch > 1.0 && left > 0 {
            let (next, reached) = step(&stretched);
            left -= 1;
            // Drawn out too far, it explains less than where it came from: go on from the plain steps.
            if reached.is_finite() && reached >= fit {
                (best, known) = (stretched, Some((next, reached)));
            }
        }
    }
    known.map_or(best, |(next, _)| next)
}

fn logarithms(numbers: &[f64]) -> Vec<f64> {
    numbers.iter().map(|number| number.max(LEAST).ln()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One class of which nothing is there, seen through values that the other class gives as well: the slow case.
    #[test]
    fn a_class_that_is_not_there_is_gone() {
        let ratios = [(0.5, 400.0), (1.0, 200.0), (2.0, 200.0)];
        let round = |rates: &[f64]| {
            let (mut sum, mut fit) = (0.0, 0.0);
            for (ratio, count) in ratios {
                let all = rates[0] * ratio + 1.0 - rates[0];
                sum += count * rates[0] * ratio / all;
                fit += count * f64::ln(all);
            }
            (vec![sum / 800.0], fit)
        };
        let slow = (0..60).fold(vec![0.5], |rates, _| round(&rates).0)[0];
        let fast = accelerate(vec![0.5], 60, round)[0];
        assert!(fast < 1e-3 && fast < slow, "{fast} {slow}");
    }

    #[test]
    fn it_arrives_where_plain_steps_do() {
        let round = |rates: &[f64]| {
            let (mut sum, mut fit) = (0.0, 0.0);
            for (ratio, count) in [(0.1, 800.0), (9.0, 200.0)] {
                let all = rates[0] * ratio + 1.0 - rates[0];
                sum += count * rates[0] * ratio / all;
                fit += count * f64::ln(all);
            }
            (vec![sum / 1_000.0], fit)
        };
        let plain = (0..5_000).fold(vec![0.5], |rates, _| round(&rates).0)[0];
        assert!((accelerate(vec![0.5], 60, round)[0] - plain).abs() < 1e-4, "{plain}");
    }
}
