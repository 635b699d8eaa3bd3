//! The grammar: XPath 1.0 with `${name}`.

use winnow::{
    ModalResult, Parser,
    combinator::{alt, cut_err, delimited, opt, preceded, repeat},
    error::{ErrMode, ParserError},
    stream::{Stateful, Stream as _, TokenSlice},
    token::any,
};

use super::{
    ast::{Axis, Call, Kind, Node, Operator, Path, Start, Step, Test},
    error::{ErrorKind, ExprError},
    functions::Function,
    lex::{Symbol, Token, tokens},
    limits::DEEPEST,
};
use crate::problem::suggest::{did_you_mean, one_of, quoted};

/// Reads an expression; what it calls is checked elsewhere.
pub(super) fn parse(source: &str) -> Result<Node, ExprError> {
    let tokens = tokens(source)?;
    if tokens.is_empty() {
        return Err(ExprError::new(
            ErrorKind::Empty,
            0..source.len(),
            "The expression is empty.",
            "Write an expression, or leave the cell empty.",
        ));
    }
    too_deep(&tokens)?;
    let mut input = Input { input: TokenSlice::new(&tokens), state: Source { is_axis_wrong: None } };
    let stuck = match or(&mut input) {
        Ok(node) if input.eof_offset() == 0 => return Ok(node),
        Ok(_) => input.eof_offset(),
        Err(error) => error.into_inner().map_or(input.eof_offset(), |stuck| stuck.left),
    };
    if let Some(error) = input.state.is_axis_wrong {
        return Err(error);
    }
    Err(explain(source, &tokens, tokens.len() - stuck))
}

#[derive(Debug)]
struct Source {
    /// What is wrong with an axis that was met: said instead of the failure that follows.
    is_axis_wrong: Option<ExprError>,
}

type Input<'t, 'a> = Stateful<TokenSlice<'t, Token<'a>>, Source>;

/// Where the grammar could not go on: how many tokens were left.
#[derive(Debug)]
struct Stuck {
    left: usize,
}

impl ParserError<Input<'_, '_>> for Stuck {
    type Inner = Self;

    fn from_input(input: &Input<'_, '_>) -> Self {
        Self { left: input.eof_offset() }
    }

    /// The branch that came further knows better.
    fn or(self, other: Self) -> Self {
        if self.left < other.left { self } else { other }
    }

    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}

type Parsed<T> = ModalResult<T, Stuck>;

/// Brackets are counted before anything recurses.
fn too_deep(tokens: &[Token<'_>]) -> Result<(), ExprError> {
    let mut depth = 0_usize;
    for token in tokens {
        match token.kind {
            Symbol::Sign("(" | "[") => depth += 1,
            Symbol::Sign(")" | "]") => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Err(ExprError::new(
                ErrorKind::TooDeep,
                token.span.clone(),
                format!("Brackets nest deeper than {DEEPEST}."),
                "Split the expression: put parts of it into calculations of their own.",
            ));
        }
    }
    Ok(())
}

fn sign<'t, 'a: 't>(wanted: &'static str) -> impl Parser<Input<'t, 'a>, (), ErrMode<Stuck>> {
    any.verify(move |token: &Token<'a>| token.kind == Symbol::Sign(wanted)).void()
}

/// One level of operators from left to right.
fn level<'t, 'a: 't>(
    input: &mut Input<'t, 'a>,
    operand: fn(&mut Input<'t, 'a>) -> Parsed<Node>,
    operators: &'static [(&'static str, Operator)],
) -> Parsed<Node> {
    let first = operand(input)?;
    let mut rest: Vec<(Operator, Node)> = Vec::new();
    // Mostly none follows, at any of the levels: no attempt is made that is taken back.
    while let Some(Symbol::Sign(sign)) = peeked(input)
        && let Some((_, operator)) = operators.iter().find(|(known, _)| *known == sign)
    {
        any.void().parse_next(input)?;
        if rest.is_empty() {
            rest.reserve_exact(1);
        }
        rest.push((*operator, cut_err(operand).parse_next(input)?));
    }
    Ok(match rest.last() {
        Some((_, last)) => {
            let (start, end) = (first.start, last.end);
            Node { kind: Kind::Chain(Box::new(first), rest.into()), start, end }
        }
        None => first,
    })
}

