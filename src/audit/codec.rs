//! The bytes of records: fields with a tag and a length, so that a later version can add fields and an older reader
//! passes over them. Numbers are little-endian, as short as they can be.

/// Longest value of a field in bytes. Longer text is cut at a character.
pub(super) const LONGEST: usize = 4096;

/// Writes fields.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// Starts with room for a usual record.
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(192))
    }

    /// A field. Nothing is written for an empty value: its absence says the same.
    pub(super) fn bytes(&mut self, tag: u8, value: &[u8]) {
        let value = value.get(..LONGEST).unwrap_or(value);
        if value.is_empty() {
            return;
        }
        let Ok(len) = u16::try_from(value.len()) else { return };
        self.0.push(tag);
        self.0.extend_from_slice(&len.to_le_bytes());
        self.0.extend_from_slice(value);
    }

    /// Text, cut at a character where it is too long.
    pub(super) fn text(&mut self, tag: u8, text: &str) {
        let mut end = text.len().min(LONGEST);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.bytes(tag, text.get(..end).unwrap_or_default().as_bytes());
    }

    /// A number without its leading zeros; 0 is no field.
    pub(super) fn number(&mut self, tag: u8, number: u64) {
        let bytes = number.to_le_bytes();
        let len = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        self.bytes(tag, bytes.get(..len).unwrap_or_default());
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads fields, in the order in which they were written.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next field; `Ok(None)` at the end, `Err` where less is there than was promised.
    pub(super) fn next(&mut self) -> Result<Option<(u8, &'a [u8])>, Cut> {
        let Some((tag, rest)) = self.0.split_first() else { return Ok(None) };
        let (len, rest) = rest.split_first_chunk::<2>().ok_or(Cut)?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*len))).ok_or(Cut)?;
        self.0 = rest;
        Ok(Some((*tag, value)))
    }
}

/// Bytes that end too early, or a number of more than eight bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut;

/// A number as [`Writer::number`] wrote it.
pub(super) fn number(value: &[u8]) -> Result<u64, Cut> {
    let mut bytes = [0; 8];
    bytes.get_mut(..value.len()).ok_or(Cut)?.copy_from_slice(value);
    Ok(u64::from_le_bytes(bytes))
}

/// Text; what is no UTF-8 is shown as `?`.
pub(super) fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}
