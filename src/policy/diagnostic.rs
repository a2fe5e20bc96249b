//! A mistake in a policy file, with the place where it stands and a suggestion.

use std::fmt;
use std::ops::Range;

/// Longest part of a source line that is shown, in characters.
const SHOWN: usize = 160;

/// One mistake: what, where and what to write instead. `Display` draws it as `rustc` would.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// The file, as the caller named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The line as written; control characters are replaced, so it is safe to print.
    pub source: String,
    /// How many characters to underline, from `column` on; at least 1.
    pub width: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead, if that can be guessed.
    pub suggestion: Option<String>,
    /// It stops nothing.
    pub warning: bool,
}

/// A place in one of the files of a policy. Everything that was written has one: it is kept small.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Place {
    pub(super) file: u32,
    pub(super) from: u32,
    pub(super) to: u32,
}

/// Something written in a file, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// A file that was read.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
}

impl Place {
    pub(super) fn new(file: usize, span: Range<usize>) -> Self {
        // Files are bounded far below; what lies beyond would be drawn at their end.
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self { file: narrow(file), from: narrow(span.start), to: narrow(span.end) }
    }
}

impl Diagnostic {
    /// A mistake at a place. A place that is outside the text is drawn at its end.
    pub(super) fn new(
        sources: &[Source],
        place: Place,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) -> Self {
        let (name, text) = sources
            .get(place.file as usize)
            .map_or(("", ""), |source| (source.name.as_str(), source.text.as_str()));
        let from = boundary(text, place.from as usize);
        let to = boundary(text, place.to as usize).max(from);
        let before = text.get(..from).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let rest = text.get(line_start..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default().trim_end_matches('\r');
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        let marked = text.get(from..to).unwrap_or_default();
        let marked = marked.split('\n').next().unwrap_or_default().trim_end_matches('\r');
        Self {
            file: name.to_owned(),
            line: before.matches('\n').count() + 1,
            column,
            source: line.chars().map(printable).collect(),
            width: marked.chars().count().max(1),
            message: message.into(),
            suggestion,
            warning: false,
        }
    }

    /// The same as a remark that stops nothing.
    pub(super) fn into_warning(self) -> Self {
        Self { warning: true, ..self }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        // A very long line is shown from a little before the mistake on.
        let skipped = if self.column > SHOWN / 2 { self.column - SHOWN / 4 } else { 0 };
        let shown: String = self.source.chars().skip(skipped).take(SHOWN).collect();
        let indent = " ".repeat((self.column - 1).saturating_sub(skipped));
        let carets = "^".repeat(self.width.min(SHOWN));
        let file: String = self.file.chars().map(printable).collect();
        let weight = if self.warning { "warning" } else { "error" };
        writeln!(f, "{weight}: {}", self.message)?;
        writeln!(f, "{margin}--> {file}:{number}:{}", self.column)?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{number} | {shown}")?;
        write!(f, "{margin} | {indent}{carets}")?;
        match &self.suggestion {
            Some(suggestion) => write!(f, " {suggestion}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Diagnostic {}

/// The nearest character boundary at or before `at`.
fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Nothing that a terminal would obey.
pub(super) fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// "did you mean `x`?" for the candidate that is nearest to what was written, if any is near.
pub(super) fn suggest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(written, candidates).map(|word| format!("did you mean `{word}`?"))
}

/// The candidate with the smallest distance, where that is at most a third of the length.
fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Distances cost length times length; what is longer than any of our words is no slip of the pen.
    if written.chars().count() > 64 {
        return None;
    }
    let limit = (written.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(written, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= limit)
        .map(|(_, candidate)| candidate)
}

/// Edit distance (insert, delete, replace), without regard to case, `-` and `_` being one.
fn distance(left: &str, right: &str) -> usize {
    let fold = |text: &str| -> Vec<char> {
        text.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
    };
    let (left, right) = (fold(left), fold(right));
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut diagonal = i;
        let mut before = i + 1;
        for (b, cell) in right.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(a != b);
            diagonal = *cell;
            *cell = replaced.min(before + 1).min(diagonal + 1);
            before = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_word_is_found_and_far_ones_are_not() {
        let words = ["mechanisms", "min_bits", "min_strength", "purpose"];
        assert_eq!(nearest("mecanisms", words), Some("mechanisms"));
        assert_eq!(nearest("min-bits", words), Some("min_bits"));
        assert_eq!(nearest("Purpose", words), Some("purpose"));
        assert_eq!(nearest("banana", words), None);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn place_outside_the_text_is_drawn_at_its_end() {
        let sources = [Source { name: "f".into(), text: "a\u{e9}\u{1b}b".into() }];
        let diagnostic = Diagnostic::new(&sources, Place { file: 0, from: 2, to: 999 }, "m", None);
        assert_eq!((diagnostic.line, diagnostic.column), (1, 2));
        assert!(!diagnostic.to_string().contains('\u{1b}'));
        let diagnostic = Diagnostic::new(&sources, Place { file: 7, from: 2, to: 1 }, "m", None);
        assert_eq!((diagnostic.line, diagnostic.column, diagnostic.width), (1, 1, 1));
    }
}
