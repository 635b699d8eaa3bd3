//! The streams that a column body is made of.
//!
//! A body begins with a byte. `1`: one stream follows, everything in the order in which it is read.
//! That is smallest for a few entries. `0`: the number of streams and their lengths follow, then the
//! streams: first those of [`Column`], then of each lane of values the codes, then of each the
//! numbers, then of each the literals.

use crate::wire::pack::PackError;

/// The streams of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Kind,
    Number,
    ReceivedAt,
    Author,
    Device,
    Actor,
    At,
    Dependencies,
    DependencyNumber,
    Record,
    RecordTime,
    Group,
    ActorSeq,
    StartOp,
    Message,
    MessageText,
    Shape,
    ShapeSteps,
    KeyText,
    OperationActor,
    OperationCounter,
    Replaces,
    Control,
    Raw,
    Random,
}

/// Number of [`Column`]s.
const COLUMNS: usize = Column::Random as usize + 1;

/// The streams of a lane of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Codes,
    Numbers,
    Literals,
}

/// Number of [`Part`]s.
const PARTS: usize = Part::Literals as usize + 1;

/// Where a number or some bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Of(Column),
    Lane(usize, Part),
}

impl From<Column> for Stream {
    fn from(column: Column) -> Self {
        Self::Of(column)
    }
}

/// Streams being written.
#[derive(Debug)]
pub(super) struct Sink {
    in_one: bool,
    columns: Vec<Vec<u8>>,
    lanes: Vec<[Vec<u8>; PARTS]>,
}

/// A body, and where its streams end.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    pub(super) ends: Vec<usize>,
}

impl Sink {
    pub(super) fn new(in_one: bool) -> Self {
        Self { in_one, columns: vec![Vec::new(); COLUMNS], lanes: Vec::new() }
    }

    fn stream(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            _ if self.in_one => &mut self.columns[0],
            Stream::Of(column) => &mut self.columns[column as usize],
            Stream::Lane(lane, part) => {
                if lane >= self.lanes.len() {
                    self.lanes.resize_with(lane + 1, Default::default);
                }
                &mut self.lanes[lane][part as usize]
            }
        }
    }

    pub(super) fn number(&mut self, stream: impl Into<Stream>, value: u64) {
        write_number(self.stream(stream.into()), value);
    }

    pub(super) fn signed(&mut self, stream: impl Into<Stream>, value: i64) {
        self.number(stream, zigzag(value));
    }

    pub(super) fn bytes(&mut self, stream: impl Into<Stream>, bytes: &[u8]) {
        self.stream(stream.into()).extend_from_slice(bytes);
    }

    pub(super) fn counted(&mut self, stream: impl Into<Stream> + Copy, bytes: &[u8]) {
        self.number(stream, bytes.len() as u64);
        self.bytes(stream, bytes);
    }

    pub(super) fn finish(self) -> Body {
        if self.in_one {
            let mut bytes = vec![1];
            bytes.extend_from_slice(&self.columns[0]);
            return Body { bytes, ends: Vec::new() };
        }
        let parts = (0..PARTS).flat_map(|part| self.lanes.iter().map(move |lane| &lane[part]));
        let streams: Vec<&Vec<u8>> = self.columns.iter().chain(parts).collect();
        let mut bytes = vec![0];
        write_number(&mut bytes, streams.len() as u64);
        for stream in &streams {
            write_number(&mut bytes, stream.len() as u64);
        }
        let mut ends = vec![bytes.len()];
        for stream in streams.iter().filter(|stream| !stream.is_empty()) {
            bytes.extend_from_slice(stream);
            ends.push(bytes.len());
        }
        Body { bytes, ends }
    }
}

/// Streams being read, never past their ends.
#[derive(Debug)]
pub(super) struct Source<'a> {
    in_one: bool,
    streams: Vec<&'a [u8]>,
    lanes: usize,
}

impl<'a> Source<'a> {
    pub(super) fn new(body: &'a [u8]) -> Result<Self, PackError> {
        let (first, mut rest) = body.split_first().ok_or(PackError::Malformed)?;
        match first {
            1 => return Ok(Self { in_one: true, streams: vec![rest], lanes: 0 }),
            0 => {}
            _ => return Err(PackError::Malformed),
        }
        let count = usize::try_from(read_number(&mut rest)?).map_err(|_| PackError::Malformed)?;
        // Each stream has a length of at least a byte, so this bounds what is kept of them.
        let lanes = count.checked_sub(COLUMNS).filter(|_| count <= rest.len()).ok_or(PackError::Malformed)?;
        if lanes % PARTS != 0 {
            return Err(PackError::Malformed);
        }
        let mut lengths = Vec::with_capacity(count);
        for _ in 0..count {
            lengths.push(usize::try_from(read_number(&mut rest)?).map_err(|_| PackError::Malformed)?);
        }
        let mut streams = Vec::with_capacity(count);
        for length in lengths {
            streams.push(take(&mut rest, length)?);
        }
        if rest.is_empty() {
            Ok(Self { in_one: false, streams, lanes: lanes / PARTS })
        } else {
            Err(PackError::Malformed)
        }
    }

