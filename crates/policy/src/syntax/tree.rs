//! The tree: what was written, with the span of every part.
//!
//! Chains (`a and b and c`, `x + y + z`) are one node with many children, so that depth grows with nesting only.

use crate::text::span::Span;
use std::borrow::Cow;

/// A bare word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'a> {
    pub(crate) text: &'a str,
    pub(crate) span: Span,
}

/// A quoted text, decoded.
#[derive(Clone, Debug)]
pub(crate) struct Text<'a> {
    pub(crate) value: Cow<'a, str>,
    pub(crate) span: Span,
}

/// A number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number {
    pub(crate) value: f64,
    pub(crate) span: Span,
}

/// A value of a parameter.
#[derive(Clone, Debug)]
pub(crate) enum Literal<'a> {
    Text(Text<'a>),
    Number(Number),
    Word(Name<'a>),
    List(Vec<Text<'a>>, Span),
}

impl Literal<'_> {
    pub(crate) fn span(&self) -> Span {
        match self {
            Self::Text(text) => text.span,
            Self::Number(number) => number.span,
            Self::Word(name) => name.span,
            Self::List(_, span) => *span,
        }
    }

    /// What it is, for messages.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Number(_) => "a number",
            Self::Word(_) => "a word",
            Self::List(..) => "a list",
        }
    }
}

/// `name value`.
#[derive(Clone, Debug)]
pub(crate) struct Argument<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) value: Literal<'a>,
}

/// How two numbers are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cmp {
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
}

impl Cmp {
    pub(crate) fn parse(mark: &str) -> Option<Self> {
        Some(match mark {
            "<" => Self::Lt,
            "<=" => Self::Le,
            ">" => Self::Gt,
            ">=" => Self::Ge,
            "==" => Self::Eq,
            "!=" => Self::Ne,
            _ => return None,
        })
    }

    pub(crate) const fn mark(self) -> &'static str {
        match self {
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Eq => "==",
            Self::Ne => "!=",
        }
    }

    /// The comparison with its sides exchanged.
    pub(crate) const fn flip(self) -> Self {
        match self {
            Self::Lt => Self::Gt,
            Self::Le => Self::Ge,
            Self::Gt => Self::Lt,
            Self::Ge => Self::Le,
            same => same,
        }
    }
}

/// How words are tested.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WordTest {
    Is,
    In,
    Like,
    Has,
    HasAny,
    HasAll,
}

/// An expression.
#[derive(Clone, Debug)]
pub(crate) struct Expr<'a> {
    pub(crate) kind: ExprKind<'a>,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum ExprKind<'a> {
    Or(Vec<Expr<'a>>),
    And(Vec<Expr<'a>>),
    Not(Box<Expr<'a>>),
    Compare(Box<Expr<'a>>, Cmp, Box<Expr<'a>>),
    /// `language is "en"`, `role has any ["a"]`; the flag is a `not` after the subject.
    Words(Name<'a>, bool, WordTest, Vec<Text<'a>>),
    /// `topic is code`, `topic is not code`.
    Member(Name<'a>, bool, Name<'a>),
    /// Terms with their sign (true: subtracted).
    Sum(Vec<(bool, Expr<'a>)>),
    /// Factors (true: divided by).
    Product(Vec<(bool, Expr<'a>)>),
    Negate(Box<Expr<'a>>),
    Number(f64),
    Text,
    Name(Name<'a>),
    Call(Name<'a>, Vec<Expr<'a>>),
}

/// `signal name = kind argument ... on_failure word`.
#[derive(Clone, Debug)]
pub(crate) struct SignalDecl<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) kind: Name<'a>,
    pub(crate) arguments: Vec<Argument<'a>>,
}

/// `score name = expression`, or `sum name = expression`.
#[derive(Clone, Debug)]
pub(crate) struct ScoreDecl<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) expr: Expr<'a>,
    /// A score is cut to [0, 1], a sum is not.
    pub(crate) cut: bool,
}

/// `flag name = expression label "kind:name"`.
#[derive(Clone, Debug)]
pub(crate) struct FlagDecl<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) expr: Expr<'a>,
    pub(crate) options: Vec<Argument<'a>>,
}

/// `band name = score >= 0.3 and < 0.7 slope 12 label "kind:name"`.
#[derive(Clone, Debug)]
pub(crate) struct BandDecl<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) of: Name<'a>,
    pub(crate) bounds: Vec<(Cmp, Number)>,
    pub(crate) slope: Option<Number>,
    pub(crate) options: Vec<Argument<'a>>,
}

/// `group name = exclusive(member, ...) temperature 0.1 margin 0.05`, `... threshold 0.6`, or
/// `group name = winner(member, ...) temperature 0.1 default member`.
#[derive(Clone, Debug)]
pub(crate) struct GroupDecl<'a> {
    pub(crate) name: Name<'a>,
    /// `winner` instead of `exclusive`.
    pub(crate) winner: bool,
    pub(crate) members: Vec<Name<'a>>,
    pub(crate) options: Vec<Argument<'a>>,
}

