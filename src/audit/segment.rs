//! The file of one process: a header, then frames of records and checkpoints, only ever appended to.
//!
//! A frame is its kind (one byte), the length of its content (four bytes, little-endian), the content, and, behind a
//! record, its tag. A file that ends inside a frame was cut, or its process was killed while it wrote.

use super::anchor::Anchor;
use super::chain::{Hash, LEN};
use super::codec::{Reader, Writer, number, text};
use crate::crypto::seal;

/// The first bytes of every segment.
pub(super) const MAGIC: &[u8; 8] = b"KWTRAIL\x01";
/// End of the names of segment files.
pub const EXTENSION: &str = "trail";
/// Longest content of a frame in bytes; a longer one is damage.
const LONGEST: usize = 1 << 16;

const RECORD: u8 = 2;
const CHECKPOINT: u8 = 3;

/// What stands at the head of a segment: whose it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// Identity of the segment, random.
    pub segment: [u8; 16],
    /// Serial number of the token.
    pub serial: String,
    /// When it was begun, in nanoseconds since 1970 UTC.
    pub at: u64,
    /// The process.
    pub process: u32,
    /// The user whose rights it had.
    pub uid: u32,
    /// The program it ran.
    pub executable: String,
    /// The host's name.
    pub host: String,
}

const SEGMENT: u8 = 1;
const SERIAL: u8 = 2;
const AT: u8 = 3;
const PROCESS: u8 = 4;
const UID: u8 = 5;
const EXECUTABLE: u8 = 6;
const HOST: u8 = 7;

impl Header {
    /// Its bytes, as they stand in the file behind their length.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.bytes(SEGMENT, &self.segment);
        out.text(SERIAL, &self.serial);
        out.number(AT, self.at);
        out.number(PROCESS, self.process.into());
        // 0 is root, and no field would be nobody.
        out.bytes(UID, &self.uid.to_le_bytes());
        out.text(EXECUTABLE, &self.executable);
        out.text(HOST, &self.host);
        out.finish()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut header = Self {
            segment: [0; 16],
            serial: String::new(),
            at: 0,
            process: 0,
            uid: 0,
            executable: String::new(),
            host: String::new(),
        };
        let mut fields = Reader::new(bytes);
        while let Some((tag, value)) = fields.next().ok()? {
            match tag {
                SEGMENT => header.segment = value.try_into().ok()?,
                SERIAL => header.serial = text(value),
                AT => header.at = number(value).ok()?,
                PROCESS => header.process = u32::try_from(number(value).ok()?).ok()?,
                UID => header.uid = u32::try_from(number(value).ok()?).ok()?,
                EXECUTABLE => header.executable = text(value),
                HOST => header.host = text(value),
                _ => {}
            }
        }
        (header.segment != [0; 16]).then_some(header)
    }

    /// The head of the segment before its first record.
    pub fn head(&self) -> Hash {
        head_of(&self.encode())
    }

    /// Name of its file: sorted names are sorted by time.
    pub fn file_name(&self) -> String {
        let id = crate::ck::text::hex(self.segment.get(..4).unwrap_or_default());
        format!("{:020}-{}-{id}.{EXTENSION}", self.at, self.process)
    }
}

fn head_of(header: &[u8]) -> Hash {
    seal::digest_of(&[b"\x04", header])
}

/// The bytes that begin a file.
pub(super) fn begin(header: &Header) -> Vec<u8> {
    let header = header.encode();
    let len = u32::try_from(header.len()).unwrap_or(0).to_le_bytes();
    [&MAGIC[..], &len, &header].concat()
}

/// One record as a frame.
pub(super) fn record_frame(record: &[u8], tag: &Hash) -> Vec<u8> {
    let mut frame = frame(RECORD, &[record]);
    frame.extend_from_slice(tag);
    frame
}

