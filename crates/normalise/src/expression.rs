//! The words of the mapping language: where the value of a field comes from.

use aqueduct_schema::{Result, codes};

use crate::cleaners::DETAILS;
use crate::format::Format;
use crate::functions::{FUNCTIONS, Function};
use crate::value::text_to_units;
use crate::yaml::{Content, Key, Node, Place, Reader, get};

/// A path of a stream's records, or `each.…` for a path inside an element.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Path {
    pub(crate) name: String,
    pub(crate) place: Place,
}

/// Which part of a text `split` takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Take {
    First,
    /// The last of at least two parts: a text without the separator has a first part alone.
    Last,
    /// Everything after the first part.
    Rest,
    Number(usize),
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    Path(Path),
    Constant(String, Place),
    Join {
        parts: Vec<Expression>,
        with: String,
    },
    FirstOf(Vec<Expression>),
    /// `table` is sorted by its keys, which are trimmed and in lower case.
    Values {
        from: Box<Expression>,
        table: Vec<(String, String)>,
        otherwise: Option<String>,
    },
    /// `factor` counts billionths.
    Scale {
        from: Box<Expression>,
        factor: i128,
    },
    Format {
        from: Box<Expression>,
        format: Format,
    },
    Split {
        from: Box<Expression>,
        by: String,
        take: Take,
    },
    Call {
        function: Function,
        of: Vec<Expression>,
    },
}

/// The words that begin an expression, each with the words that may stand beside it.
pub(crate) const WORDS: &[(&str, &[&str])] = &[
    ("from", &["values", "otherwise", "scale", "format"]),
    ("join", &["with"]),
    ("first_of", &[]),
    ("constant", &[]),
    ("split", &["by", "take"]),
    ("function", &["of"]),
];

impl Expression {
    pub(crate) fn parse(reader: Reader<'_>, node: &Node) -> Result<Self> {
        match &node.content {
            Content::Text(path) if !path.trim().is_empty() => Ok(Self::Path(Path { name: path.clone(), place: node.place })),
            Content::Map(entries) => Self::parse_words(reader, node.place, entries),
            _ => Err(reader.wrong(node.place, "a field needs a path, or a map such as { join: [a, b] }")),
        }
    }

    fn parse_words(reader: Reader<'_>, place: Place, entries: &[(Key, Node)]) -> Result<Self> {
        let heads: Vec<&(Key, Node)> = entries.iter().filter(|(key, _)| WORDS.iter().any(|(word, _)| *word == key.name)).collect();
        let [(head, node)] = heads.as_slice() else {
            let words = WORDS.iter().map(|(word, _)| *word);
            return Err(match (heads.get(1), entries.first()) {
                (Some((second, _)), _) => {
                    reader.wrong(second.place, format!("`{}` and `{}` cannot stand together", heads[0].0.name, second.name))
                }
                (None, Some((key, _))) if WORDS.iter().any(|(_, beside)| beside.contains(&key.name.as_str())) => {
                    reader.wrong(key.place, format!("`{}` needs one of {} beside it", key.name, companions_of(&key.name)))
                }
                (None, Some((key, _))) => reader.unknown(codes::UNKNOWN_KEY, key.place, "word", &key.name, words),
                (None, None) => reader.wrong(place, "a field needs a path, or a map such as { join: [a, b] }"),
            });
        };
        let beside = WORDS.iter().find(|(word, _)| *word == head.name).map_or(&[] as &[&str], |(_, beside)| beside);
        for (key, _) in entries {
            if key.name != head.name && !beside.contains(&key.name.as_str()) {
                let allowed: Vec<&str> = std::iter::once(head.name.as_str()).chain(beside.iter().copied()).collect();
                return Err(reader.unknown(codes::UNKNOWN_KEY, key.place, "word", &key.name, allowed));
            }
        }
        match head.name.as_str() {
            "from" => Self::parse_from(reader, node, entries),
            "join" => {
                let with = get(entries, "with").map(|with| reader.text(with, "`with`")).transpose()?.unwrap_or(" ");
                Ok(Self::Join { parts: Self::parse_parts(reader, node, "`join`")?, with: with.to_owned() })
            }
            "first_of" => Ok(Self::FirstOf(Self::parse_parts(reader, node, "`first_of`")?)),
            "constant" => Ok(Self::Constant(reader.text(node, "`constant`")?.to_owned(), node.place)),
            "split" => Self::parse_split(reader, head.place, node, entries),
            _ => Self::parse_call(reader, head.place, node, entries),
        }
    }

    fn parse_parts(reader: Reader<'_>, node: &Node, what: &str) -> Result<Vec<Self>> {
        reader.list(node, what)?.iter().map(|part| Self::parse(reader, part)).collect()
    }

    fn parse_from(reader: Reader<'_>, node: &Node, entries: &[(Key, Node)]) -> Result<Self> {
        let from = Self::parse(reader, node)?;
        let treatments: Vec<&(Key, Node)> =
            entries.iter().filter(|(key, _)| matches!(key.name.as_str(), "values" | "scale" | "format")).collect();
        if let [(first, _), (second, _), ..] = treatments.as_slice() {
            let message = format!("`{}` and `{}` cannot stand together; put one `from` inside the other", first.name, second.name);
            return Err(reader.wrong(second.place, message));
        }
        let otherwise = get(entries, "otherwise");
        if let Some((key, _)) = entries.iter().find(|(key, _)| key.name == "otherwise")
            && get(entries, "values").is_none()
        {
            return Err(reader.wrong(key.place, "`otherwise` needs `values` beside it"));
        }
        let Some((key, node)) = treatments.first() else {
            return Ok(from);
        };
        let from = Box::new(from);
        match key.name.as_str() {
            "values" => {
                let table = parse_values(reader, node)?;
                let otherwise = otherwise.map(|word| reader.name(word, "`otherwise`")).transpose()?.map(str::to_owned);
                Ok(Self::Values { from, table, otherwise })
            }
            "scale" => {
                let text = reader.text(node, "`scale`")?;
                let factor = text_to_units(text).ok_or_else(|| {
                    reader.wrong(node.place, format!("`scale` must be a number with at most nine decimals, not `{text}`"))
                })?;
                Ok(Self::Scale { from, factor })
            }
            _ => {
                let text = reader.name(node, "`format`")?;
                let format =
                    Format::parse(text).map_err(|reason| reader.wrong(node.place, format!("`{text}` is not a format: {reason}")))?;
                Ok(Self::Format { from, format })
            }
        }
    }

