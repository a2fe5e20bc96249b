//! Large files, read piece by piece: what the parser makes of a text is forty times as large as the text, and most of the
//! time would go into getting the memory for it.
//!
//! Only what is right can be read so, and only where nothing hides the place at which a rule begins. For everything else
//! the whole file is read at once; what that says, counts.

use super::super::document::Document;
use super::Reader;
use toml::de::{DeTable, DeValue};

/// Files up to this size are read at once, and pieces are at least so large, in bytes.
const PIECE: usize = 64 << 10;
/// How a rule begins.
const BEGIN: &str = "\n[[rule]]";
/// What a file may have many of.
const LISTS: [&str; 3] = ["rule", "alarm", "test"];

/// The pieces of a text, each with its place: what stands before the first rule, then some rules and what follows them
/// each. `None` where it is to be read at once.
fn pieces(text: &str) -> Option<Vec<(usize, &str)>> {
    // A text over several lines is the only place in which a line that begins so could be anything else.
    if text.len() <= PIECE || text.contains("\"\"\"") || text.contains("'''") {
        return None;
    }
    let mut pieces = Vec::new();
    let mut from = 0;
    for (at, _) in text.match_indices(BEGIN) {
        let next = at + 1;
        if pieces.is_empty() || next - from >= PIECE {
            pieces.push((from, text.get(from..next)?));
            from = next;
        }
    }
    pieces.push((from, text.get(from..)?));
    Some(pieces)
}

impl Reader<'_> {
    /// The document, where every piece is right and says nothing of what another one says.
    pub(super) fn piece_by_piece(&mut self, text: &str) -> Option<Document> {
        let mut document = None;
        for (begin, piece) in pieces(text)? {
            let (table, errors) = DeTable::parse_recoverable(piece);
            if !errors.is_empty() {
                return None;
            }
            self.begin = begin;
            match &mut document {
                None => document = Some(self.head(table.get_ref())?),
                Some(document) => self.rest(table.get_ref(), document)?,
            }
            if !self.diagnostics.is_empty() {
                return None;
            }
        }
        document
    }

    /// What stands before the first rule has none of what follows in pieces.
    fn head(&mut self, table: &DeTable<'_>) -> Option<Document> {
        let apart = !LISTS.iter().any(|name| table.contains_key(*name));
        apart.then(|| self.document(table))
    }

    /// What follows has nothing but lists, which go on where the last piece ended.
    fn rest(&mut self, table: &DeTable<'_>, document: &mut Document) -> Option<()> {
        let mut all = table.iter();
        let lists = all.all(|(name, value)| {
            LISTS.contains(&&**name.get_ref()) && matches!(value.get_ref(), DeValue::Array(_))
        });
        lists.then(|| self.lists(table, document))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::diagnostic::Source;
    use super::*;
    use std::fmt::Write;

    fn sources(text: &str) -> Vec<Source> {
        vec![Source { name: "a.toml".into(), text: text.into() }]
    }

    fn whole(text: &str) -> String {
        let (table, errors) = DeTable::parse_recoverable(text);
        assert!(errors.is_empty(), "{errors:?}");
        let sources = sources(text);
        let mut reader = Reader::new(&sources, 0);
        let document = reader.document(table.get_ref());
        assert!(reader.diagnostics.is_empty(), "{:?}", reader.diagnostics);
        format!("{document:?}")
    }

    fn in_pieces(text: &str) -> Option<String> {
        let sources = sources(text);
        Reader::new(&sources, 0).piece_by_piece(text).map(|document| format!("{document:?}"))
    }

    /// A policy of a few hundred kilobytes, with these lines after each tenth rule.
    fn large(between: &str) -> String {
        let mut text = "\u{feff}policy = 1 # [[rule]]\r\n[keys]\nexport = \"wrapped\"\n".to_owned();
        for rule in 0..2000 {
            write!(
                text,
                "[[rule]]\r\nid = \"r{rule}\"\nwhen = {{ type = [\"rsa\"], label = \"é-{rule}-*\" }}\n\
                 mechanisms = [\n  \"CKM_RSA_PKCS_PSS\",\n]\n[rule.min_bits]\nrsa = 3072\n"
            )
            .unwrap();
            if rule % 10 == 0 {
                text.push_str(&between.replace("{}", &rule.to_string()));
            }
        }
        text
    }

    #[test]
    fn pieces_say_what_the_whole_says_at_the_same_places() {
        let test = "[[test]]\nid = \"{}\"\nkey = { class = \"private\", type = \"rsa\" }\nask = { op = \"sign\" }\n\
                    expect = \"deny\"\n";
        let alarm = " [[ alarm ]]\nid = \"a{}\"\non = \"uses\"\n";
        for between in ["", test, alarm, "# \"\n\n"] {
            let text = large(between);
            assert!(pieces(&text).unwrap().len() > 3);
            assert!(in_pieces(&text).is_some_and(|read| read == whole(&text)), "{between}");
        }
    }

    #[test]
    fn what_could_be_something_else_is_read_at_once() {
        for between in [
            "why = \"\"\"\n[[rule]]\n\"\"\"\n",
            "why = '''x'''\n",
            "[suspended]\nprocess = false\n",
            "[alarm]\nid = \"a\"\n",
            "[[rule.deny]]\n",
            "deny = [\n[[rule]]\n]\n",
            "id = \"twice\"\n[[rule]]\nid = \"r\"\nid = \"r\"\n",
            "[[rule]]\nid = \"r\"\nunknown = 1\n",
        ] {
            assert_eq!(in_pieces(&large(between)), None, "{between}");
        }
        assert_eq!(in_pieces(&large("").replacen("[keys]", "[[test]]\nid = \"t\"\n[keys]", 1)), None);
        assert_eq!(in_pieces("policy = 1\n[[rule]]\nid = \"a\"\nexport = \"never\"\n"), None);
    }
}
