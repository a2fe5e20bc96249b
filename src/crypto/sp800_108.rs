//! Key derivation of SP 800-108 Rev. 1: counter, feedback and double-pipeline mode, over a pseudo-random function whose input
//! the caller lays out.

use super::Material;
use super::hmac::MAX_KEY_LEN;
use super::mechanism::{
    Derivation, DeriveValues, Derived, Inheritance, Made, Ops, Raw, Recipe, Row, Sizes, Sources,
};
use super::prf::{KEY_TYPES, Prf, Value};
use crate::ck::derivation::{Kbkdf, NumberFormat, PrfData};
use crate::ck::params::Shape;
use crate::ck::{CK_MECHANISM_TYPE, Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use zeroize::Zeroizing;

/// CKM_SP800_108_COUNTER_KDF. PKCS#11 3.2, Counter mode KDF.
pub static COUNTER: Row = row(CKM_SP800_108_COUNTER_KDF, Shape::Kbkdf, &BY_COUNTER);
/// CKM_SP800_108_FEEDBACK_KDF. PKCS#11 3.2, Feedback mode KDF.
pub static FEEDBACK: Row = row(CKM_SP800_108_FEEDBACK_KDF, Shape::FeedbackKdf, &BY_FEEDBACK);
/// CKM_SP800_108_DOUBLE_PIPELINE_KDF. PKCS#11 3.2, Double pipeline mode KDF.
pub static DOUBLE_PIPELINE: Row = row(CKM_SP800_108_DOUBLE_PIPELINE_KDF, Shape::Kbkdf, &BY_PIPELINE);

static BY_COUNTER: Derivation = derivation(|sources| derive(Mode::Counter, sources));
static BY_FEEDBACK: Derivation = derivation(|sources| derive(Mode::Feedback, sources));
static BY_PIPELINE: Derivation = derivation(|sources| derive(Mode::DoublePipeline, sources));

const fn derivation(derive: DeriveValues) -> Derivation {
    Derivation {
        derive,
        makes: Made::Keys,
        inheritance: Inheritance::FromBase,
        own_len: |_, _| None,
        raw: Raw::No,
        data_base: false,
    }
}

const fn row(ckm: CK_MECHANISM_TYPE, shape: Shape, derivation: &'static Derivation) -> Row {
    Row {
        ckm,
        key_types: KEY_TYPES,
        sizes: Sizes::Bits(8, MAX_KEY_LEN * 8),
        shape,
        flags: 0,
        prepare: None,
        ops: Ops { derivation: Some(derivation), ..Ops::NONE },
    }
}

/// What the iteration variable is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The counter (SP 800-108, 4.1).
    Counter,
    /// The last value (4.2).
    Feedback,
    /// The value of a second chain (4.3).
    DoublePipeline,
}

/// One part of the input of the pseudo-random function.
enum Part {
    Variable,
    Counter(NumberFormat),
    Fixed(Zeroizing<Vec<u8>>),
}

/// The layout of the input.
struct Layout(Vec<Part>);

/// Widest counter in bits (SP 800-108, 4.1).
const MAX_COUNTER_BITS: CK_ULONG = 32;
/// Widest length in bits.
const MAX_LENGTH_BITS: CK_ULONG = 64;

/// A number as it stands in the input. `CKR_MECHANISM_PARAM_INVALID` where the width is no number of bytes or too large, or
/// the number too large for it.
fn encoded(number: u64, format: NumberFormat, widest: CK_ULONG) -> Result<Vec<u8>> {
    let len = width_in_bytes(format, widest)?;
    let bytes = number.to_be_bytes();
    let (above, within) = bytes.split_at_checked(bytes.len().saturating_sub(len)).unwrap_or_default();
    if above.iter().any(|byte| *byte != 0) {
        return Err(Error::MechanismParamInvalid);
    }
    let mut within = within.to_vec();
    if format.little_endian {
        within.reverse();
    }
    Ok(within)
}

/// `CKR_MECHANISM_PARAM_INVALID` where a width is no number of bytes, or too large.
fn width_in_bytes(format: NumberFormat, widest: CK_ULONG) -> Result<usize> {
    if !(8..=widest).contains(&format.width) || !format.width.is_multiple_of(8) {
        return Err(Error::MechanismParamInvalid);
    }
    usize::try_from(format.width / 8).map_err(|_| Error::MechanismParamInvalid)
}

impl Layout {
    /// Reads the parts that a caller laid out: one iteration variable, one counter and one length at most, as the mode
    /// has them. `bits` are the lengths of what is derived: of keys, and of segments.
    fn new(mode: Mode, data: &[PrfData], seconds: &[Secret], bits: (u64, u64)) -> Result<Self> {
        let mut seconds = seconds.iter();
        let (mut variables, mut counters, mut lengths) = (0, 0, 0);
        let mut parts = Vec::new();
        for part in data {
            parts.push(match (part, mode) {
                (PrfData::Iteration(Some(format)), Mode::Counter) => {
                    variables += 1;
                    Part::Counter(*format)
                }
                (PrfData::Iteration(None), Mode::Feedback | Mode::DoublePipeline) => {
                    variables += 1;
                    Part::Variable
                }
                (PrfData::Counter(format), Mode::Feedback | Mode::DoublePipeline) => {
                    counters += 1;
                    Part::Counter(*format)
                }
                (PrfData::Length { segments, format }, _) => {
                    lengths += 1;
                    let bits = if *segments { bits.1 } else { bits.0 };
                    Part::Fixed(Zeroizing::new(encoded(bits, *format, MAX_LENGTH_BITS)?))
                }
                (PrfData::Bytes(bytes), _) => Part::Fixed(Zeroizing::new(bytes.clone())),
                (PrfData::Key(_), _) => {
                    let value = seconds.next().ok_or(Error::MechanismParamInvalid)?;
                    Part::Fixed(Zeroizing::new(value.expose().to_vec()))
                }
                _ => return Err(Error::MechanismParamInvalid),
            });
        }
        if variables != 1 || counters > 1 || lengths > 1 {
            return Err(Error::MechanismParamInvalid);
        }
        Ok(Self(parts))
    }