/// One checkpoint as a frame: the signed anchor, and the moving key, sealed.
pub(super) fn checkpoint_frame(anchor: &[u8], key: &[u8]) -> Vec<u8> {
    let len = u32::try_from(anchor.len()).unwrap_or(0).to_le_bytes();
    frame(CHECKPOINT, &[&len, anchor, key])
}

fn frame(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len = parts.iter().map(|part| part.len()).sum::<usize>();
    let mut frame = Vec::with_capacity(5 + len + LEN);
    frame.push(kind);
    frame.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
    for part in parts {
        frame.extend_from_slice(part);
    }
    frame
}

/// One frame as it is read.
pub enum Frame<'a> {
    /// A record, with its tag.
    Record {
        /// An encoded [`super::Event`].
        record: &'a [u8],
        /// What the moving key says of it.
        tag: &'a Hash,
    },
    /// A checkpoint.
    Checkpoint {
        /// The signed statement.
        anchor: Box<Anchor>,
        /// The moving key at this point, sealed.
        key: &'a [u8],
    },
}

/// Why a segment cannot be read on.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Damage {
    /// The file begins as no segment does.
    #[error("it is no segment, or its header is damaged")]
    Header,
    /// The file ends inside a frame.
    #[error("it ends in the middle of a record at byte {0}")]
    Cut(usize),
    /// Bytes that no frame begins with, or a checkpoint that is none.
    #[error("there is no record at byte {0}")]
    Frame(usize),
}

/// A segment as it is read, frame by frame.
pub struct Segment<'a> {
    /// Whose it is.
    pub header: Header,
    /// The head before the first record, by the header's bytes as they stand.
    pub head: Hash,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Segment<'a> {
    /// Reads the header.
    pub fn open(bytes: &'a [u8]) -> Result<Self, Damage> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(Damage::Header)?;
        let (len, rest) = rest.split_first_chunk::<4>().ok_or(Damage::Header)?;
        let len = usize::try_from(u32::from_le_bytes(*len)).ok().filter(|len| *len <= LONGEST);
        let header = len.and_then(|len| rest.get(..len)).ok_or(Damage::Header)?;
        let at = MAGIC.len() + 4 + header.len();
        let head = head_of(header);
        let header = Header::decode(header).ok_or(Damage::Header)?;
        Ok(Self { header, head, bytes, at })
    }

    /// Where the next frame begins.
    pub const fn position(&self) -> usize {
        self.at
    }

    fn read(&mut self, rest: &'a [u8]) -> Result<Frame<'a>, Damage> {
        let (cut, wrong) = (Damage::Cut(self.at), Damage::Frame(self.at));
        let (&[kind, len @ ..], rest) = rest.split_first_chunk::<5>().ok_or_else(|| cut.clone())?;
        let len = usize::try_from(u32::from_le_bytes(len)).map_err(|_| wrong.clone())?;
        if len > LONGEST {
            return Err(wrong);
        }
        let (content, rest) = rest.split_at_checked(len).ok_or_else(|| cut.clone())?;
        match kind {
            RECORD => {
                let tag = rest.first_chunk::<LEN>().ok_or(cut)?;
                self.at += 5 + len + LEN;
                Ok(Frame::Record { record: content, tag })
            }
            CHECKPOINT => {
                let (anchor_len, content) = content.split_first_chunk::<4>().ok_or_else(|| wrong.clone())?;
                let anchor_len = usize::try_from(u32::from_le_bytes(*anchor_len)).unwrap_or(usize::MAX);
                let (anchor, key) = content.split_at_checked(anchor_len).ok_or_else(|| wrong.clone())?;
                let anchor = Box::new(Anchor::decode(anchor).ok_or(wrong)?);
                self.at += 5 + len;
                Ok(Frame::Checkpoint { anchor, key })
            }
            _ => Err(wrong),
        }
    }
}

/// The frames, one after the other. What follows damage is damage again.
impl<'a> Iterator for Segment<'a> {
    type Item = Result<Frame<'a>, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        Some(self.read(rest))
    }
}
