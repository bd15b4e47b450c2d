//! How an operation pages, by the names of its parameters and of the properties of its answer.

use serde_json::Value;

use super::document::{Document, Kind, Read, of_parameter};
use super::fields::letters;
use crate::plan::{Noted, Paging};

const TOKENS: &[&str] = &[
    "cursor",
    "pagecursor",
    "pagetoken",
    "startingafter",
    "after",
    "pageafter",
    "nextcursor",
    "nextpagetoken",
    "continuationtoken",
    "startcursor",
    "scrollid",
    "bookmark",
    "nexttoken",
    "paginationtoken",
    "scrollparam",
];
const OFFSETS: &[&str] = &["offset", "start", "skip", "startindex", "pageoffset", "startat"];
const PAGES: &[&str] = &["page", "pagenumber", "pageno", "pagenum", "pageindex"];
const SIZES: &[&str] = &[
    "limit",
    "perpage",
    "pagesize",
    "count",
    "maxresults",
    "size",
    "top",
    "pagelimit",
    "itemsperpage",
    "resultsperpage",
    "pagecount",
    "maxitems",
];
/// Names of properties that lead to the next page.
const NEXT: &[&str] = &[
    "next",
    "nextcursor",
    "nextpagetoken",
    "nextpage",
    "nextlink",
    "nexturl",
    "nextpageurl",
    "nextpagelink",
    "nexttoken",
    "nexthref",
    "after",
    "startingafter",
    "cursor",
    "pagetoken",
    "continuationtoken",
    "scrollid",
    "scrollparam",
    "nextcursortoken",
    "endcursor",
];
/// Objects in which a property leads to the next page are no deeper than this.
const DEEPEST: usize = 4;
/// The page size where the description gives no most.
const USUAL_SIZE: u32 = 100;
/// No more is asked for anywhere: larger pages save few requests and are lost whole when an answer fails.
const LARGEST_SIZE: u32 = 500;

/// How an operation pages, whose records have this time of creation; in words what is wrong where it pages in a way that cannot be told.
pub(super) fn paging(
    document: &Document,
    read: &Read<'_>,
    answer: &Value,
    headers: &Value,
    items: &[String],
    created_at: Option<&str>,
) -> Result<Noted<Paging>, String> {
    let parameter = |words: &[&str]| words.iter().find_map(|word| read.query().find(|(name, _)| whole(name) == *word));
    let mut pointers = Vec::new();
    find(document, answer, &mut Vec::new(), items, &mut pointers);
    // A link that is said to be one goes before everything else that may be one.
    pointers.sort_by_key(|pointer| (!pointer.is_link, NEXT.iter().position(|word| *word == letters(pointer.last())), pointer.keys.len()));
    let token = parameter(TOKENS);
    if let Some(link) = pointers.iter().find(|pointer| pointer.is_link) {
        let why = format!("the answer has `{}`, which is an address by its name", link.keys.join("."));
        return Ok(Noted::guessed(Paging::NextLink { link: link.keys.clone() }, why));
    }
    if let Some(pointer) = pointers.first() {
        let own = pointer.last().to_owned();
        let parameter = match token {
            Some((name, _)) => Some(name.to_owned()),
            // A token that is named after a parameter, which the description forgot.
            None => TOKENS.contains(&letters(&own).as_str()).then_some(own),
        };
        if let Some(parameter) = parameter {
            let why = format!("the answer has `{}`, and `{parameter}` takes it", pointer.keys.join("."));
            return Ok(Noted::guessed(Paging::NextToken { token: pointer.keys.clone(), parameter }, why));
        }
    }
    if headers.as_object().is_some_and(|headers| headers.keys().any(|name| name.eq_ignore_ascii_case("link"))) {
        return Ok(Noted::guessed(Paging::LinkHeader, "the answer has a Link header"));
    }
    if let (Some((offset, _)), Some((since, time)), Some(_)) =
        (parameter(OFFSETS), created_since(document, read).zip(created_at), ascending(document, read))
    {
        let why = format!("`{since}` asks for what was created since; records must come by `{time}`, the oldest first");
        return Ok(Noted::guessed(Paging::Time { parameter: since.to_owned(), time: time.to_owned(), offset: offset.to_owned() }, why));
    }
    if let Some((name, _)) = parameter(OFFSETS) {
        let why = format!("`{name}` counts records; look for a sort order that does not change, oldest first, and ask for it in `query`");
        return Ok(Noted::guessed(Paging::AnchoredOffset { parameter: name.to_owned() }, why));
    }
    if let Some((name, parameter)) = parameter(PAGES) {
        let schema = of_parameter(document, parameter);
        let first = [&schema["default"], &schema["minimum"]].into_iter().find_map(Value::as_u64).unwrap_or(1).min(1);
        let why = format!("`{name}` counts pages from {first}; rows shift when one before them is deleted, so the stream is read whole");
        return Ok(Noted::guessed(Paging::PageNumber { parameter: name.to_owned(), first }, why));
    }
    match token {
        Some((name, _)) => Err(format!("`{name}` asks for a page, but no property of the answer has what to ask for")),
        None => Ok(Noted::guessed(Paging::Single, "nothing speaks of further pages: look whether the answer holds everything")),
    }
}

