//! Tells HTML from text and makes text of it.

/// Names of elements that people's text has when it is HTML.
const ELEMENTS: [&str; 46] = [
    "a",
    "b",
    "i",
    "u",
    "p",
    "br",
    "hr",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "div",
    "span",
    "font",
    "strong",
    "em",
    "small",
    "ul",
    "ol",
    "li",
    "table",
    "thead",
    "tbody",
    "tr",
    "td",
    "th",
    "img",
    "pre",
    "code",
    "blockquote",
    "html",
    "head",
    "body",
    "style",
    "script",
    "meta",
    "link",
    "title",
    "center",
    "sup",
    "sub",
    "iframe",
    "form",
    "input",
];

/// Where a tag of one of the elements begins at this `<`.
fn starts_tag(rest: &str) -> bool {
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    if rest.starts_with("!--") || rest.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("!doctype")) {
        return true;
    }
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    name.len() <= 10 && ELEMENTS.iter().any(|known| known.eq_ignore_ascii_case(name)) && ends_like_tag(after)
}

/// What may follow the name of an element: the end of the tag or an attribute with a value; not more words ("if a <b then c> d").
fn ends_like_tag(after: &str) -> bool {
    if after.starts_with(['>', '/']) {
        return true;
    }
    let attribute = after.trim_start();
    let name = attribute.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | ':'))).unwrap_or(attribute.len());
    attribute.len() < after.len() && (attribute.starts_with(['>', '/']) || name > 0 && attribute[name..].trim_start().starts_with('='))
}

/// Whether there is a tag of HTML in a text.
pub(super) fn looks_like_html(text: &str) -> bool {
    let Some(last_close) = text.rfind('>') else {
        return false;
    };
    let mut rest = &text[..=last_close];
    while let Some(open) = rest.find('<') {
        rest = &rest[open + 1..];
        if starts_tag(rest) {
            return true;
        }
    }
    false
}

/// Deeper nesting than this is no page that people wrote; a parser's time grows with the square of it.
const DEEPEST: usize = 200;

/// Elements without content.
const VOID: [&str; 6] = ["br", "hr", "img", "input", "meta", "link"];
/// Elements that a parser opens again in every block until they are closed.
const FORMATTING: [&str; 14] = ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"];

/// Whether more elements than [`DEEPEST`] are open at one place.
fn is_too_deep(source: &str) -> bool {
    let (mut blocks, mut formatting): (Vec<&str>, usize) = (Vec::new(), 0);
    let mut rest = source;
    while let Some(open) = rest.find('<') {
        rest = &rest[open + 1..];
        let closes = rest.starts_with('/');
        let tag = rest.strip_prefix('/').unwrap_or(rest);
        let name = &tag[..tag.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(tag.len())];
        let is_one_of = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        if name.is_empty() || is_one_of(&VOID) {
            continue;
        }
        match (is_one_of(&FORMATTING), closes) {
            (true, true) => formatting = formatting.saturating_sub(1),
            (true, false) => formatting += 1,
            (false, false) => blocks.push(name),
            (false, true) => {
                if let Some(place) = blocks.iter().rposition(|block| block.eq_ignore_ascii_case(name)) {
                    blocks.truncate(place);
                }
            }
        }
        if blocks.len() > DEEPEST || formatting > DEEPEST {
            return true;
        }
    }
    false
}

/// The text that HTML shows, a line for each block.
pub(super) fn to_text(source: &str) -> String {
    if is_too_deep(source) {
        return without_tags(source);
    }
    // Wide enough that no line is wrapped; in raw mode tables are written as lines too.
    const WIDTH: usize = 1 << 20;
    let config = html2text::config::plain_no_decorate().raw_mode(true).no_table_borders().no_link_wrapping();
    let text = config.string_from_read(source.as_bytes(), WIDTH).unwrap_or_else(|_| without_tags(source));
    let mut out = String::with_capacity(text.len());
    let mut blank_lines = 0;
    for line in text.lines() {
        let line = line.trim_end();
        blank_lines = if line.is_empty() { blank_lines + 1 } else { 0 };
        if blank_lines < 2 {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// The text between the tags: for HTML that the renderer gives up on.
fn without_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(open) = rest.find('<') {
        out.push_str(&rest[..open]);
        rest = rest[open..].split_once('>').map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}

/// The text with a space after every `<` that would begin a tag: what was written as text stays text.
pub(super) fn separate_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        out.push_str(&rest[..=open]);
        rest = &rest[open + 1..];
        if starts_tag(rest) {
            out.push(' ');
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_told_from_comparisons() {
        for text in ["<p>x</p>", "a<br>b", "<BR/>", "<a href='x'>y</a>", "<!-- c -->x", "<!DOCTYPE html>"] {
            assert!(looks_like_html(text), "{text}");
        }
        for text in ["a < b", "<ada@acme.com>", "x<y>z", "<3", "if a<b then c>d", "<p"] {
            assert!(!looks_like_html(text), "{text}");
        }
    }

    #[test]
    fn text_without_tags() {
        assert_eq!(without_tags("a<b>c</b>d<e"), "acd");
        assert_eq!(separate_tags("<b>x</b> < y"), "< b>x< /b> < y");
        assert!(!looks_like_html(&separate_tags("<<b>>")));
    }
}