    /// The value for the iteration that is counted `count`, from 1 on.
    fn value(&self, prf: &Prf, variable: &[u8], count: u64) -> Result<Value> {
        let counter = |part: &Part| match part {
            Part::Counter(format) => Some(encoded(count, *format, MAX_COUNTER_BITS)),
            _ => None,
        };
        // There is one at most.
        let counter = self.0.iter().find_map(counter).transpose()?.unwrap_or_default();
        prf.of(self.0.iter().map(|part| match part {
            Part::Variable => variable,
            Part::Counter(_) => &counter,
            Part::Fixed(bytes) => bytes.as_slice(),
        }))
    }

    /// The parts that do not change from one iteration to the next.
    fn fixed(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter_map(|part| match part {
            Part::Fixed(bytes) => Some(bytes.as_slice()),
            _ => None,
        })
    }

    /// That the counter can count so far (SP 800-108, 4). A counter that is left out counts too.
    fn counts_to(&self, segments: u64) -> Result<()> {
        let mut most = u64::from(u32::MAX);
        for part in &self.0 {
            if let Part::Counter(format) = part {
                let unused = 8 - width_in_bytes(*format, MAX_COUNTER_BITS)?;
                most = most.min(u64::MAX >> (8 * unused));
            }
        }
        if segments <= most { Ok(()) } else { Err(Error::KeySizeRange) }
    }
}

/// Lengths of what is derived, in bytes. `CKR_TEMPLATE_INCOMPLETE` where a template names none.
fn wanted(recipes: &[Recipe]) -> Result<Vec<usize>> {
    let wanted = |recipe: &Recipe| match recipe.value_len.ok_or(Error::TemplateIncomplete)? {
        len if (1..=MAX_KEY_LEN as usize).contains(&len) => Ok(len),
        _ => Err(Error::KeySizeRange),
    };
    recipes.iter().map(wanted).collect()
}

fn derive(mode: Mode, sources: &Sources<'_>) -> Result<Derived> {
    let Params::Kbkdf(Kbkdf { prf, data, iv }) = sources.params else {
        return Err(Error::MechanismParamInvalid);
    };
    let (Material::Bytes(base), Some(kind)) = (sources.base, sources.base_type) else {
        return Err(Error::KeyTypeInconsistent);
    };
    let prf = Prf::new(*prf, base.expose(), kind)?;
    let lens = wanted(sources.recipes)?;
    // No key has a part of another's segment (PKCS#11 3.2, 6.42).
    let segments: usize = lens.iter().map(|len| len.div_ceil(prf.len())).sum();
    let bits = |bytes: usize| bytes as u64 * 8;
    let layout =
        Layout::new(mode, data, sources.seconds, (bits(lens.iter().sum()), bits(segments * prf.len())))?;
    layout.counts_to(segments as u64)?;
    let mut chain = Chain { mode, layout, prf, last: Zeroizing::new(iv.clone()), count: 0 };
    let values = lens.into_iter().map(|len| chain.next(len)).collect::<Result<_>>()?;
    Ok(Derived { values, ..Derived::default() })
}

/// A derivation that goes on from segment to segment.
struct Chain {
    mode: Mode,
    layout: Layout,
    prf: Prf,
    /// The iteration variable, where it is no counter.
    last: Zeroizing<Vec<u8>>,
    count: u64,
}

impl Chain {
    /// The next key.
    fn next(&mut self, len: usize) -> Result<Secret> {
        let mut value = Secret::zeroed(len);
        for part in value.expose_mut().chunks_mut(self.prf.len()) {
            let segment = self.segment()?;
            part.copy_from_slice(segment.get(..part.len()).unwrap_or_default());
        }
        Ok(value)
    }

    fn segment(&mut self) -> Result<Value> {
        self.count += 1;
        if self.mode == Mode::DoublePipeline {
            let next = if self.count == 1 {
                self.prf.of(self.layout.fixed())?
            } else {
                self.prf.of([self.last.as_slice()])?
            };
            self.keep(&next);
        }
        let segment = self.layout.value(&self.prf, &self.last, self.count)?;
        if self.mode == Mode::Feedback {
            self.keep(&segment);
        }
        Ok(segment)
    }

    fn keep(&mut self, value: &Value) {
        self.last = Zeroizing::new(value.get(..self.prf.len()).unwrap_or_default().to_vec());
    }
}

#[cfg(test)]
mod tests;