/// A property of an answer that leads to the next page.
struct Pointer {
    keys: Vec<String>,
    is_link: bool,
}

impl Pointer {
    fn last(&self) -> &str {
        self.keys.last().map_or("", String::as_str)
    }
}

fn find(document: &Document, schema: &Value, keys: &mut Vec<String>, items: &[String], found: &mut Vec<Pointer>) {
    let shape = document.shape(schema);
    for (name, property) in &shape.properties {
        keys.push((*name).to_owned());
        let inner = document.shape(property);
        let is_next = NEXT.contains(&letters(name).as_str()) || (letters(name) == "href" && keys.iter().any(|key| letters(key) == "next"));
        match inner.kind {
            Kind::Object if keys.len() < DEEPEST && *keys != items => find(document, property, keys, items, found),
            Kind::Text | Kind::Unknown if is_next => {
                let speaks = |key: &String| ["link", "url", "href"].iter().any(|word| key.to_lowercase().contains(word));
                let is_link = matches!(inner.format, "uri" | "url" | "uri-reference") || keys.iter().any(speaks);
                // What only says where this page began leads nowhere.
                let leads = letters(name).contains("next") || keys.iter().any(|key| letters(key).contains("next")) || !is_link;
                if leads {
                    found.push(Pointer { keys: keys.clone(), is_link });
                }
            }
            _ => {}
        }
        keys.pop();
    }
}

/// The parameter for the page size and what to ask for.
pub(super) fn page_size(document: &Document, read: &Read<'_>) -> Option<Noted<(String, u32)>> {
    let (name, parameter) = SIZES.iter().find_map(|word| read.query().find(|(name, _)| whole(name) == *word))?;
    let schema = of_parameter(document, parameter);
    let most = schema["maximum"].as_u64().and_then(|most| u32::try_from(most).ok()).filter(|most| *most > 0);
    let words = [&parameter["description"], &schema["description"]].into_iter().find_map(|words| most_in(words.as_str()?));
    Some(match (most, words) {
        (Some(most), _) => Noted::known((name.to_owned(), most.min(LARGEST_SIZE))),
        (None, Some(most)) => Noted::guessed(
            (name.to_owned(), most.min(LARGEST_SIZE)),
            format!("`{name}` is the page size by its name; its most is {most} by its words"),
        ),
        (None, None) => {
            Noted::guessed((name.to_owned(), USUAL_SIZE), format!("`{name}` is the page size by its name; its most is not said"))
        }
    })
}

/// The most that words allow: `a maximum value of 500`, `Max: 100`, `up to 250`, `between 1 and 100`.
fn most_in(words: &str) -> Option<u32> {
    let words: Vec<String> = words.split(|letter: char| !letter.is_ascii_alphanumeric()).map(str::to_ascii_lowercase).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
    let number = |word: &str| word.parse().ok().filter(|most| *most > 0);
    words.iter().enumerate().find_map(|(place, word)| {
        let rest = &words[place + 1..];
        match *word {
            // What a default is says nothing of the most.
            "maximum" | "max" => rest.iter().take(6).take_while(|word| **word != "default").find_map(|word| number(word)),
            "up" if rest.first() == Some(&"to") => rest.get(1).and_then(|word| number(word)),
            "between" if rest.get(1) == Some(&"and") => rest.get(2).and_then(|word| number(word)),
            _ => None,
        }
    })
}