fn or<'t, 'a: 't>(input: &mut Input<'t, 'a>) -> Parsed<Node> {
    level(input, and, &[("or", Operator::Or)])
}

fn and<'t, 'a: 't>(input: &mut Input<'t, 'a>) -> Parsed<Node> {
    level(input, equality, &[("and", Operator::And)])
}

fn equality<'t, 'a: 't>(input: &mut Input<'t, 'a>) -> Parsed<Node> {
    level(input, order, &[("=", Operator::Equal), ("!=", Operator::NotEqual)])
}

fn order<'t, 'a: 't>(input: &mut Input<'t, 'a>) -> Parsed<Node> {
    const OPERATORS: &[(&str, Operator)] = &[
        ("<", Operator::Less),
        ("<=", Operator::LessOrEqual),
        (">", Operator::Greater),
        (">=", Operator::GreaterOrEqual),
    ];
    level(input, sum, OPERATORS)
}

fn sum<'t, 'a: 't>(input: &mut Input<'t, 'a>) -> Parsed<Node> {
    level(input, product, &[("+", Operator::Add), ("-", Operator::Subtract)])
}

fn product<'t, 'a: 't>(input: &mut Input<'t, 'a>) -> Parsed<Node> {
    const OPERATORS: &[(&str, Operator)] =
        &[("*", Operator::Multiply), ("div", Operator::Divide), ("mod", Operator::Modulo)];
    level(input, signed, OPERATORS)
}

/// Any number of minus signs, which count instead of nesting.
fn signed<'t, 'a: 't>(input: &mut Input<'t, 'a>) -> Parsed<Node> {
    let start = place(input);
    if peeked(input) != Some(Symbol::Sign("-")) {
        return union(input);
    }
    let minuses: usize = repeat(0.., sign("-")).parse_next(input)?;
    let node = cut_err(union).parse_next(input)?;
    let negate = |node: Node| {
        let end = node.end;
        Node { kind: Kind::Negate(Box::new(node)), start, end }
    };
    Ok(match minuses {
        odd if odd % 2 == 1 => negate(node),
        // Two minuses still make a number of what follows.
        _ => negate(negate(node)),
    })
}

fn union<'t, 'a: 't>(input: &mut Input<'t, 'a>) -> Parsed<Node> {
    let first = path(input)?;
    if peeked(input) != Some(Symbol::Sign("|")) {
        return Ok(first);
    }
    let rest: Vec<Node> = repeat(0.., preceded(sign("|"), cut_err(path))).parse_next(input)?;
    Ok(match rest.last() {
        Some(last) => {
            let (start, end) = (first.start, last.end);
            let all: Vec<Node> = std::iter::once(first).chain(rest).collect();
            Node { kind: Kind::Union(all.into()), start, end }
        }
        None => first,
    })
}

