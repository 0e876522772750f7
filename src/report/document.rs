//! The frame of every page: its head, its colours by day and by night, and the styles that all pages have in common.
//!
//! A page is a template that extends `document.html` and fills its blocks: `style`, `body`, and where it has them `head`
//! and `script`. Its plots begin with `plot_frame.html`, which draws ticks and axes of `plot`, put the name of a `curve`
//! beside it with `plot_name.html`, and are styled by `plot_style.html`.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value};

use crate::tensor::{Error, Result};

/// What every page may extend or include.
const PARTS: [(&str, &str); 4] = [
    ("document.html", include_str!("document.html")),
    ("plot_frame.html", include_str!("plot_frame.html")),
    ("plot_name.html", include_str!("plot_name.html")),
    ("plot_style.html", include_str!("plot_style.html")),
];

/// The text of the last of `templates`, which may extend and include the others. Their names end in `.html`, so that
/// values are escaped.
pub(crate) fn render(templates: &[(&'static str, &'static str)], values: Value) -> Result<String> {
    rendered(templates, values).map_err(|error| Error::usage(format!("the page cannot be written: {error}")))
}

fn rendered(templates: &[(&'static str, &'static str)], values: Value) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).build()?);
    for (name, text) in PARTS.iter().chain(templates) {
        environment.add_template(name, text)?;
    }
    environment.get_template(templates.last().map_or("document.html", |(name, _)| name))?.render(values)
}

/// Checks of pages that every page's tests share.
#[cfg(test)]
pub(crate) mod tests {
    use minijinja::context;

    use super::*;

    /// Elements that are never closed.
    const VOID: [&str; 3] = ["!doctype", "meta", "input"];

    /// Fails where elements do not close in the order in which they open.
    pub(crate) fn assert_elements_close(page: &str) {
        let (mut open, mut rest) = (Vec::new(), page);
        while let Some((_, tag)) = rest.split_once('<') {
            let (tag, behind) = tag.split_once('>').unwrap();
            let name = tag.split([' ', '\n', '/']).find(|word| !word.is_empty()).unwrap();
            rest = behind;
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name), "</{name}>");
            } else if !tag.ends_with('/') && !VOID.contains(&name) {
                open.push(name);
            }
            if name == "script" && !tag.starts_with('/') {
                rest = &rest[rest.find("</script>").unwrap()..];
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }

    #[test]
    fn a_page_without_blocks_has_the_head_and_its_title_is_escaped() {
        let page = render(&[("page.html", "{% extends \"document.html\" %}")], context! { title => "a < b" }).unwrap();
        assert!(page.starts_with("<!doctype html>") && page.contains("<title>a &lt; b</title>"), "{page}");
        assert_elements_close(&page);
        assert!(render(&[("page.html", "{{ nothing }}")], context! {}).unwrap_err().to_string().contains("page"));
    }

    #[test]
    #[should_panic(expected = "</div>")]
    fn a_page_that_closes_nothing_is_found() {
        assert_elements_close("<div><p></div></p>");
    }
}
