//! Follows `extends`: reads a policy file and all that it names, each once.

use super::super::diagnostic::{At, Diagnostic, Place, Source, suggest};
use super::super::document::Document;
use super::super::{read, shipped};

/// So many files may belong to one policy, and so large may each be, in bytes.
const MOST_FILES: usize = 64;
const LARGEST_FILE: usize = 4 << 20;

/// What a caller reads files with.
pub(super) type Loader<'l> = &'l dyn Fn(&str) -> Result<String, String>;

/// The texts of the policies that are extended by a bare name.
pub(super) type Shipped<'l> = &'l dyn Fn(&str) -> Option<String>;

/// The files of a policy, in the order in which they were asked for.
pub(super) struct Files<'l> {
    pub(super) sources: Vec<Source>,
    pub(super) documents: Vec<Document>,
    pub(super) loader: Loader<'l>,
    pub(super) shipped: Shipped<'l>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Files<'_> {
    /// Reads a file and, one after the other, those that it extends and those that they extend. Each is
    /// read once: rules accumulate, so twice is the same as once and a circle ends by itself.
    pub(super) fn follow(&mut self, name: &str, text: String) {
        self.read(name.to_owned(), text);
        let mut next = 0;
        while let Some(document) = self.documents.get(next) {
            for extended in document.extends.clone() {
                self.extend(next, &extended);
            }
            next += 1;
        }
    }

    fn read(&mut self, name: String, text: String) {
        let file = self.sources.len();
        let too_large = text.len() > LARGEST_FILE;
        self.sources.push(Source { name, text: if too_large { String::new() } else { text } });
        let document = if too_large {
            self.refuse(Place::new(file, 0..0), format!("larger than {LARGEST_FILE} bytes"), None);
            Document::default()
        } else {
            read::read(&self.sources, file, &mut self.diagnostics)
        };
        self.documents.push(document);
    }

    fn extend(&mut self, from: usize, extended: &At<String>) {
        let written = &extended.value;
        let is_path = written.ends_with(".toml") || written.contains('/');
        let (name, text) = if is_path {
            if written.starts_with('/') {
                let suggestion = "a path relative to this file".to_owned();
                return self.refuse(extended.place, "`extends` with an absolute path", Some(suggestion));
            }
            let base = self.sources.get(from).map_or("", |source| source.name.as_str());
            (beside(base, written), None)
        } else {
            let Some(text) = (self.shipped)(written) else {
                let suggestion = suggest(written, shipped::names())
                    .unwrap_or_else(|| "a shipped policy or a relative path that ends in .toml".to_owned());
                let message = format!("no shipped policy is called `{written}`");
                return self.refuse(extended.place, message, Some(suggestion));
            };
            (shipped::file_name(written), Some(text))
        };
        if self.sources.iter().any(|source| source.name == name) {
            return;
        }
        if self.sources.len() >= MOST_FILES {
            return self.refuse(extended.place, format!("more than {MOST_FILES} files"), None);
        }
        match text.map_or_else(|| (self.loader)(&name), Ok) {
            Ok(text) => self.read(name, text),
            Err(reason) => self.refuse(extended.place, format!("cannot read `{name}`: {reason}"), None),
        }
    }

    fn refuse(&mut self, place: Place, message: impl Into<String>, suggestion: Option<String>) {
        self.diagnostics.push(Diagnostic::new(&self.sources, place, message, suggestion));
    }
}

/// The path of a file that is named in another one, with `.` and inner `..` taken out.
fn beside(base: &str, relative: &str) -> String {
    let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(relative.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let root = if base.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_takes_dots_out() {
        assert_eq!(beside("a/b/c.toml", "d.toml"), "a/b/d.toml");
        assert_eq!(beside("/etc/kw/c.toml", "../x/./d.toml"), "/etc/x/d.toml");
        assert_eq!(beside("c.toml", "../d.toml"), "../d.toml");
        assert_eq!(beside("../../c.toml", "../d.toml"), "../../../d.toml");
    }
}
