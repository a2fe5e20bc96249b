//! Whether the time of an operation tells of its secrets: a statistical test in the manner of dudect (Reparaz, Balasch,
//! Verbauwhede: "Dude, is my code constant time?", 2017).
//!
//! `cargo bench --bench constant_time`. Words after `--` choose cases by name, a number multiplies the measurements.
//! The result stands in `docs/constant-time.md`. Nothing here asserts a time.
#![expect(unsafe_code, reason = "reads the processor's counter")]
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a program for us")]
#![expect(clippy::cast_possible_truncation, reason = "numbers of our own")]

mod clock;
mod controls;
mod curves;
mod keys;
mod nonces;
mod paddings;
mod pins;
mod rsa;
mod samples;
mod statistics;
mod tags;

use samples::{Case, Kind};
use statistics::Outcome;

/// Below this nothing was seen, from [`CERTAIN`] on there is no doubt.
const DOUBTFUL: f64 = 4.5;
const CERTAIN: f64 = 10.0;
/// A doubtful case is measured again, so many times as long, and once more.
const LONGER: usize = 4;
const AGAIN: usize = 2;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let factor = arguments.iter().find_map(|word| word.parse::<f64>().ok()).unwrap_or(1.0);
    let words: Vec<&String> = arguments.iter().filter(|word| word.parse::<f64>().is_err()).collect();
    let nanoseconds = clock::nanoseconds_per_tick();
    println!("| case | classes | measurements | largest t | difference | verdict |");
    println!("|---|---|---|---|---|---|");
    let mut failed = false;
    for make in all() {
        let mut case = make();
        if !words.is_empty() && !words.iter().any(|word| case.name.contains(word.as_str())) {
            continue;
        }
        let mut count = (case.measurements as f64 * factor) as usize;
        let mut outcome = case.measure(count);
        report(&case, &outcome, nanoseconds);
        for _ in 0..AGAIN {
            if !(DOUBTFUL..CERTAIN).contains(&outcome.t) {
                break;
            }
            count *= LONGER;
            outcome = case.measure(count);
            report(&case, &outcome, nanoseconds);
        }
        failed |= match case.kind {
            Kind::Leaks => outcome.t < CERTAIN,
            Kind::Even => outcome.t >= DOUBTFUL,
            Kind::Ours => false,
        };
    }
    if failed {
        println!("\nA CONTROL FAILED: the other lines of this run mean nothing.");
    }
}

/// The cases, each made when its turn comes.
fn all() -> Vec<Box<dyn FnOnce() -> Case>> {
    let mut all = controls::cases();
    all.extend(tags::cases());
    all.extend(paddings::cases());
    all.extend(pins::cases());
    all.extend(rsa::cases());
    all.extend(curves::cases());
    all.extend(nonces::cases());
    all.extend(keys::cases());
    all
}

fn report(case: &Case, outcome: &Outcome, nanoseconds: f64) {
    let verdict = match (case.kind, outcome.t) {
        (Kind::Leaks, t) if t >= CERTAIN => "found, as it must be",
        (Kind::Leaks, _) => "NOT FOUND",
        (_, t) if t < DOUBTFUL => "none seen",
        (_, t) if t < CERTAIN => "doubtful",
        _ => "DIFFERS",
    };
    println!(
        "| {} | {} / {} | {} | {:.1} | {:.1} ns of {:.0} | {verdict} |",
        case.name,
        case.classes[0],
        case.classes[1],
        outcome.measurements,
        outcome.t,
        outcome.difference * nanoseconds,
        outcome.mean * nanoseconds,
    );
}
