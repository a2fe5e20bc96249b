//! Continuous health tests of a noise source: SP 800-90B, section 4.4.
//!
//! They notice a source that is broken: stuck, or leaning far to one value. They say nothing about how good a
//! source is that passes. The cutoffs follow from an entropy that is assumed low on purpose and from one
//! false alarm in 2^40 samples of a source that just reaches it; real sources are far from there.

/// Samples of one window of the adaptive proportion test (4.4.2, for samples of more than one bit).
const WINDOW: u32 = 512;

/// The cutoffs of one source.
#[derive(Clone, Copy)]
pub(super) struct Cutoffs {
    /// So many equal samples in a row fail (4.4.1): 1 + ceil(40 / H).
    repetition: u32,
    /// So many samples equal to the first of their window fail (4.4.2):
    /// 1 + CRITBINOM(512, 2^-H, 1 - 2^-40).
    proportion: u32,
}

/// Bytes of the operating system and of the processor: H = 4 bits a byte is assumed, half of what they claim.
pub(super) const BYTES: Cutoffs = Cutoffs { repetition: 11, proportion: 78 };
/// Differences of clock readings: H = 1/8 bit a sample. Some clocks count coarsely, and nothing is credited to them.
pub(super) const TIMES: Cutoffs = Cutoffs { repetition: 321, proportion: 506 };

/// The source failed a test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Unhealthy;

/// The tests of one source, over all its samples since the process began.
pub(super) struct Health {
    cutoffs: Cutoffs,
    last: Option<u8>,
    in_a_row: u32,
    /// First sample of the window.
    first: u8,
    /// Samples left in the window.
    left: u32,
    like_first: u32,
}

impl Health {
    pub(super) const fn new(cutoffs: Cutoffs) -> Self {
        Self { cutoffs, last: None, in_a_row: 0, first: 0, left: 0, like_first: 0 }
    }

    /// Tests more samples. After a failure the source must not be used any more.
    pub(super) fn test(&mut self, samples: &[u8]) -> Result<(), Unhealthy> {
        for sample in samples {
            self.repetition(*sample)?;
            self.proportion(*sample)?;
        }
        Ok(())
    }

    const fn repetition(&mut self, sample: u8) -> Result<(), Unhealthy> {
        match self.last {
            Some(last) if last == sample => self.in_a_row = self.in_a_row.saturating_add(1),
            _ => self.in_a_row = 1,
        }
        self.last = Some(sample);
        if self.in_a_row >= self.cutoffs.repetition { Err(Unhealthy) } else { Ok(()) }
    }

    const fn proportion(&mut self, sample: u8) -> Result<(), Unhealthy> {
        if self.left == 0 {
            self.first = sample;
            self.left = WINDOW;
            self.like_first = 0;
        }
        self.left -= 1;
        if sample == self.first {
            self.like_first += 1;
        }
        if self.like_first >= self.cutoffs.proportion { Err(Unhealthy) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CRITBINOM: the smallest k with P(X <= k) >= 1 - alpha, X binomial, summed from the far end.
    fn critical(probability: f64, alpha: f64) -> u32 {
        let window = f64::from(WINDOW);
        let mut logarithm = window * probability.ln();
        let (mut tail, mut k) = (0.0, WINDOW);
        loop {
            tail += logarithm.exp();
            if tail > alpha {
                return k;
            }
            // From C(n, k) to C(n, k - 1).
            logarithm += (f64::from(k) / (window - f64::from(k) + 1.0)).ln();
            logarithm += ((1.0 - probability) / probability).ln();
            k -= 1;
        }
    }

    #[test]
    fn cutoffs_are_those_of_the_standard_for_the_assumed_entropy() {
        for (cutoffs, entropy) in [(BYTES, 4.0_f64), (TIMES, 0.125)] {
            assert!((f64::from(cutoffs.repetition) - (1.0 + (40.0 / entropy).ceil())).abs() < 0.5);
            assert_eq!(cutoffs.proportion, 1 + critical((-entropy).exp2(), (-40.0_f64).exp2()));
        }
    }

    #[test]
    fn stuck_source_fails_at_the_cutoff_and_not_before() {
        for cutoffs in [BYTES, TIMES] {
            let samples = vec![9; cutoffs.repetition as usize];
            assert_eq!(Health::new(cutoffs).test(&samples), Err(Unhealthy));
            assert_eq!(Health::new(cutoffs).test(&samples[1..]), Ok(()));
        }
    }

    #[test]
    fn samples_in_several_parts_are_one_sequence() {
        let mut health = Health::new(BYTES);
        assert_eq!(health.test(&[1; 10]), Ok(()));
        assert_eq!(health.test(&[1]), Err(Unhealthy));
    }

    #[test]
    fn source_that_leans_to_one_value_fails() {
        // Every fifth byte the same: never in a row.
        let leaning: Vec<u8> = (0..=255_u8).cycle().take(1024).collect();
        let leaning: Vec<u8> = leaning.chunks(4).flat_map(|four| [&[200], four].concat()).collect();
        assert_eq!(Health::new(BYTES).test(&leaning), Err(Unhealthy));
    }

    #[test]
    fn sound_sources_pass_many_samples() {
        let mut bytes = vec![0; 1 << 20];
        getrandom::fill(&mut bytes).unwrap();
        assert_eq!(Health::new(BYTES).test(&bytes), Ok(()));
        assert_eq!(Health::new(TIMES).test(&bytes), Ok(()));
    }
}
