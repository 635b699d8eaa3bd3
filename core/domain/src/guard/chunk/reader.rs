//! Reading numbers and byte strings off a slice, never past its end.

use super::ChunkError;

/// What is left to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], ChunkError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(ChunkError::Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, ChunkError> {
        Ok(self.take(1)?[0])
    }

    /// Bytes with their number before them.
    pub(super) fn counted(&mut self) -> Result<&'a [u8], ChunkError> {
        let count = self.size()?;
        self.take(count)
    }

    /// An unsigned LEB128 number in as few bytes as it takes.
    pub(super) fn unsigned(&mut self) -> Result<u64, ChunkError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let low = u64::from(byte & 0x7f);
            if shift == 63 && low > 1 {
                return Err(ChunkError::Malformed);
            }
            value |= low << shift;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift > 0 { Err(ChunkError::Malformed) } else { Ok(value) };
            }
        }
        Err(ChunkError::Malformed)
    }

    /// A signed LEB128 number in as few bytes as it takes.
    pub(super) fn signed(&mut self) -> Result<i64, ChunkError> {
        let mut value = 0_i64;
        let mut before = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && !matches!(byte, 0 | 0x7f) {
                return Err(ChunkError::Malformed);
            }
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let only_extends = (byte == 0 && before & 0x40 == 0) || (byte == 0x7f && before & 0x40 != 0);
                if shift > 0 && only_extends {
                    return Err(ChunkError::Malformed);
                }
                if byte & 0x40 != 0 && shift + 7 < 64 {
                    value |= -1 << (shift + 7);
                }
                return Ok(value);
            }
            before = byte;
        }
        Err(ChunkError::Malformed)
    }

    /// An unsigned number that counts something in memory.
    pub(super) fn size(&mut self) -> Result<usize, ChunkError> {
        usize::try_from(self.unsigned()?).map_err(|_| ChunkError::TooLarge)
    }
}

/// Writes an unsigned LEB128 number.
pub(super) fn write_unsigned(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Writes a signed LEB128 number.
pub(super) fn write_signed(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        let sign = low & 0x40 != 0;
        if (value == 0 && !sign) || (value == -1 && sign) {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Writes bytes with their number before them.
pub(super) fn write_counted(out: &mut Vec<u8>, bytes: &[u8]) {
    write_unsigned(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_read_back(unsigned: u64, signed: i64) {
            let mut bytes = Vec::new();
            write_unsigned(&mut bytes, unsigned);
            write_signed(&mut bytes, signed);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.unsigned(), Ok(unsigned));
            prop_assert_eq!(reader.signed(), Ok(signed));
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn only_the_shortest_form_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let mut reader = Reader::new(&bytes);
            if let Ok(value) = reader.unsigned() {
                let mut again = Vec::new();
                write_unsigned(&mut again, value);
                prop_assert!(bytes.starts_with(&again));
            }
            let mut reader = Reader::new(&bytes);
            if let Ok(value) = reader.signed() {
                let mut again = Vec::new();
                write_signed(&mut again, value);
                prop_assert!(bytes.starts_with(&again));
            }
        }
    }
}
