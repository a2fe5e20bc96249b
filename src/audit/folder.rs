//! Where the segments of a token lie, and how a copy of the trail is taken while others write it.
//!
//! A segment that is written lies in `live`, locked by its process. When it ends it is moved beside the others. A
//! segment in `live` that nobody locks was left by a process that was killed.

use super::segment::{EXTENSION, Frame, Segment};
use crate::store::{Result, Store, StoreError};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Name of the file of anchors in a copy of a trail.
const ANCHORS: &str = "anchors";
/// First bytes of the file of anchors.
const ANCHORS_MAGIC: &[u8; 8] = b"KWCHAIN\x01";
/// Longest anchor in bytes; a longer one is damage.
const ANCHOR_MAX: usize = 1 << 16;
/// Longest file of anchors in bytes that is read.
const ANCHORS_MAX: u64 = 1 << 30;
/// Longest segment in bytes that is read: one record more than what a writer stops at.
const SEGMENT_MAX: u64 = 1 << 28;

/// The segments of one token.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Below the store's folder.
    pub fn of(store: &Path, serial: &str) -> Self {
        Self(store.join("trail").join(serial))
    }

    /// A copy, wherever it lies.
    pub const fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn live(&self) -> PathBuf {
        self.0.join("live")
    }

    pub(super) fn make(&self) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(self.live())
    }

    /// Moves a segment that ended out of `live`.
    pub(super) fn settle(&self, name: &str) -> io::Result<()> {
        std::fs::rename(self.live().join(name), self.0.join(name))
    }

    /// Names of the segments that are written, or were left.
    pub(super) fn unsettled(&self) -> Vec<String> {
        names(&self.live())
    }

    /// Names of all segments, in the order of time.
    pub fn names(&self) -> Vec<String> {
        // A segment that ends meanwhile is seen in one place at least, because it moves in this direction.
        let mut all = names(&self.live());
        all.extend(names(&self.0));
        all.sort();
        all.dedup();
        all
    }

    /// How long a segment is now, in bytes.
    pub fn len(&self, name: &str) -> Option<u64> {
        let about =
            std::fs::metadata(self.live().join(name)).or_else(|_| std::fs::metadata(self.0.join(name)));
        about.ok().map(|about| about.len())
    }

    /// The bytes of a segment. `None` where it was taken away since.
    ///
    /// # Errors
    /// Those of the file system; a file that is too long to be a segment.
    pub fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        // Twice, because it may be moved between the two looks.
        for path in [self.0.join(name), self.live().join(name), self.0.join(name)] {
            match std::fs::metadata(&path).and_then(|about| bounded(&about, &path, SEGMENT_MAX)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => return other.map(Some),
            }
        }
        Ok(None)
    }
}

fn bounded(about: &std::fs::Metadata, path: &Path, most: u64) -> io::Result<Vec<u8>> {
    if about.len() > most {
        return Err(io::Error::other("it is too long"));
    }
    std::fs::read(path)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.strip_suffix(EXTENSION).is_some_and(|name| name.ends_with('.')))
        .collect();
    names.sort();
    names
}

/// A trail as it was at one moment: the chain, and the files up to it.
#[derive(Clone, Debug)]
pub struct Copy {
    /// The chain of anchors.
    pub anchors: Vec<Vec<u8>>,
    folders: Vec<Folder>,
    /// Whether the files grow while they are read.
    grows: bool,
}

impl Copy {
    /// The trail as it is in a store now. `more` are folders with segments that were archived.
    ///
    /// # Errors
    /// Those of the store.
    pub fn of_store(store: &dyn Store, serial: &str, folder: &Folder, more: &[PathBuf]) -> Result<Self> {
        let anchors = all_anchors(store, serial)?;
        let archived = more.iter().cloned().map(Folder::at);
        Ok(Self { anchors, folders: std::iter::once(folder.clone()).chain(archived).collect(), grows: true })
    }

