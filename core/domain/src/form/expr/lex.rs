//! From text to tokens.

use std::ops::Range;

use winnow::{
    LocatingSlice, Parser, Result,
    combinator::{alt, delimited, opt, peek, preceded},
    error::{ContextError, ParserError},
    stream::Location,
    token::{any, one_of, take_till, take_while},
};

use super::error::{ErrorKind, ExprError};
use crate::problem::suggest::quoted;

/// A token and where it stands, in bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) kind: Symbol<'a>,
    pub(super) span: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Symbol<'a> {
    Number(f64),
    Text(&'a str),
    /// A name with or without a prefix.
    Name(&'a str),
    /// `prefix:*`
    PrefixAny(&'a str),
    /// `${name}`
    Reference {
        name: &'a str,
        last_saved: bool,
    },
    /// `$name`
    Variable(&'a str),
    /// `*` as a node test.
    Any,
    /// An operator word or sign, a bracket, a mark.
    Sign(&'static str),
}

type Input<'a> = LocatingSlice<&'a str>;

const SIGNS: [&str; 20] = [
    "::", "//", "..", "!=", "<=", ">=", "(", ")", "[", "]", ".", "@", ",", "/", "|", "+", "-", "=", "<", ">",
];

/// Splits an expression into tokens.
pub(super) fn tokens(source: &str) -> std::result::Result<Vec<Token<'_>>, ExprError> {
    let mut input = LocatingSlice::new(source);
    let mut tokens: Vec<Token<'_>> = Vec::with_capacity(12);
    loop {
        let blank: Result<&str> = take_while(0.., char::is_whitespace).parse_next(&mut input);
        let start = input.current_token_start();
        if blank.is_err() || start == source.len() {
            return Ok(tokens);
        }
        let expects_operator = tokens.last().is_some_and(|token| ends_operand(token.kind));
        refuse_slip(source, start, tokens.last().map(|token| token.kind))?;
        match token(&mut input, expects_operator) {
            Ok(kind) => tokens.push(Token { kind, span: start..input.current_token_start() }),
            Err(_) => return Err(refusal(source, start)),
        }
    }
}

/// Whether a token can be the last of an operand: then `*`, `and`, `or`, `div`, `mod` are operators
/// (XPath 1.0, 3.7).
fn ends_operand(kind: Symbol<'_>) -> bool {
    match kind {
        Symbol::Sign(sign) => matches!(sign, ")" | "]" | "." | ".."),
        _ => true,
    }
}

fn token<'a>(input: &mut Input<'a>, expects_operator: bool) -> Result<Symbol<'a>> {
    // The first character says which it is.
    match peek(any).parse_next(input)? {
        '0'..='9' => number.map(Symbol::Number).parse_next(input),
        '.' => alt((number.map(Symbol::Number), sign)).parse_next(input),
        '\'' | '"' => text.map(Symbol::Text).parse_next(input),
        '$' => alt((reference, preceded('$', qualified_name).map(Symbol::Variable))).parse_next(input),
        '*' => star(input, expects_operator),
        first if starts_name(first) => word(input, expects_operator),
        _ => sign(input),
    }
}

fn number(input: &mut Input<'_>) -> Result<f64> {
    let digits = |input: &mut Input<'_>| -> Result<()> {
        take_while(1.., |c: char| c.is_ascii_digit()).void().parse_next(input)
    };
    alt(((digits, opt(('.', opt(digits)))).void(), ('.', digits).void())).take().parse_to().parse_next(input)
}

fn text<'a>(input: &mut Input<'a>) -> Result<&'a str> {
    alt((delimited('\'', take_till(0.., '\''), '\''), delimited('"', take_till(0.., '"'), '"')))
        .parse_next(input)
}

fn reference<'a>(input: &mut Input<'a>) -> Result<Symbol<'a>> {
    let inner = delimited("${", take_till(0.., ['}', '{', '\'', '"']), '}').parse_next(input)?;
    let inner: &'a str = inner.trim();
    let (name, last_saved) = match inner.strip_prefix("last-saved#") {
        Some(name) => (name, true),
        None => (inner, false),
    };
    Ok(Symbol::Reference { name, last_saved })
}

fn star<'a>(input: &mut Input<'a>, expects_operator: bool) -> Result<Symbol<'a>> {
    '*'.parse_next(input)?;
    Ok(if expects_operator { Symbol::Sign("*") } else { Symbol::Any })
}

fn simple_name<'a>(input: &mut Input<'a>) -> Result<&'a str> {
    (one_of(starts_name), take_while(0.., continues_name)).take().parse_next(input)
}

fn qualified_name<'a>(input: &mut Input<'a>) -> Result<&'a str> {
    (simple_name, opt((':', simple_name))).take().parse_next(input)
}

