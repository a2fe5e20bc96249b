//! The processor's own random generator, where there is one: one source among several, never alone.

/// How often an instruction is asked again before it counts as not answering (Intel's advice for RDRAND;
/// RDSEED may run dry while other cores use it, and RDRAND stands in).
#[cfg(target_arch = "x86_64")]
const TRIES: u32 = 10;

/// 64 bits from RDSEED, or from RDRAND where that has none. `None` where the processor has neither
/// or neither answers. Well below a microsecond up to a few.
#[cfg(target_arch = "x86_64")]
pub fn word() -> Option<u64> {
    let seed = || {
        // SAFETY: the processor has the instruction.
        std::is_x86_feature_detected!("rdseed").then(|| unsafe { from_rdseed() })?
    };
    let random = || {
        // SAFETY: the processor has the instruction.
        std::is_x86_feature_detected!("rdrand").then(|| unsafe { from_rdrand() })?
    };
    seed().or_else(random)
}

/// None: other processors are not asked.
#[cfg(not(target_arch = "x86_64"))]
pub fn word() -> Option<u64> {
    None
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "rdseed")]
fn from_rdseed() -> Option<u64> {
    let mut word = 0;
    (0..TRIES).any(|_| core::arch::x86_64::_rdseed64_step(&mut word) == 1).then_some(word)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "rdrand")]
fn from_rdrand() -> Option<u64> {
    let mut word = 0;
    (0..TRIES).any(|_| core::arch::x86_64::_rdrand64_step(&mut word) == 1).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_processor_that_has_a_generator_differ() {
        if let (Some(one), Some(other)) = (word(), word()) {
            assert_ne!(one, other);
        }
    }
}
