//! Welch's t-test over two classes of times, over all of them and over what is below each of several limits.

/// One time and the class it belongs to.
#[derive(Clone, Copy)]
pub struct Time {
    pub second: bool,
    pub ticks: u64,
}

/// What came out.
pub struct Outcome {
    /// How many times were taken.
    pub measurements: usize,
    /// The largest |t| over all limits.
    pub t: f64,
    /// Mean of the second class less that of the first, in ticks, of the times below the limit [`SHOWN`].
    pub difference: f64,
    /// Mean of both there.
    pub mean: f64,
}

/// Limits, as parts of all times in order. What is above a limit is left out: interrupts and other programs make long
/// times that hide what the code itself does.
const LIMITS: [f64; 14] = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0];
/// The limit at which the difference is told: above it are the long times, which differ by themselves.
const SHOWN: f64 = 0.9;
/// A class with fewer times than this says nothing.
const FEWEST: f64 = 500.0;

/// Mean and variance as they grow (Welford).
#[derive(Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn push(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }

    fn variance(&self) -> f64 {
        self.squares / (self.count - 1.0)
    }
}

pub fn evaluate(times: &[Time]) -> Outcome {
    let mut ordered: Vec<u64> = times.iter().map(|time| time.ticks).collect();
    ordered.sort_unstable();
    let mut outcome = Outcome { measurements: times.len(), t: 0.0, difference: 0.0, mean: 0.0 };
    for part in LIMITS {
        let at = ((ordered.len() as f64 * part) as usize).clamp(1, ordered.len()) - 1;
        let limit = ordered[at];
        let mut classes = [Moments::default(); 2];
        for time in times.iter().filter(|time| time.ticks <= limit) {
            classes[usize::from(time.second)].push(time.ticks as f64);
        }
        let [first, second] = classes;
        if first.count < FEWEST || second.count < FEWEST {
            continue;
        }
        let spread = (first.variance() / first.count + second.variance() / second.count).sqrt();
        let difference = second.mean - first.mean;
        let t = if spread > 0.0 { difference.abs() / spread } else { 0.0 };
        outcome.t = outcome.t.max(t);
        if part == SHOWN {
            (outcome.difference, outcome.mean) = (difference, f64::midpoint(first.mean, second.mean));
        }
    }
    outcome
}