fn word<'a>(input: &mut Input<'a>, expects_operator: bool) -> Result<Symbol<'a>> {
    if expects_operator {
        let name = simple_name(input)?;
        return match name {
            "and" => Ok(Symbol::Sign("and")),
            "or" => Ok(Symbol::Sign("or")),
            "div" => Ok(Symbol::Sign("div")),
            "mod" => Ok(Symbol::Sign("mod")),
            other => Ok(Symbol::Name(other)),
        };
    }
    let prefix = (simple_name, ":*").take().map(|text: &str| text.strip_suffix(":*").unwrap_or(text));
    alt((prefix.map(Symbol::PrefixAny), qualified_name.map(Symbol::Name))).parse_next(input)
}

fn sign<'a>(input: &mut Input<'a>) -> Result<Symbol<'a>> {
    for known in SIGNS {
        if opt(known).parse_next(input)?.is_some() {
            return Ok(Symbol::Sign(known));
        }
    }
    Err(ContextError::from_input(input))
}

fn starts_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn continues_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// Slips of people who write other languages, which would otherwise be read as something else.
fn refuse_slip(source: &str, start: usize, before: Option<Symbol<'_>>) -> std::result::Result<(), ExprError> {
    let rest = &source[start..];
    // Most tokens begin neither a slip nor behind a number.
    if !rest.starts_with(['=', '&', '|', '<', '%', '!']) && !matches!(before, Some(Symbol::Number(_))) {
        return Ok(());
    }
    let foreign = [
        ("==", "=", "Write `=`."),
        ("&&", "and", "Write `and`."),
        ("||", "or", "Write `or`."),
        ("<>", "!=", "Write `!=`."),
        ("=<", "<=", "Write `<=`."),
        ("=>", ">=", "Write `>=`."),
        ("%", "mod", "Write `mod` for the rest of a division."),
    ];
    for (sign, _, help) in foreign {
        if rest.starts_with(sign) {
            return Err(ExprError::new(
                ErrorKind::ForeignOperator,
                start..start + sign.len(),
                format!("`{sign}` is no operator of an expression."),
                help,
            ));
        }
    }
    if rest.starts_with('!') && !rest.starts_with("!=") {
        return Err(ExprError::new(
            ErrorKind::ForeignOperator,
            start..start + 1,
            "`!` is no operator of an expression.",
            "Write `not(...)`, or `!=`.",
        ));
    }
    // `2x` and `1e5`: a number runs into a name.
    if let (Some(Symbol::Number(_)), Some(c)) = (before, rest.chars().next())
        && starts_name(c)
        && !source[..start].ends_with(char::is_whitespace)
        && !["and", "or", "div", "mod"]
            .iter()
            .any(|word| rest.strip_prefix(word).is_some_and(|after| !after.starts_with(continues_name)))
    {
        let from = source[..start].trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let end = start + rest.find(|c| !continues_name(c)).unwrap_or(rest.len());
        return Err(ExprError::new(
            ErrorKind::Unexpected,
            from..end,
            format!("{} is neither a number nor a name.", quoted(&source[from..end])),
            "Write a number with digits and a point only; a name begins with a letter.",
        ));
    }
    Ok(())
}

/// Why no token begins here.
fn refusal(source: &str, start: usize) -> ExprError {
    let rest = &source[start..];
    let first: std::result::Result<char, ContextError> = any.parse_next(&mut &*rest);
    let first = first.unwrap_or_default();
    let here = start..start + first.len_utf8();
    match first {
        '\'' | '"' => ExprError::new(
            ErrorKind::UnclosedQuote,
            start..source.len(),
            format!("A quote `{first}` is not closed in {}.", quoted(source)),
            format!(
                "Write `{first}` behind the text; a text that holds `{first}` is put between the other kind of quote."
            ),
        ),
        '“' | '”' | '‘' | '’' | '„' | '‚' | '«' | '»' | '`' | '´' => ExprError::new(
            ErrorKind::SmartQuote,
            here,
            format!("`{first}` is no quote of an expression, in {}.", quoted(source)),
            "Write `'`.",
        ),
        '$' if rest.starts_with("${") => ExprError::new(
            ErrorKind::UnclosedReference,
            start..source.len(),
            format!("`${{` is not closed in {}.", quoted(source)),
            "Write `${name}`.",
        ),
        '$' => ExprError::new(
            ErrorKind::BadReference,
            here,
            "`$` names nothing here.",
            "Write `${name}`, with the name of a question.",
        ),
        '{' | '}' => ExprError::new(
            ErrorKind::BadCharacter,
            here,
            format!("`{first}` stands alone."),
            "Write `${name}` to name a question.",
        ),
        ':' => ExprError::new(
            ErrorKind::BadCharacter,
            here,
            "`:` stands alone.",
            "Remove it, or write `prefix:name`.",
        ),
        other => ExprError::new(
            ErrorKind::BadCharacter,
            here,
            format!("{} means nothing in an expression.", quoted(&other.to_string())),
            "Remove it, or put the text between quotes.",
        ),
    }
}