/// A location path, or a filter with steps behind it.
fn path<'t, 'a: 't>(input: &mut Input<'t, 'a>) -> Parsed<Node> {
    let start = place(input);
    let (begins, mut steps) = match slashes(input)? {
        Some(true) => {
            let steps = vec![descend(), cut_err(step).parse_next(input)?];
            (Start::Root, steps)
        }
        Some(false) => (Start::Root, opt(step).parse_next(input)?.into_iter().collect()),
        None => match opt_step(input)? {
            Some(step) => (Start::Context, vec![step]),
            None => {
                let inner = primary(input)?;
                let predicates = predicates(input)?;
                let goes_on = matches!(peeked(input), Some(Symbol::Sign("/" | "//")));
                if predicates.is_empty() && !goes_on {
                    return Ok(inner);
                }
                let begins = match inner.kind {
                    // `${name}` is a path already.
                    Kind::Path(path) if path.steps.is_empty() => path.start,
                    kind => Start::Inner(Node { kind, start: inner.start, end: inner.end }),
                };
                let filter = (!predicates.is_empty()).then(|| Step {
                    axis: Axis::Filter,
                    test: Test::Node,
                    predicates,
                });
                (begins, filter.into_iter().collect())
            }
        },
    };
    let is_bare_root = matches!(begins, Start::Root) && steps.is_empty();
    if !is_bare_root {
        while let Some(deep) = slashes(input)? {
            if deep {
                steps.push(descend());
            }
            // ODK writes `instance('cities')/item/[...]`: the predicates belong to the step before.
            if !deep && matches!(peeked(input), Some(Symbol::Sign("["))) {
                let more = predicates(input)?;
                if let Some(last) = steps.last_mut() {
                    last.predicates = std::mem::take(&mut last.predicates).into_iter().chain(more).collect();
                } else {
                    steps.push(Step { axis: Axis::Filter, test: Test::Node, predicates: more });
                }
                continue;
            }
            steps.push(cut_err(step).parse_next(input)?);
        }
    }
    let end = end_before(input, start);
    Ok(Node { kind: Kind::Path(Box::new(Path { start: begins, steps: steps.into() })), start, end })
}

/// A step, where one may begin here.
fn opt_step<'t, 'a: 't>(input: &mut Input<'t, 'a>) -> Parsed<Option<Step>> {
    match peeked(input) {
        // These begin no step.
        Some(Symbol::Number(_) | Symbol::Text(_) | Symbol::Reference { .. } | Symbol::Variable(_)) => {
            Ok(None)
        }
        _ => opt(step).parse_next(input),
    }
}

/// `//` (true) or `/`, where one of them stands here.
fn slashes<'t, 'a: 't>(input: &mut Input<'t, 'a>) -> Parsed<Option<bool>> {
    let deep = match peeked(input) {
        Some(Symbol::Sign("//")) => true,
        Some(Symbol::Sign("/")) => false,
        _ => return Ok(None),
    };
    any.value(Some(deep)).parse_next(input)
}

/// What `//` stands for.
fn descend() -> Step {
    Step { axis: Axis::DescendantOrSelf, test: Test::Node, predicates: Box::default() }
}

fn step<'t, 'a: 't>(input: &mut Input<'t, 'a>) -> Parsed<Step> {
    if let Some(short) =
        opt(alt((sign("..").value(Axis::Parent), sign(".").value(Axis::SelfNode)))).parse_next(input)?
    {
        // The standard gives `.` no predicates; forms write them, and what they mean is plain.
        let predicates = predicates(input)?;
        return Ok(Step { axis: short, test: Test::Node, predicates });
    }
    let axis = axis(input)?;
    let test = if axis.is_some() { cut_err(test).parse_next(input)? } else { test(input)? };
    let predicates = predicates(input)?;
    Ok(Step { axis: axis.unwrap_or(Axis::Child), test, predicates })
}

fn axis<'t, 'a: 't>(input: &mut Input<'t, 'a>) -> Parsed<Option<Axis>> {
    if opt(sign("@")).parse_next(input)?.is_some() {
        return Ok(Some(Axis::Attribute));
    }
    let span = input.input.first().map(|token| token.span.clone());
    let name = opt((name, sign("::")).map(|(name, ())| name)).parse_next(input)?;
    let Some(name) = name else { return Ok(None) };
    if let Some((_, axis)) = Axis::NAMES.iter().find(|(known, _)| *known == name) {
        return Ok(Some(*axis));
    }
    let known = Axis::NAMES.map(|(known, _)| known);
    input.state.is_axis_wrong = Some(ExprError::new(
        ErrorKind::Unsupported,
        span.unwrap_or_default(),
        format!("There is no axis {} in forms.", quoted(name)),
        did_you_mean(name, known, &format!("Write one of {}.", one_of(known))),
    ));
    Err(ErrMode::Cut(Stuck::from_input(input)))
}

