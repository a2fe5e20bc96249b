//! Tables and JSON. Text of others never reaches the terminal with its control characters.

use std::fmt;
use std::io::IsTerminal;

/// A JSON value.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(u64),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(&'static str, Self)>),
}

impl Json {
    /// A text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A text, or nothing.
    pub(crate) fn maybe(text: Option<String>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }

    /// A list of texts.
    pub(crate) fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => quoted(f, text),
            Self::List(values) => {
                let mut separator = "[";
                for value in values {
                    write!(f, "{separator}{value}")?;
                    separator = ",";
                }
                f.write_str(if values.is_empty() { "[]" } else { "]" })
            }
            Self::Object(members) => {
                let mut separator = "{";
                for (name, value) in members {
                    write!(f, "{separator}\"{name}\":{value}")?;
                    separator = ",";
                }
                f.write_str(if members.is_empty() { "{}" } else { "}" })
            }
        }
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

/// Columns, as wide as they must be; on a terminal no wider than it is.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let terminal = std::io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
    let room = terminal.map_or(usize::MAX, |(terminal_size::Width(width), _)| usize::from(width));
    columns(head, rows, room)
}

/// What stands between two columns.
const GAP: &str = "  ";
/// No column is made narrower than this, however narrow the terminal is.
const NARROWEST: usize = 10;

fn columns<const N: usize>(head: [&str; N], rows: &[[String; N]], room: usize) -> String {
    let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned))
        .chain(rows.iter().map(|row| row.each_ref().map(|cell| printable(cell))))
        .collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    fit(&mut widths, room.saturating_sub(GAP.len() * N.saturating_sub(1)));
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<Vec<String>> =
            row.iter().zip(widths).map(|(cell, width)| wrapped(cell, width)).collect();
        for line in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            let parts = cells
                .iter()
                .zip(widths)
                .map(|(lines, width)| format!("{:<width$}", lines.get(line).map_or("", String::as_str)));
            text.push_str(parts.collect::<Vec<_>>().join(GAP).trim_end());
            text.push('\n');
        }
    }
    text
}

/// Takes from the widest columns what there is no room for.
fn fit(widths: &mut [usize], room: usize) {
    while widths.iter().sum::<usize>() > room {
        match widths.iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            _ => break,
        }
    }
}

/// A cell in lines of this width, broken at spaces where there are any.
fn wrapped(cell: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in cell.split_inclusive(' ') {
        let len = word.trim_end().chars().count();
        if used > 0 && used + len > width {
            lines.push(String::new());
            used = 0;
        }
        for c in word.chars() {
            if used >= width && c != ' ' {
                lines.push(String::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut().filter(|_| used < width || c != ' ') {
                line.push(c);
            }
            used += 1;
        }
    }
    lines
}

/// Nothing that a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_as_wide_as_it_must_be_and_no_wider_than_the_terminal() {
        let rows = [["tls".to_owned(), "CKM_ECDSA_SHA256, CKM_ECDSA_SHA384".to_owned(), "x".to_owned()]];
        let wide = columns(["KEY", "WITH", "RULES"], &rows, usize::MAX);
        assert_eq!(
            wide,
            "KEY  WITH                                RULES\ntls  CKM_ECDSA_SHA256, CKM_ECDSA_SHA384  x\n"
        );
        let narrow = columns(["KEY", "WITH", "RULES"], &rows, 30);
        assert_eq!(
            narrow,
            "KEY  WITH                RULES\ntls  CKM_ECDSA_SHA256,   x\n     CKM_ECDSA_SHA384\n"
        );
        assert!(narrow.lines().all(|line| line.chars().count() <= 30));
        // What has no spaces is broken anywhere, and nothing is lost.
        let uid = "d03e0399-8f21-17e0-095f-8236703b86f1";
        let told = columns(["KEY", "UNIQUE ID"], &[["tls".to_owned(), uid.to_owned()]], 20);
        assert!(told.lines().all(|line| line.chars().count() <= 20), "{told}");
        let parts: String =
            told.lines().skip(1).map(|line| line.split_whitespace().last().unwrap()).collect();
        assert_eq!(parts, uid);
        // There is an end to it.
        assert!(columns(["KEY", "WITH", "RULES"], &rows, 0).contains("CKM_ECDSA_"));
    }

    #[test]
    fn json_is_well_formed_whatever_the_text_holds() {
        let value = Json::Object(vec![
            ("a", Json::texts(["x\"y\\", "\n\u{1b}"])),
            ("b", Json::List(Vec::new())),
            ("c", Json::maybe(None)),
            ("d", Json::Number(7)),
            ("e", Json::Bool(true)),
        ]);
        let text = r#"{"a":["x\"y\\","\u000a\u001b"],"b":[],"c":null,"d":7,"e":true}"#;
        assert_eq!(value.to_string(), text);
    }

    #[test]
    fn table_aligns_and_disarms() {
        let text = table(["A", "B"], &[["long one".into(), "x\u{1b}[31m".into()]]);
        assert_eq!(text, "A         B\nlong one  x\u{fffd}[31m\n");
    }
}