    /// A trail that was copied with [`Self::write`]. `more` are folders with segments that were archived.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] where the folder cannot be read or holds no copy.
    pub fn read(path: &Path, more: &[PathBuf]) -> Result<Self> {
        let unusable = |reason: String| StoreError::Unusable { path: path.display().to_string(), reason };
        let file = path.join(ANCHORS);
        let bytes = std::fs::metadata(&file)
            .and_then(|about| bounded(&about, &file, ANCHORS_MAX))
            .map_err(|error| unusable(format!("there is no chain of anchors: {error}")))?;
        let anchors =
            split(&bytes).ok_or_else(|| unusable("its chain of anchors is cut or damaged".into()))?;
        let folders = std::iter::once(path.to_owned()).chain(more.iter().cloned()).map(Folder::at).collect();
        Ok(Self { anchors, folders, grows: false })
    }

    /// The segments, each with its name, one after the other in the order of time, up to the moment of the copy.
    pub fn segments(&self) -> impl Iterator<Item = (String, Vec<u8>)> + '_ {
        let mut places = BTreeMap::new();
        for folder in self.folders.iter().rev() {
            places.extend(folder.names().into_iter().map(|name| (name, folder)));
        }
        let known = self.anchors.len() as u64;
        places.into_iter().filter_map(move |(name, folder)| {
            // What cannot be read is as good as missing, and the verifier says so.
            let mut bytes = folder.read(&name).ok().flatten()?;
            if self.grows {
                bytes.truncate(end_at(&bytes, known)?);
            }
            Some((name, bytes))
        })
    }

    /// Writes the copy into a folder, which is made.
    ///
    /// # Errors
    /// Those of the file system. Nothing that is there is written over.
    pub fn write(&self, to: &Path) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(to)?;
        write_new(&to.join(ANCHORS), &joined(&self.anchors))?;
        self.segments().try_for_each(|(name, bytes)| write_new(&to.join(name), &bytes))
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Every anchor of a token.
///
/// # Errors
/// Those of the store.
pub fn all_anchors(store: &dyn Store, serial: &str) -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    loop {
        let page = store.anchors(serial, all.len() as u64, 1000)?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// How much of a segment belongs to a chain of so many anchors; `None` where the segment is younger than all of them.
fn end_at(bytes: &[u8], known: u64) -> Option<usize> {
    let Ok(mut segment) = Segment::open(bytes) else { return Some(bytes.len()) };
    let mut is_first = true;
    let mut at = segment.position();
    while let Some(frame) = segment.next() {
        match frame {
            Ok(Frame::Checkpoint { anchor, .. }) if anchor.sequence >= known => {
                return (!is_first).then_some(at);
            }
            Ok(_) => {}
            // A record that is being written just now is no damage yet; the verifier tells.
            Err(_) => break,
        }
        is_first = false;
        at = segment.position();
    }
    Some(bytes.len())
}

fn joined(anchors: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = ANCHORS_MAGIC.to_vec();
    for anchor in anchors {
        bytes.extend_from_slice(&u32::try_from(anchor.len()).unwrap_or(0).to_le_bytes());
        bytes.extend_from_slice(anchor);
    }
    bytes
}

fn split(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut rest = bytes.strip_prefix(ANCHORS_MAGIC)?;
    let mut anchors = Vec::new();
    while !rest.is_empty() {
        let (len, after) = rest.split_first_chunk::<4>()?;
        let len = usize::try_from(u32::from_le_bytes(*len)).ok().filter(|len| *len <= ANCHOR_MAX)?;
        let (anchor, after) = after.split_at_checked(len)?;
        anchors.push(anchor.to_vec());
        rest = after;
    }
    Some(anchors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_is_joined_and_split_unchanged_and_no_cut_is_taken() {
        let anchors = vec![vec![1, 2, 3], vec![4; 300]];
        let bytes = joined(&anchors);
        assert_eq!(split(&bytes), Some(anchors.clone()));
        for len in 0..bytes.len() {
            assert_ne!(split(&bytes[..len]), Some(anchors.clone()), "{len}");
        }
    }
}