fn name<'t, 'a: 't>(input: &mut Input<'t, 'a>) -> Parsed<&'a str> {
    any.verify_map(|token: &Token<'a>| match token.kind {
        Symbol::Name(name) => Some(name),
        _ => None,
    })
    .parse_next(input)
}

fn test<'t, 'a: 't>(input: &mut Input<'t, 'a>) -> Parsed<Test> {
    let is_call = matches!(input.input.get(1), Some(Token { kind: Symbol::Sign("("), .. }));
    if is_call {
        let word = any.verify_map(|token: &Token<'a>| match token.kind {
            Symbol::Name("node") => Some(Test::Node),
            Symbol::Name("text") => Some(Test::Text),
            Symbol::Name("comment" | "processing-instruction") => Some(Test::Nothing),
            _ => None,
        });
        let literal = any.verify(|token: &Token<'a>| matches!(token.kind, Symbol::Text(_)));
        return (word, sign("("), opt(literal), cut_err(sign(")")))
            .map(|(test, (), _, ())| test)
            .parse_next(input);
    }
    any.verify_map(|token: &Token<'a>| match token.kind {
        Symbol::Name(name) => Some(Test::Name(name.into())),
        Symbol::PrefixAny(prefix) => Some(Test::Prefix(prefix.into())),
        Symbol::Any => Some(Test::Any),
        _ => None,
    })
    .parse_next(input)
}

fn predicates<'t, 'a: 't>(input: &mut Input<'t, 'a>) -> Parsed<Box<[Node]>> {
    if peeked(input) != Some(Symbol::Sign("[")) {
        return Ok(Box::default());
    }
    let found: Vec<Node> =
        repeat(0.., delimited(sign("["), cut_err(or), cut_err(sign("]")))).parse_next(input)?;
    Ok(found.into())
}

fn primary<'t, 'a: 't>(input: &mut Input<'t, 'a>) -> Parsed<Node> {
    alt((atom, call, delimited(sign("("), cut_err(or), cut_err(sign(")"))))).parse_next(input)
}

fn atom<'t, 'a: 't>(input: &mut Input<'t, 'a>) -> Parsed<Node> {
    any.verify_map(|token: &Token<'a>| {
        let kind = match token.kind {
            Symbol::Number(number) => Kind::Number(number),
            Symbol::Text(text) => Kind::Text(text.into()),
            Symbol::Variable(name) => Kind::Variable(name.into()),
            Symbol::Reference { name, last_saved } => Kind::Path(Box::new(Path {
                start: Start::Named { name: name.into(), last_saved },
                steps: Box::default(),
            })),
            _ => return None,
        };
        Some(Node { kind, start: small(token.span.start), end: small(token.span.end) })
    })
    .parse_next(input)
}

fn call<'t, 'a: 't>(input: &mut Input<'t, 'a>) -> Parsed<Node> {
    let start = place(input);
    let name = name(input)?;
    sign("(").parse_next(input)?;
    let arguments: Vec<Node> = if matches!(peeked(input), Some(Symbol::Sign(")"))) {
        Vec::new()
    } else {
        let first = cut_err(or).parse_next(input)?;
        let rest: Vec<Node> = repeat(0.., preceded(sign(","), cut_err(or))).parse_next(input)?;
        std::iter::once(first).chain(rest).collect()
    };
    cut_err(sign(")")).parse_next(input)?;
    let call = Call {
        function: Function::named(name),
        name: name.into(),
        arguments: arguments.into(),
        pattern: None,
    };
    Ok(Node { kind: Kind::Call(Box::new(call)), start, end: end_before(input, start) })
}

fn peeked<'a>(input: &Input<'_, 'a>) -> Option<Symbol<'a>> {
    input.input.first().map(|token| token.kind)
}