/// A parameter's letters and digits: dots in its name separate nothing.
fn whole(name: &str) -> String {
    letters(&name.replace('.', ""))
}

/// The parameter that asks for what changed at or after an instant.
pub(super) fn since(document: &Document, read: &Read<'_>) -> Option<Noted<String>> {
    const WORDS: &[&str] = &[
        "updatedsince",
        "modifiedsince",
        "updatedafter",
        "modifiedafter",
        "sincelastchanged",
        "updatedatmin",
        "lastmodifiedsince",
        "changedsince",
        "updatedfrom",
        "modifiedfrom",
        "updatedatfrom",
        "ifmodifiedsince",
        "startmodified",
        "lastupdatedafter",
    ];
    let name = instant(document, read, WORDS)?;
    Some(Noted::guessed(name.to_owned(), format!("`{name}` asks for changes, by its name; look whether it includes the instant")))
}

/// The parameter that asks for what changed before an instant.
pub(super) fn until(document: &Document, read: &Read<'_>) -> Option<Noted<String>> {
    const WORDS: &[&str] = &[
        "updateduntil",
        "modifieduntil",
        "updatedbefore",
        "modifiedbefore",
        "beforelastchanged",
        "updatedatmax",
        "lastmodifieduntil",
        "changedbefore",
        "updatedto",
        "modifiedto",
        "updatedatto",
        "endmodified",
        "lastupdatedbefore",
    ];
    let name = instant(document, read, WORDS)?;
    Some(Noted::guessed(name.to_owned(), format!("`{name}` ends a window of changes, by its name; look whether it leaves the instant out")))
}

/// The parameters and their values that ask for the oldest records first, by this time.
pub(super) fn oldest_first(document: &Document, read: &Read<'_>, time: &str) -> Vec<(String, String)> {
    const WORDS: &[&str] = &["sortfield", "sortby", "orderby", "ordering"];
    let field = WORDS.iter().find_map(|word| read.query().find(|(name, _)| whole(name) == *word)).and_then(|(name, parameter)| {
        let fields = of_parameter(document, parameter)["enum"].as_array()?;
        let field = fields.iter().filter_map(Value::as_str).find(|field| letters(field) == letters(time))?;
        Some((name.to_owned(), field.to_owned()))
    });
    field.into_iter().chain(ascending(document, read)).collect()
}

/// The parameter for the direction of an order, and its value for the first of it first.
fn ascending(document: &Document, read: &Read<'_>) -> Option<(String, String)> {
    const WORDS: &[&str] = &["sort", "sortdir", "sortdirection", "sortorder", "order", "orderdirection", "direction", "dir"];
    let (name, parameter) = WORDS.iter().find_map(|word| read.query().find(|(name, _)| whole(name) == *word))?;
    let words = of_parameter(document, parameter)["enum"].as_array()?;
    let ascending = words.iter().filter_map(Value::as_str).find(|word| is_ascending(word))?;
    Some((name.to_owned(), ascending.to_owned()))
}

/// Whether a word asks for what comes first in an order.
pub(crate) fn is_ascending(word: &str) -> bool {
    ["asc", "ascending"].iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// The parameter that asks for what was created at or after an instant.
fn created_since<'d>(document: &Document, read: &Read<'d>) -> Option<&'d str> {
    const WORDS: &[&str] = &[
        "createdsince",
        "createdafter",
        "createdatmin",
        "createdfrom",
        "createdatfrom",
        "sincedatecreated",
        "sincecreatetime",
        "datecreatedafter",
        "creationdatefrom",
    ];
    instant(document, read, WORDS)
}

/// A parameter of one of these names that takes an instant as a text: seconds since 1970 are not what the engine sends.
fn instant<'d>(document: &Document, read: &Read<'d>, words: &[&str]) -> Option<&'d str> {
    let (name, parameter) = words.iter().find_map(|word| read.query().find(|(name, _)| whole(name) == *word))?;
    (document.shape(of_parameter(document, parameter)).kind == Kind::Text).then_some(name)
}