    fn stream(&mut self, stream: Stream) -> Result<&mut &'a [u8], PackError> {
        let at = match stream {
            _ if self.in_one => 0,
            Stream::Of(column) => column as usize,
            Stream::Lane(lane, _) if lane >= self.lanes => return Err(PackError::Malformed),
            Stream::Lane(lane, part) => COLUMNS + part as usize * self.lanes + lane,
        };
        self.streams.get_mut(at).ok_or(PackError::Malformed)
    }

    pub(super) fn number(&mut self, stream: impl Into<Stream>) -> Result<u64, PackError> {
        read_number(self.stream(stream.into())?)
    }

    pub(super) fn signed(&mut self, stream: impl Into<Stream>) -> Result<i64, PackError> {
        self.number(stream).map(unzigzag)
    }

    /// A number that counts something in memory, or a place in a table.
    pub(super) fn size(&mut self, stream: impl Into<Stream>) -> Result<usize, PackError> {
        usize::try_from(self.number(stream)?).map_err(|_| PackError::Malformed)
    }

    pub(super) fn bytes(&mut self, stream: impl Into<Stream>, count: usize) -> Result<&'a [u8], PackError> {
        take(self.stream(stream.into())?, count)
    }

    pub(super) fn array<const N: usize>(&mut self, stream: impl Into<Stream>) -> Result<[u8; N], PackError> {
        self.bytes(stream, N)?.try_into().map_err(|_| PackError::Malformed)
    }

    pub(super) fn counted(&mut self, stream: impl Into<Stream> + Copy) -> Result<&'a [u8], PackError> {
        let count = self.size(stream)?;
        self.bytes(stream, count)
    }

    /// Whether everything was read.
    pub(super) fn is_empty(&self) -> bool {
        self.streams.iter().all(|stream| stream.is_empty())
    }
}

fn take<'a>(stream: &mut &'a [u8], count: usize) -> Result<&'a [u8], PackError> {
    let (taken, rest) = stream.split_at_checked(count).ok_or(PackError::Malformed)?;
    *stream = rest;
    Ok(taken)
}

fn read_number(stream: &mut &[u8]) -> Result<u64, PackError> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(stream, 1)?[0];
        let low = u64::from(byte & 0x7f);
        if shift == 63 && low > 1 {
            return Err(PackError::Malformed);
        }
        value |= low << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(PackError::Malformed)
}

fn write_number(stream: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        stream.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    stream.push(value as u8);
}

/// Numbers near zero on either side become small ones.
fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            in_one: bool,
            parts in proptest::collection::vec((0..6_usize, any::<u64>(), any::<i64>(), ".{0,9}"), 0..20),
        ) {
            let stream = |at: usize| match at {
                0 => Column::Kind.into(),
                1 => Column::Random.into(),
                2 => Stream::Lane(0, Part::Codes),
                3 => Stream::Lane(0, Part::Literals),
                4 => Stream::Lane(7, Part::Codes),
                _ => Stream::Lane(7, Part::Numbers),
            };
            let mut sink = Sink::new(in_one);
            for (at, number, signed, text) in &parts {
                sink.number(stream(*at), *number);
                sink.signed(stream(*at), *signed);
                sink.counted(stream(*at), text.as_bytes());
            }
            let body = sink.finish().bytes;
            let mut source = Source::new(&body).unwrap();
            for (at, number, signed, text) in &parts {
                prop_assert_eq!(source.number(stream(*at)).unwrap(), *number);
                prop_assert_eq!(source.signed(stream(*at)).unwrap(), *signed);
                prop_assert_eq!(source.counted(stream(*at)).unwrap(), text.as_bytes());
            }
            prop_assert!(source.is_empty());
        }

        #[test]
        fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(mut source) = Source::new(&body) {
                while source.number(Stream::Lane(0, Part::Codes)).is_ok() {}
                let _ = source.counted(Column::Raw);
            }
        }
    }
}
