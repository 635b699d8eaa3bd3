//! Caps on what is taken from the network, in bytes unless a name says otherwise.

/// Largest request body.
pub const REQUEST_BYTES: usize = 4 << 20;
/// Largest answer body.
pub const ANSWER_BYTES: usize = 8 << 20;
/// Largest body of an enrolment, of its answer, or of an error.
pub const ENROL_BYTES: usize = 16 << 10;
/// Largest pack after inflation.
pub const PACK_INFLATED_BYTES: usize = 32 << 20;
/// Most changes or entries in one pack.
pub const PACK_ENTRIES: usize = 50_000;
/// Most operations that all changes of one pack hold.
pub const PACK_OPERATIONS: usize = 2_000_000;
/// Most dependencies of one column pack that are named by their number in the feed: each is looked up.
pub const PACK_LOOKUPS: usize = 50_000;
/// Deepest nesting of a CBOR body.
pub const CBOR_DEPTH: usize = 16;
/// Largest single change.
pub const CHANGE_BYTES: usize = 256 << 10;
/// Most operations in one change.
pub const CHANGE_OPERATIONS: u64 = 10_000;
/// Longest key of a field.
pub const KEY_BYTES: usize = 256;
/// Longest single value.
pub const VALUE_BYTES: usize = 128 << 10;
/// Highest operation counter.
pub const MAX_OP: u64 = 1 << 31;
/// Largest claimed time, either side of 1970: 2^53 milliseconds, so that every client can hold it.
pub const TIME_BOUND_MS: i64 = 1 << 53;
/// Most group openings in one request.
pub const OPENINGS: usize = 1_000;
/// Most backfills in one request.
pub const BACKFILLS: usize = 10_000;
/// Most groups compared, listed, or proved to have held something, in one step of a repair.
pub const REPAIR_GROUPS: usize = 1_000;
/// Most numbers of entries wanted in one step of a repair.
pub const REPAIR_WANTED: usize = 10_000;
/// Longest message of a change (its circumstances and the reason given).
pub const MESSAGE_BYTES: usize = 16 << 10;
/// Most dependencies of one change.
pub const DEPENDENCIES: usize = 1_000;
/// Most replaced operations that one change names.
pub const CHANGE_REPLACES: usize = 20_000;
