//! Giving the bytes of an attachment out, as they are read.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    ops::Range,
};

use axum::body::{Body, Bytes};

use super::BUFFER;

/// A body of this part of a file. The file is read as the other side takes it; nobody's thread waits
/// for a slow line.
pub(crate) fn body(mut file: File, part: Range<u64>) -> io::Result<Body> {
    file.seek(SeekFrom::Start(part.start))?;
    let left = part.end.saturating_sub(part.start);
    Ok(Body::from_stream(futures_util::stream::unfold(Some((file, left)), next)))
}

type Reading = Option<(File, u64)>;

async fn next(reading: Reading) -> Option<(io::Result<Bytes>, Reading)> {
    let (mut file, left) = reading.filter(|(_, left)| *left > 0)?;
    let read = tokio::task::spawn_blocking(move || {
        let mut piece = vec![0; usize::try_from(left).unwrap_or(usize::MAX).min(BUFFER)];
        file.read_exact(&mut piece)?;
        Ok((piece, file))
    })
    .await
    .unwrap_or_else(|_| Err(io::Error::other("reading panicked")));
    Some(match read {
        Ok((piece, file)) => {
            let left = left - piece.len() as u64;
            (Ok(Bytes::from(piece)), Some((file, left)))
        }
        Err(error) => (Err(error), None),
    })
}

/// The part that a `Range` header asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The whole: there is no range, or one that says nothing (RFC 9110, 14.2: it is passed over).
    Whole,
    /// This part.
    Part(Range<u64>),
    /// A part that is not there.
    Nowhere,
}

/// Reads a `Range` header for content of this length. Several ranges at once are passed over.
pub(crate) fn asked(header: Option<&str>, length: u64) -> Asked {
    let Some(range) = header.and_then(|range| range.trim().strip_prefix("bytes=")) else {
        return Asked::Whole;
    };
    let number = |text: &str| {
        let text = text.trim();
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number too large for us is past every end.
        is_number.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    match range.split_once('-') {
        Some((first, last)) if first.trim().is_empty() => match number(last) {
            None => Asked::Whole,
            Some(0) => Asked::Nowhere,
            Some(_) if length == 0 => Asked::Nowhere,
            Some(last) => Asked::Part(length.saturating_sub(last)..length),
        },
        Some((first, last)) => {
            let last_given = !last.trim().is_empty();
            match (number(first), number(last)) {
                (None, _) => Asked::Whole,
                (Some(_), None) if last_given => Asked::Whole,
                (Some(first), Some(last)) if last < first => Asked::Whole,
                (Some(first), _) if first >= length => Asked::Nowhere,
                (Some(first), last) => {
                    Asked::Part(first..last.map_or(length, |last| last.saturating_add(1).min(length)))
                }
            }
        }
        None => Asked::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_nonsense_is_passed_over() {
        let table = [
            (None, Asked::Whole),
            (Some("bytes=0-"), Asked::Part(0..10)),
            (Some("bytes=3-"), Asked::Part(3..10)),
            (Some("bytes=3-5"), Asked::Part(3..6)),
            (Some("bytes=3-99"), Asked::Part(3..10)),
            (Some("bytes=9-18446744073709551615"), Asked::Part(9..10)),
            (Some("bytes=-4"), Asked::Part(6..10)),
            (Some("bytes=-40"), Asked::Part(0..10)),
            (Some("bytes=10-"), Asked::Nowhere),
            (Some("bytes=99999999999999999999999-"), Asked::Nowhere),
            (Some("bytes=-0"), Asked::Nowhere),
            (Some("bytes=5-3"), Asked::Whole),
            (Some("bytes=-"), Asked::Whole),
            (Some("bytes=a-b"), Asked::Whole),
            (Some("bytes=1-x"), Asked::Whole),
            (Some("bytes=+1-2"), Asked::Whole),
            (Some("bytes=0-1,4-5"), Asked::Whole),
            (Some("lines=0-1"), Asked::Whole),
            (Some("bytes 0-1"), Asked::Whole),
            (Some(""), Asked::Whole),
        ];
        for (header, expected) in table {
            assert_eq!(asked(header, 10), expected, "{header:?}");
        }
    }
}
