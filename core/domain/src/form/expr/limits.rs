//! Bounds on what an expression may cost, so that a hostile one never panics, hangs or fills memory.

/// Longest expression, in bytes.
pub const LONGEST: usize = 64 << 10;

/// Deepest nesting of brackets, calls and predicates.
pub const DEEPEST: usize = 96;

/// Longest regular expression that is compiled, in bytes.
pub const LONGEST_PATTERN: usize = 4 << 10;

/// What one evaluation may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most steps: every operator, call, node visited and 64 bytes of text handled is one.
    pub steps: u64,
    /// Longest text that a function makes, in bytes.
    pub text: usize,
    /// Most nodes in one set.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 4_000_000, text: 1 << 20, nodes: 500_000 }
    }
}
