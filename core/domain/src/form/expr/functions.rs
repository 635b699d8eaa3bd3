//! The functions that an expression can call: their names, what they take, what they are.

use std::fmt;

use serde::Serialize;

/// What a function is about; the headings of `docs/expressions.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Texts.
    Text,
    /// Numbers.
    Number,
    /// True and false.
    Logic,
    /// Dates and times.
    Date,
    /// Answers to questions with a list.
    Select,
    /// Sets of nodes and repeats.
    Nodes,
    /// Places.
    Geo,
    /// The form, the device, chance.
    Session,
}

impl Group {
    /// Every group, in the order of the document.
    pub const ALL: [Self; 8] = [
        Self::Text,
        Self::Number,
        Self::Logic,
        Self::Date,
        Self::Select,
        Self::Nodes,
        Self::Geo,
        Self::Session,
    ];

    /// The heading.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Text => "Texts",
            Self::Number => "Numbers",
            Self::Logic => "True and false",
            Self::Date => "Dates and times",
            Self::Select => "Answers of a list",
            Self::Nodes => "Sets of nodes and repeats",
            Self::Geo => "Places",
            Self::Session => "Form, device, chance",
        }
    }
}

/// What the value of a function is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Returns {
    /// A text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A date, or the empty text where nothing was given.
    Date,
    /// A date and time, or the empty text where nothing was given.
    DateTime,
    /// A time of day, or the empty text where nothing was given.
    Time,
    /// A set of nodes.
    Nodes,
    /// Whatever its argument is.
    Any,
}

impl fmt::Display for Returns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::DateTime => "date and time",
            Self::Time => "time",
            Self::Nodes => "nodes",
            Self::Any => "any",
        })
    }
}

/// A function as the document of expressions lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Signature {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub group: Group,
    /// What it takes, in the words of the document; `?` can be left out, `*` can be repeated.
    pub takes: &'static str,
    /// Fewest arguments.
    pub least: usize,
    /// Most arguments; `None` where there is no limit.
    pub most: Option<usize>,
    /// What its value is.
    pub returns: Returns,
    /// What it does, in a sentence.
    pub what: &'static str,
}

macro_rules! functions {
    ($($id:ident $name:literal $group:ident ($takes:literal) $least:literal ..= $most:tt $returns:ident $what:literal;)*) => {
        /// A function.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Function { $($id),* }

        /// Every function, by group.
        pub const FUNCTIONS: &[Signature] = &[$(Signature {
            name: $name,
            group: Group::$group,
            takes: $takes,
            least: $least,
            most: functions!(@most $most),
            returns: Returns::$returns,
            what: $what,
        }),*];

        const ALL: &[Function] = &[$(Function::$id),*];
    };
    (@most many) => { None };
    (@most $most:literal) => { Some($most) };
}