/// Where the next token begins.
fn place(input: &Input<'_, '_>) -> u32 {
    input.input.first().map_or(0, |token| small(token.span.start))
}

/// Where the token before ended.
fn end_before(input: &Input<'_, '_>, otherwise: u32) -> u32 {
    input.input.previous_tokens().next().map_or(otherwise, |token| small(token.span.end))
}

/// Positions fit: an expression is at most [`super::limits::LONGEST`] bytes long.
fn small(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// What a person did who wrote this, where the grammar could not go on at the token `at`.
fn explain(source: &str, tokens: &[Token<'_>], at: usize) -> ExprError {
    if let Some(error) = unbalanced(source, tokens) {
        return error;
    }
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    let shown = |token: &Token<'_>| quoted(source.get(token.span.clone()).unwrap_or_default());
    let Some(token) = tokens.get(at) else {
        let span = before.map_or(0..source.len(), |token| token.span.clone());
        return ExprError::new(
            ErrorKind::UnexpectedEnd,
            span,
            before.map_or_else(String::new, |token| format!("The expression ends behind {}.", shown(token))),
            "Write what belongs there, or remove it.",
        );
    };
    let ends = |token: &Token<'_>| match token.kind {
        Symbol::Sign(sign) => matches!(sign, ")" | "]" | "." | ".."),
        _ => true,
    };
    let begins = match token.kind {
        Symbol::Sign(sign) => matches!(sign, "(" | "." | ".." | "@"),
        _ => true,
    };
    if let Some(before) = before
        && ends(before)
        && begins
    {
        return ExprError::new(
            ErrorKind::MissingOperator,
            before.span.start..token.span.end,
            format!("There is no operator between {} and {}.", shown(before), shown(token)),
            "Write an operator there, such as `and`, `or`, `=` or `+`, or a comma between arguments.",
        );
    }
    let (what, help) = match (token.kind, before.map(|token| token.kind)) {
        (Symbol::Sign(")" | ","), Some(Symbol::Sign("," | "("))) => {
            (format!("An argument is missing before {}.", shown(token)), "Write it, or remove the comma.")
        }
        (Symbol::Sign(")"), _) => (format!("A value is missing before {}.", shown(token)), "Write it."),
        (Symbol::Sign(","), _) => (
            format!("{} stands outside of a call.", shown(token)),
            "Only arguments of a function are separated by commas.",
        ),
        _ => (format!("{} cannot stand here.", shown(token)), "Write a value before it, or remove it."),
    };
    ExprError::new(ErrorKind::Unexpected, token.span.clone(), what, help)
}

/// The bracket that does not close, or closes nothing.
fn unbalanced(source: &str, tokens: &[Token<'_>]) -> Option<ExprError> {
    let mut open: Vec<(&str, &Token<'_>)> = Vec::new();
    let refuse = |token: &Token<'_>, what: String, help: &str| {
        Some(ExprError::new(ErrorKind::UnbalancedBracket, token.span.clone(), what, help))
    };
    for token in tokens {
        match token.kind {
            Symbol::Sign("(") => open.push((")", token)),
            Symbol::Sign("[") => open.push(("]", token)),
            Symbol::Sign(close @ (")" | "]")) => match open.pop() {
                Some((wanted, _)) if wanted == close => {}
                Some((wanted, _)) => {
                    return refuse(
                        token,
                        format!("`{close}` closes nothing in {}: `{wanted}` is due first.", quoted(source)),
                        "Close what is open, open what is closed.",
                    );
                }
                None => {
                    return refuse(
                        token,
                        format!("`{close}` closes nothing in {}.", quoted(source)),
                        "Remove it, or open what it closes.",
                    );
                }
            },
            _ => {}
        }
    }
    let (wanted, token) = open.pop()?;
    refuse(token, format!("A `{wanted}` is missing in {}.", quoted(source)), "Close what is open.")
}
