//! Links of the pages that people read first lead somewhere.

use std::path::Path;

/// Where the links and pictures of a page in Markdown lead, code left out.
fn targets(page: &str) -> Vec<String> {
    let prose: Vec<&str> = page.split("```").step_by(2).collect();
    let parts = prose.iter().flat_map(|text| text.split("](").skip(1));
    parts.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

fn is_elsewhere(target: &str) -> bool {
    target.starts_with("https://")
}

fn read(page: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap()
}

#[test]
fn every_link_of_the_repository_leads_to_a_file() {
    for page in [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "docs/ablations.md",
        "docs/json.md",
        "docs/results.md",
        "docs/training.md",
        "benches/results/README.md",
    ] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(page).parent().unwrap().to_owned();
        for target in targets(&read(page)).iter().filter(|target| !is_elsewhere(target) && !target.starts_with('#')) {
            let file = target.split('#').next().unwrap();
            assert!(folder.join(file).exists(), "{page} links to {target}, which is not there");
        }
    }
}

/// A registry shows the page without the files beside it.
#[test]
fn the_page_of_the_registry_needs_no_file() {
    let found = targets(&read("docs/crate.md"));
    assert!(found.len() > 2 && found.iter().all(|target| is_elsewhere(target)), "{found:?}");
}

#[test]
fn links_are_found() {
    let page = "[a](b.md) ![c](d.png)\n```sh\n[e](f)\n```\n[g](https://h)";
    assert_eq!(targets(page), ["b.md", "d.png", "https://h"]);
}
