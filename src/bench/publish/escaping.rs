//! Other people's texts in other people's formats.

use super::words::plain;

/// A text inside a cell of a table in Markdown: nothing in it is Markdown or HTML.
pub(super) fn cell(text: &str) -> String {
    let mut escaped = String::new();
    for letter in plain(text).chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '~' | '#' | '!' | '$' => escaped.extend(['\\', letter]),
            // An address that nobody wrote as a link.
            ':' if escaped.ends_with("http") || escaped.ends_with("https") => escaped.push_str("&#58;"),
            // A name that nobody wants to be told.
            '@' => escaped.push_str("&#64;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// A text inside a cell of a CSV: one that a spreadsheet would take for a formula has an apostrophe before it.
pub(super) fn csv_cell(text: &str) -> String {
    let text = plain(text);
    let is_formula = text.trim_start_matches('\'').trim_start().starts_with(['=', '+', '-', '@']);
    if is_formula { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_others_acts_where_it_stands() {
        assert_eq!(cell("<b>|`a`\n[x](https://y) @z"), "&lt;b&gt;\\|\\`a\\` \\[x\\](https&#58;//y) &#64;z");
        assert_eq!(cell("llvmpipe (LLVM 15.0.6, 256 bits)"), "llvmpipe (LLVM 15.0.6, 256 bits)");
        assert_eq!(["=1+1", " @a", "'=1", "a=1", "-x"].map(csv_cell), ["'=1+1", "' @a", "''=1", "a=1", "'-x"]);
    }
}