functions! {
    String "string" Text ("value?") 0..=1 Text "The value as a text; without an argument, of the current node.";
    Concat "concat" Text ("value*") 0..=many Text "The texts of all arguments, of every node of a set, one behind the other.";
    Join "join" Text ("separator, value*") 1..=many Text "The texts of all arguments, of every node of a set, with the separator between.";
    Substr "substr" Text ("text, start, end?") 2..=3 Text "The characters from start, counted from 0, up to but without end; negative positions count from the end.";
    Substring "substring" Text ("text, start, length?") 2..=3 Text "The characters from start, counted from 1, as many as length says.";
    SubstringBefore "substring-before" Text ("text, part") 2..=2 Text "What stands before the first occurrence of the part; empty where there is none.";
    SubstringAfter "substring-after" Text ("text, part") 2..=2 Text "What stands behind the first occurrence of the part; empty where there is none.";
    Translate "translate" Text ("text, from, to") 3..=3 Text "The text with each character of from replaced by that of to at the same place, or left out where to is shorter.";
    StringLength "string-length" Text ("text?") 0..=1 Number "How many characters the text has.";
    NormalizeSpace "normalize-space" Text ("text?") 0..=1 Text "The text without blanks at its ends, and with one blank for each run of them.";
    Contains "contains" Text ("text, part") 2..=2 Boolean "Whether the text holds the part.";
    StartsWith "starts-with" Text ("text, part") 2..=2 Boolean "Whether the text begins with the part.";
    EndsWith "ends-with" Text ("text, part") 2..=2 Boolean "Whether the text ends with the part.";
    Regex "regex" Text ("text, pattern") 2..=2 Boolean "Whether the whole text matches the regular expression.";
    Coalesce "coalesce" Text ("value, value") 2..=2 Any "The first of the two that is not empty.";
    Digest "digest" Text ("text, algorithm, encoding?") 2..=3 Text "The digest by MD5, SHA-1, SHA-256, SHA-384 or SHA-512, as base64 or hex.";
    Base64Encode "base64-encode" Text ("text") 1..=1 Text "The bytes of the text in base64.";
    Base64Decode "base64-decode" Text ("text") 1..=1 Text "The text whose bytes are given in base64; empty where they are not.";

    Number "number" Number ("value?") 0..=1 Number "The value as a number; a date becomes the days since 1970-01-01.";
    Int "int" Number ("number") 1..=1 Number "The number without its decimals.";
    Round "round" Number ("number, places?") 1..=2 Number "The number rounded to so many places, halves upwards.";
    Floor "floor" Number ("number") 1..=1 Number "The greatest whole number that is not greater.";
    Ceiling "ceiling" Number ("number") 1..=1 Number "The least whole number that is not less.";
    Abs "abs" Number ("number") 1..=1 Number "The number without its sign.";
    Pow "pow" Number ("number, power") 2..=2 Number "The number to the power.";
    Exp "exp" Number ("number") 1..=1 Number "e to the power of the number.";
    Exp10 "exp10" Number ("number") 1..=1 Number "10 to the power of the number.";
    Log "log" Number ("number") 1..=1 Number "The natural logarithm.";
    Log10 "log10" Number ("number") 1..=1 Number "The logarithm to the base of 10.";
    Sqrt "sqrt" Number ("number") 1..=1 Number "The square root.";
    Sin "sin" Number ("angle") 1..=1 Number "The sine of an angle in radians.";
    Cos "cos" Number ("angle") 1..=1 Number "The cosine of an angle in radians.";
    Tan "tan" Number ("angle") 1..=1 Number "The tangent of an angle in radians.";
    Asin "asin" Number ("number") 1..=1 Number "The angle with this sine.";
    Acos "acos" Number ("number") 1..=1 Number "The angle with this cosine.";
    Atan "atan" Number ("number") 1..=1 Number "The angle with this tangent.";
    Atan2 "atan2" Number ("y, x") 2..=2 Number "The angle of the point (x, y).";
    Pi "pi" Number ("") 0..=0 Number "The number pi.";
    Min "min" Number ("value*") 1..=many Number "The least of all numbers, of every node of a set; what is no number does not count.";
    Max "max" Number ("value*") 1..=many Number "The greatest of all numbers, of every node of a set; what is no number does not count.";
    Sum "sum" Number ("nodes") 1..=1 Number "The sum of the numbers of a set; what is no number does not count.";

    True "true" Logic ("") 0..=0 Boolean "True.";
    False "false" Logic ("") 0..=0 Boolean "False.";
    Not "not" Logic ("value") 1..=1 Boolean "Whether the value is false.";
    Boolean "boolean" Logic ("value") 1..=1 Boolean "Whether the value is true: a number that is not 0, a text that is not empty, a set with an answer in it.";
    BooleanFromString "boolean-from-string" Logic ("text") 1..=1 Boolean "Whether the text is true or 1.";
    If "if" Logic ("condition, then, else") 3..=3 Any "One of two values; the other is not computed.";
    Checklist "checklist" Logic ("min, max, value*") 2..=many Boolean "Whether so many values are true; -1 is no bound.";
    WeightedChecklist "weighted-checklist" Logic ("min, max, (value, weight)*") 4..=many Boolean "Whether the weights of the true values add up to between min and max; -1 is no bound.";

    Today "today" Date ("") 0..=0 Date "The day it is.";
    Now "now" Date ("") 0..=0 DateTime "The moment it is.";
    Date "date" Date ("value") 1..=1 Date "The date that a text or a number of days since 1970-01-01 says.";
    DateTime "date-time" Date ("value") 1..=1 DateTime "The date and time that a text or a number of days since 1970-01-01 says.";
    Time "time" Date ("value") 1..=1 Time "The time of day that a text, a date and time or a part of a day says.";
    DecimalDateTime "decimal-date-time" Date ("value") 1..=1 Number "The days since 1970-01-01, with the time as decimals.";
    DecimalDate "decimal-date" Date ("value") 1..=1 Number "The whole days since 1970-01-01.";
    DecimalTime "decimal-time" Date ("value") 1..=1 Number "The time of day as a part of a day.";
    FormatDate "format-date" Date ("value, format") 2..=2 Text "The date as the format says: %Y %y %m %n %b %d %e %a.";
    FormatDateTime "format-date-time" Date ("value, format") 2..=2 Text "As format-date, with %H %h %M %S %3.";

    Selected "selected" Select ("codes, code") 2..=2 Boolean "Whether the code is among the codes chosen.";
    IsSelected "is-selected" Select ("codes, code") 2..=2 Boolean "Another name of selected.";
    SelectedAt "selected-at" Select ("codes, index") 2..=2 Text "The code at this place, counted from 0; empty where there is none.";
    CountSelected "count-selected" Select ("codes") 1..=1 Number "How many codes are chosen.";
    ChoiceName "jr:choice-name" Select ("code, question") 2..=2 Text "The label of a code in the list of a question, whose name stands in quotes.";

    Count "count" Nodes ("nodes") 1..=1 Number "How many nodes the set has.";
    CountNonEmpty "count-non-empty" Nodes ("nodes") 1..=1 Number "How many nodes of the set hold an answer.";
    Position "position" Nodes ("node?") 0..=1 Number "The place of a node among its siblings of the same name; in a predicate, the place in the set.";
    Last "last" Nodes ("") 0..=0 Number "In a predicate, how many nodes the set has.";
    Current "current" Nodes ("") 0..=0 Nodes "The node that the expression belongs to.";
    Once "once" Nodes ("value") 1..=1 Any "The answer that the question has, or else the value.";
    IndexedRepeat "indexed-repeat" Nodes ("question, repeat, index, (repeat, index)*") 3..=11 Nodes "The answers of a question in the repeat with this index.";
    Instance "instance" Nodes ("id") 1..=1 Nodes "A list of choices or another file of data, by its name.";
    Pulldata "pulldata" Nodes ("instance, column, key column, key") 4..=4 Text "The value of a column in the row of a file whose key column holds the key.";
    Randomize "randomize" Nodes ("nodes, seed?") 1..=2 Nodes "The nodes in an order left to chance, or to the seed.";
    Name "name" Nodes ("nodes?") 0..=1 Text "The name of the first node.";
    LocalName "local-name" Nodes ("nodes?") 0..=1 Text "The name of the first node without its prefix.";
    NamespaceUri "namespace-uri" Nodes ("nodes?") 0..=1 Text "Always empty: the nodes of forms have no namespace.";

    Area "area" Geo ("shape") 1..=1 Number "The area inside of a shape or of the points of a set, in square metres.";
    EnclosedArea "enclosed-area" Geo ("shape") 1..=1 Number "Another name of area.";
    Distance "distance" Geo ("points*") 1..=many Number "The length of the line through the points, in metres.";
    Geofence "geofence" Geo ("point, shape") 2..=2 Boolean "Whether the point lies in the shape.";

    Itext "jr:itext" Session ("id") 1..=1 Text "A text of the form in the language chosen.";
    Random "random" Session ("") 0..=0 Number "A number from 0 up to but without 1, left to chance.";
    Uuid "uuid" Session ("length?") 0..=1 Text "A random identifier, or a random text of this length.";
    Version "version" Session ("") 0..=0 Text "The version of the form.";
    Property "property" Session ("name") 1..=1 Text "A property of the device or the person, such as username.";
    Depend "depend" Session ("value, value*") 1..=many Any "The first value; the others are only named.";
}

impl Function {
    pub(crate) fn named(name: &str) -> Option<Self> {
        FUNCTIONS.iter().position(|known| known.name == name).map(|at| ALL[at])
    }

    pub(crate) fn signature(self) -> &'static Signature {
        &FUNCTIONS[self as usize]
    }

    /// Whether two evaluations of it in one form can differ though no answer does.
    pub(crate) fn is_volatile(self) -> bool {
        matches!(self, Self::Today | Self::Now | Self::Random | Self::Uuid)
    }
}
