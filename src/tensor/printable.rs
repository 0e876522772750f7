//! Text of files, made safe to print.

use std::iter::Peekable;
use std::str::Chars;

/// The most characters that a sentence shows of a text from a file.
#[doc(hidden)]
pub const LONGEST_TEXT: usize = 1000;

/// `text` on one line, in at most `most` characters (the last is `…` where more were there), without what changes how a
/// terminal or a page shows other text: control characters and the escape sequences they begin, marks of direction,
/// characters that cannot be seen. Ends of lines and tabs become spaces.
///
/// For whatever comes from a file or a server and goes into a sentence, a table or a name on the screen.
#[doc(hidden)]
pub fn printable(text: &str, most: usize) -> String {
    let mut kept = String::new();
    let mut left = most;
    let mut characters = text.chars().peekable();
    while let Some(next) = characters.next() {
        let shown = match next {
            '\u{1b}' | '\u{9b}' | '\u{9d}' | '\u{90}' => {
                skip_sequence(next, &mut characters);
                continue;
            }
            '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
            hidden if hidden.is_control() || is_hidden(hidden) => continue,
            shown => shown,
        };
        if left == 0 {
            kept.pop();
            kept.push('…');
            break;
        }
        left -= 1;
        kept.push(shown);
    }
    kept
}

/// Marks of direction, characters without a width, and those that only annotate.
fn is_hidden(next: char) -> bool {
    matches!(next,
        '\u{61c}' | '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Skips the rest of an escape sequence: parameters and a letter, a text and its end, or one character.
fn skip_sequence(start: char, characters: &mut Peekable<Chars<'_>>) {
    let kind = match start {
        '\u{1b}' => match characters.peek() {
            Some(kind @ '\u{20}'..='\u{7e}') => *kind,
            _ => return,
        },
        '\u{9b}' => '[',
        _ => ']',
    };
    if start == '\u{1b}' {
        characters.next();
    }
    match kind {
        '[' => {
            while characters.next_if(|next| ('\u{20}'..='\u{3f}').contains(next)).is_some() {}
            characters.next_if(|next| ('\u{40}'..='\u{7e}').contains(next));
        }
        // The text is at most a line, lest a sequence without an end hide everything.
        ']' | 'P' | '^' | '_' | 'X' => {
            let mut rest = characters.clone();
            let end = rest.find(|next| matches!(next, '\u{7}' | '\u{9c}' | '\u{1b}' | '\n'));
            if matches!(end, Some('\u{7}' | '\u{9c}')) || end == Some('\u{1b}') && rest.next() == Some('\\') {
                *characters = rest;
            }
        }
        '\u{20}'..='\u{2f}' => _ = characters.next_if(|next| ('\u{30}'..='\u{7e}').contains(next)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_that_acts_on_a_terminal() {
        for (text, expected) in [
            ("plain, é 映像 🎬", "plain, é 映像 🎬"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;http://a\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}]never ended", "never ended"),
            ("\u{9b}2Jgone", "gone"),
            ("\u{1b}(Bset\u{1b}cclear\u{1b}", "setclear"),
            ("two\nlines\r\n\tand more", "two lines   and more"),
            ("a\u{8}\u{8}\u{7f}\0b", "ab"),
            ("exe.\u{202e}gpj\u{202c}", "exe.gpj"),
            ("\u{2066}a\u{2069}\u{200f}\u{61c}b\u{200b}\u{feff}c", "abc"),
            ("\u{e0041}tagged", "tagged"),
        ] {
            assert_eq!(printable(text, 100), expected);
        }
    }

    #[test]
    fn long_texts_end_in_an_ellipsis() {
        assert_eq!(printable("abcdef", 6), "abcdef");
        assert_eq!(printable("abcdefg", 6), "abcde…");
        assert_eq!(printable("abcdef\u{200b}\0", 6), "abcdef");
        assert_eq!(printable(&"é".repeat(1000), 3), "éé…");
        assert_eq!(printable("a", 0), "…");
    }
}