/// `"model" weight 3 effort high`.
#[derive(Clone, Debug)]
pub(crate) struct ModelDecl<'a> {
    pub(crate) model: Text<'a>,
    pub(crate) options: Vec<Argument<'a>>,
}

/// One statement of a route.
#[derive(Clone, Debug)]
pub(crate) struct Statement<'a> {
    pub(crate) kind: StatementKind<'a>,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum StatementKind<'a> {
    /// What must hold too, without counting in the confidence.
    Given(Expr<'a>),
    When(Expr<'a>),
    Models(Vec<ModelDecl<'a>>),
    Algorithm(Name<'a>),
    Pool(Text<'a>),
    System(Name<'a>, Text<'a>),
    /// Types of personal data; all usual ones without a list.
    Mask(Option<Vec<Text<'a>>>),
    HeaderSet(Text<'a>, Text<'a>),
    HeaderRemove(Text<'a>),
    ParamSet(Name<'a>, Literal<'a>),
    ParamCap(Name<'a>, Number),
    ParamRemove(Name<'a>),
    Tools(Name<'a>, Vec<Text<'a>>),
    /// `output block harmful`.
    Output(Name<'a>, Name<'a>),
    Answer(Number, Text<'a>),
    /// `note key "text"`.
    Note(Name<'a>, Text<'a>),
}

/// `route name tier 1 priority 100 { ... }`, or `default { ... }`.
#[derive(Clone, Debug)]
pub(crate) struct RouteDecl<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) options: Vec<Argument<'a>>,
    pub(crate) body: Vec<Statement<'a>>,
    /// Every statement could be read, so one that is missing is really missing.
    pub(crate) whole: bool,
}

/// `"text" -> route`, or `{ text "..." tokens 9000 } -> route`, with what governance should leave.
#[derive(Clone, Debug)]
pub(crate) struct TestDecl<'a> {
    pub(crate) fields: Vec<Argument<'a>>,
    pub(crate) expect: Name<'a>,
    /// `models ["a"]`: the candidates that remain, in their order.
    pub(crate) models: Option<Vec<Text<'a>>>,
    /// `tools ["a"]`: the offered tools that remain.
    pub(crate) tools: Option<Vec<Text<'a>>>,
    /// `refused "data personal"`: the guard that refuses it.
    pub(crate) refused: Option<Text<'a>>,
    pub(crate) span: Span,
}

/// A declaration.
#[derive(Clone, Debug)]
pub(crate) struct Item<'a> {
    pub(crate) kind: ItemKind<'a>,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum ItemKind<'a> {
    Policy(Text<'a>),
    /// `order tier confidence priority`.
    Order(Vec<Name<'a>>),
    /// `virtual ["name", ...]`.
    Virtual(Vec<Text<'a>>, Span),
    /// `global output block harmful`, for every route.
    Output(Name<'a>, Name<'a>),
    Signal(SignalDecl<'a>),
    Score(ScoreDecl<'a>),
    Flag(FlagDecl<'a>),
    Band(BandDecl<'a>),
    Group(GroupDecl<'a>),
    Route(RouteDecl<'a>),
    Default(RouteDecl<'a>),
    Tests(Vec<TestDecl<'a>>),
    Guard(super::govern::GuardDecl<'a>),
}

/// A policy as written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree<'a> {
    pub(crate) items: Vec<Item<'a>>,
}