    fn parse_split(reader: Reader<'_>, place: Place, node: &Node, entries: &[(Key, Node)]) -> Result<Self> {
        let (by, take) = parse_take(reader, place, entries)?;
        Ok(Self::Split { from: Box::new(Self::parse(reader, node)?), by, take })
    }

    fn parse_call(reader: Reader<'_>, place: Place, node: &Node, entries: &[(Key, Node)]) -> Result<Self> {
        let name = reader.name(node, "`function`")?;
        let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) else {
            return Err(reader.unknown(codes::BAD_MAPPING, node.place, "function", name, FUNCTIONS.iter().map(|function| function.name)));
        };
        let Some(of) = get(entries, "of") else {
            return Err(reader.wrong(place, "`function` needs `of` beside it"));
        };
        let parts = Self::parse_parts(reader, of, "`of`")?;
        if parts.len() != function.parts {
            return Err(reader.wrong(of.place, format!("`{name}` takes {} part(s), not {}", function.parts, parts.len())));
        }
        if name == "detail" {
            let Some((wanted, place)) = parts[1].constant() else {
                return Err(reader.wrong(of.place, "the second part of `detail` is the name of one: { constant: phone_number.extension }"));
            };
            if DETAILS.iter().all(|rule| rule.name != wanted) {
                return Err(reader.unknown(codes::BAD_MAPPING, place, "detail", wanted, DETAILS.iter().map(|rule| rule.name)));
            }
        }
        Ok(Self::Call { function: *function, of: parts })
    }

    /// Every path the expression reads, in order.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        let mut paths = Vec::new();
        self.collect(&mut paths);
        paths
    }

    fn collect<'p>(&'p self, paths: &mut Vec<&'p Path>) {
        match self {
            Self::Path(path) => paths.push(path),
            Self::Constant(..) => {}
            Self::Join { parts, .. } | Self::FirstOf(parts) | Self::Call { of: parts, .. } => {
                parts.iter().for_each(|part| part.collect(paths));
            }
            Self::Values { from, .. } | Self::Scale { from, .. } | Self::Format { from, .. } | Self::Split { from, .. } => {
                from.collect(paths);
            }
        }
    }

    /// Whether a path stands inside a `split` or a `function`: the field then holds less than the path does.
    pub(crate) fn takes_part_of(&self, path: &str) -> bool {
        match self {
            Self::Path(_) | Self::Constant(..) => false,
            Self::Split { .. } | Self::Call { .. } => self.paths().iter().any(|used| used.name == path),
            Self::Join { parts, .. } | Self::FirstOf(parts) => parts.iter().any(|part| part.takes_part_of(path)),
            Self::Values { from, .. } | Self::Scale { from, .. } | Self::Format { from, .. } => from.takes_part_of(path),
        }
    }

    /// The word of a constant and its place.
    pub(crate) fn constant(&self) -> Option<(&str, Place)> {
        match self {
            Self::Constant(word, place) => Some((word, *place)),
            _ => None,
        }
    }
}

/// A table of values, sorted by its keys.
pub(crate) fn parse_values(reader: Reader<'_>, node: &Node) -> Result<Vec<(String, String)>> {
    let mut table = Vec::new();
    for (key, word) in reader.map(node, "`values`")? {
        let value = key.name.trim().to_lowercase();
        if table.iter().any(|(other, _)| *other == value) {
            let message = format!("`{}` stands twice in `values`; case does not tell values apart", key.name);
            return Err(reader.wrong(key.place, message));
        }
        table.push((value, reader.text(word, "a word of `values`")?.to_owned()));
    }
    table.sort();
    Ok(table)
}

/// What a text is split by, and the part that is taken.
pub(crate) fn parse_take(reader: Reader<'_>, place: Place, entries: &[(Key, Node)]) -> Result<(String, Take)> {
    let (Some(by), Some(take)) = (get(entries, "by"), get(entries, "take")) else {
        return Err(reader.wrong(place, "`split` needs `by` and `take` beside it"));
    };
    let separator = reader.text(by, "`by`")?;
    if separator.is_empty() {
        return Err(reader.wrong(by.place, "`by` must not be empty"));
    }
    let taken = match reader.text(take, "`take`")? {
        "first" => Take::First,
        "last" => Take::Last,
        "rest" => Take::Rest,
        other => {
            let wrong = |_| reader.wrong(take.place, format!("`take` is first, last, rest or a number from 0, not `{other}`"));
            Take::Number(other.parse().map_err(wrong)?)
        }
    };
    Ok((separator.to_owned(), taken))
}

fn companions_of(name: &str) -> String {
    let heads: Vec<String> = WORDS.iter().filter(|(_, beside)| beside.contains(&name)).map(|(word, _)| format!("`{word}`")).collect();
    heads.join(" or ")
}
