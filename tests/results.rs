//! The public list of results: every file of `benches/results/` may stand in it, and the tables of `README.md` and
//! `docs/results.md` are those that the files make. After a file is added:
//!
//! ```sh
//! TUBELET_WRITE_RESULTS=1 cargo test --test results
//! ```

use std::path::{Path, PathBuf};

use tubelet::bench::Benchmark;
use tubelet::bench::publish::{admit, read, summary, tables};

const FOLDER: &str = "benches/results";

/// Reports of scripts that time other programs beside this one: no rows of the list.
const OTHERS: [&str; 3] = [
    "cpu-xeon-amx-2-threads-against-pytorch-2.15.json",
    "cpu-xeon-amx-encoder-layer.json",
    "cpu-zen5-2-threads-against-pytorch-2.15.json",
];

/// What stands around a table.
const BEGIN: &str = "<!-- results: TUBELET_WRITE_RESULTS=1 cargo test --test results -->\n";
const END: &str = "<!-- end of results -->";

type Table = fn(&[(String, Benchmark)], &str) -> String;

/// The pages, and the folder as it is called from there.
const PAGES: [(&str, Table, &str); 2] =
    [("README.md", summary, "benches/results"), ("docs/results.md", tables, "../benches/results")];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The results in a folder by the names of their files, or why one may not stand there.
fn results(folder: &Path) -> Result<Vec<(String, Benchmark)>, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".json") && !OTHERS.contains(&name.as_str()));
    names.sort();
    let result = |name: String| {
        let benchmark = read(folder.join(&name)).map_err(|error| error.to_string())?;
        admit(&name, &benchmark).map_err(|error| error.to_string())?;
        Ok((name, benchmark))
    };
    names.into_iter().map(result).collect()
}

/// `page` with `table` between its marks.
fn with_table(page: &str, table: &str) -> Result<String, String> {
    let (before, rest) = page.split_once(BEGIN).ok_or(format!("there is no line {BEGIN}"))?;
    let (_, after) = rest.split_once(END).ok_or(format!("there is no {END} behind it"))?;
    Ok(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[test]
fn the_tables_are_those_of_the_files() {
    let results = results(&root().join(FOLDER)).unwrap();
    for (page, table, folder) in PAGES {
        let path = root().join(page);
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = with_table(&text, &table(&results, folder)).unwrap_or_else(|error| panic!("{page}: {error}"));
        if std::env::var_os("TUBELET_WRITE_RESULTS").is_some() {
            std::fs::write(&path, expected).unwrap();
        } else {
            assert!(
                text == expected,
                "{page} is not what the files say: TUBELET_WRITE_RESULTS=1 cargo test --test results"
            );
        }
    }
}

/// A file as a benchmark writes it, of one row.
const RESULT: &str = include_str!("results/example.json");
const NAME: &str = "example-gpu.json";

/// What the check says of a folder with such a file.
fn check(text: &str) -> Result<Vec<(String, Benchmark)>, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(NAME), text).unwrap();
    std::fs::write(folder.path().join("README.md"), "no result").unwrap();
    results(folder.path())
}

#[test]
fn a_good_file_is_listed_with_a_line() {
    let results = check(RESULT).unwrap();
    let table = summary(&results, "there");
    assert!(table.contains("| Example GPU; driver 1 | vit-ti/16x2, 8×64×64 | 2.00 ms, 40 % | – | – | – |"), "{table}");
    assert!(table.contains("[example-gpu.json](there/example-gpu.json) |"), "{table}");
    let page = format!("a\n{BEGIN}old\n{END}\nb\n");
    assert_eq!(with_table(&page, &table).unwrap(), format!("a\n{BEGIN}\n{table}\n{END}\nb\n"));
    assert!(with_table("a page without marks", &table).is_err());
}

#[test]
fn files_that_cannot_be_trusted_are_refused() {
    for (good, bad, expected) in [
        ("\"passed\": true", "\"passed\": false", "differs from the references"),
        ("\"relative_l2\": 4e-7", "\"relative_l2\": null", "differs from the references"),
        ("\"median\": 0.002,", "\"median\": 0.001,", "its median is given as 0.001 s"),
        ("\"schema\": 3", "\"schema\": 2", "has schema 2"),
        ("\"name\": \"Example GPU\"", "\"name\": \"Another\"", "is to be called another.json"),
        ("\"tokens\": 64", "\"tokens\": 65", "its clip has 64"),
        ("\"rows\": [", "\"lines\": [", "missing field `rows`"),
    ] {
        assert!(RESULT.contains(good), "{good}");
        let refused = check(&RESULT.replacen(good, bad, 1)).unwrap_err();
        assert!(refused.contains(expected), "{refused}");
    }
    let mut unverified: serde_json::Value = serde_json::from_str(RESULT).unwrap();
    unverified["rows"][0]["outcome"]["verified"] = serde_json::json!([]);
    assert!(check(&unverified.to_string()).unwrap_err().contains("compared with nothing"));
    assert!(check(&RESULT[..RESULT.len() / 2]).unwrap_err().contains("ends in the middle"));
}
