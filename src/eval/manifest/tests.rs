//! Manifests as data sets publish them.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::video::{self, OpenOptions};
use crate::vivit::LabelHead;

fn single(classes: usize) -> Task {
    Task::new(Labelling::Single, classes).unwrap()
}

fn nouns_and_verbs() -> Task {
    let head = |name: &str, classes| LabelHead { name: name.to_owned(), classes };
    Task::new(Labelling::Heads(vec![head("noun", 300), head("verb", 97)]), 397).unwrap()
}

/// A folder with a manifest and empty files.
fn folder(manifest: &str, files: &[&str]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let path = folder.path().join("manifest");
    fs::write(&path, manifest).unwrap();
    (folder, path)
}

fn read(path: &Path, task: &Task, names: &[&str]) -> Result<Manifest> {
    let names = match names {
        [] => ClassNames::none(task),
        names => ClassNames::new(task, names.iter().map(|name| (*name).to_owned()).collect())?,
    };
    Manifest::read(path, None, None, task, &names)
}

/// Names, paths below the folder, labels.
fn listed(manifest: &Manifest, folder: &TempDir) -> Vec<(String, String, Vec<usize>)> {
    let below = |path: &Path| path.strip_prefix(folder.path()).unwrap().to_str().unwrap().replace('\\', "/");
    manifest.items().iter().map(|item| (item.name.clone(), below(&item.path), item.labels.clone())).collect()
}

fn item(name: &str, path: &str, labels: &[usize]) -> (String, String, Vec<usize>) {
    (name.to_owned(), path.to_owned(), labels.to_vec())
}

#[test]
fn a_table_has_paths_and_labels() {
    let text = "\u{feff}label, path,more\n1,a.mp4,x\n walking ,\"b, c/d.mp4\",\n\n";
    let (kept, path) = folder(text, &[]);
    let manifest = read(&path, &single(3), &["running", "standing", "walking"]).unwrap();
    assert_eq!(manifest.format(), ManifestFormat::Table);
    assert_eq!(listed(&manifest, &kept), [item("a.mp4", "a.mp4", &[1]), item("b, c/d.mp4", "b, c/d.mp4", &[2])]);

    let (_kept, path) = folder("path,labels\na.mp4,2; 0|2\nb.mp4,\n", &[]);
    let several = read(&path, &Task::new(Labelling::Multiple, 3).unwrap(), &[]).unwrap();
    assert_eq!(several.items()[0].labels, [0, 2]);
    assert!(several.items()[1].labels.is_empty());

    let (_kept, path) = folder("path,verb,noun\na.mp4,96,299\n", &[]);
    assert_eq!(read(&path, &nouns_and_verbs(), &[]).unwrap().items()[0].labels, [299, 96]);

    let elsewhere = Manifest::read(&path, None, Some("/data".as_ref()), &nouns_and_verbs(), &ClassNames::default());
    assert_eq!(elsewhere.unwrap().items()[0].path, Path::new("/data/a.mp4"));
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    for (text, part) in [
        ("path,class name\na.mp4,1\n", "line 1: there is no column label or class; the columns are path, class name"),
        ("file name,label\n", "no column path or video or file"),
        ("path,label\na.mp4,1\nb.mp4,3\n", "line 3: label 3 is beyond the model's 3 classes"),
        ("path,label\na.mp4,1\nb.mp4\n", "line 3: 1 fields, but the header has 2"),
        ("path,label\na.mp4,walking\n", "line 2: label \"walking\" is no number"),
        ("path,label\n,1\n", "line 2: \"\" is no name of a video"),
        ("path,label\n", "lists no video"),
        ("", "no column path"),
    ] {
        let (_kept, path) = folder(text, &[]);
        let error = read(&path, &single(3), &[]).unwrap_err();
        let said = error.to_string();
        assert!(said.contains(part) && said.contains("manifest"), "{said}");
    }
    assert!(read("no such file".as_ref(), &single(3), &[]).is_err());
}

#[test]
fn kinetics_videos_are_found_in_every_usual_layout() {
    let text = "label,youtube_id,time_start,time_end,split\n\
                riding a bike,-Ab_1234567,7,17,val\n\
                air drumming,B2345678901,100,110,val\n\
                \"riding a bike\",C3456789012,0,10,val\n\
                air drumming,D4567890123,1.0,11.0,val\n";
    let files = [
        "-Ab_1234567_000007_000017.mp4",
        "air drumming/B2345678901_000100_000110.mkv",
        "val/riding_a_bike/C3456789012_000000_000010.mp4",
    ];
    let (kept, path) = folder(text, &files);
    let manifest = read(&path, &single(2), &["air drumming", "riding a bike"]).unwrap();
    assert_eq!(manifest.format(), ManifestFormat::Kinetics);
    let expected = [
        item("-Ab_1234567_000007_000017", files[0], &[1]),
        item("B2345678901_000100_000110", files[1], &[0]),
        item("C3456789012_000000_000010", files[2], &[1]),
        // Missing: where it would be looked for first.
        item("D4567890123_000001_000011", "D4567890123_000001_000011.mp4", &[0]),
    ];
    assert_eq!(listed(&manifest, &kept), expected);
    manifest.check_root().unwrap();
    let (_kept, path) = folder(text, &[]);
    let error = read(&path, &single(2), &["air drumming", "riding a bike"]).unwrap().check_root().unwrap_err();
    assert!(error.to_string().contains("--root"), "{error}");
}

#[test]
fn something_something_is_a_list_of_templates() {
    let text = r#"[{"id": "74225", "label": "spinning a cube", "template": "Spinning [something] that stops",
                    "placeholders": ["a cube"]}, {"id": "7", "template": "Holding [something]"}]"#;
    let (kept, path) = folder(text, &["74225.webm", "20bn-something-something-v2/7.webm"]);
    let manifest = read(&path, &single(2), &["Holding something", "Spinning something that stops"]).unwrap();
    assert_eq!(manifest.format(), ManifestFormat::SomethingSomething);
    let expected = [item("74225", "74225.webm", &[1]), item("7", "20bn-something-something-v2/7.webm", &[0])];
    assert_eq!(listed(&manifest, &kept), expected);
    for (text, part) in [
        (r#"[{"id": "7"}]"#, "entry 1: there is no template"),
        (r#"[{"template": "Holding [something]"}]"#, "missing field `id`"),
        (r#"[{"id": "7", "template": "Lifting [something]"}]"#, "entry 1: label \"Lifting [something]\" is neither"),
    ] {
        let (_kept, path) = folder(text, &[]);
        let error = read(&path, &single(2), &["Holding something", "Spinning something"]).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    assert!(read(&path, &nouns_and_verbs(), &[]).unwrap_err().to_string().contains("several heads"));
}

const EPIC: &str = "narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,start_frame,\
                    stop_frame,narration,verb,verb_class,noun,noun_class,all_nouns,all_noun_classes\n";

#[test]
fn epic_kitchens_segments_are_cut_or_parts_of_whole_videos() {
    let row = |id: &str| {
        format!(
            "P01_01_{id},P01,P01_01,00:00:00.560,00:00:01.50,00:01:02.25,91,120,open door,open,3,door,8,\"['door']\",[8]\n"
        )
    };
    let text = format!("{EPIC}{}{}", row("0"), row("1"));
    let (kept, path) = folder(&text, &["P01/P01_01_1.mp4", "P01/videos/P01_01.MP4"]);
    let manifest = read(&path, &nouns_and_verbs(), &[]).unwrap();
    assert_eq!(manifest.format(), ManifestFormat::EpicKitchens);
    let expected = [item("P01_01_0", "P01/videos/P01_01.MP4", &[8, 3]), item("P01_01_1", "P01/P01_01_1.mp4", &[8, 3])];
    assert_eq!(listed(&manifest, &kept), expected);
    assert_eq!(manifest.items()[0].part, Some(Excerpt { frames: Some(90..120), seconds: Some(1.5..62.25) }));
    assert_eq!(manifest.items()[1].part, None);
    for (text, part) in [
        (text.replace("91,", "x,"), "line 2: \"x\" is no number of a frame"),
        (text.replace("00:01:02.25", "1:0:0:0"), "line 2: \"1:0:0:0\" is no time"),
        (text.replace("door,8", "door,300"), "line 2: noun 300 is beyond"),
        (text.replace("start_frame", "a").replace("start_timestamp", "b"), "no column start_frame or start_timestamp"),
    ] {
        let (_kept, path) = folder(&text, &[]);
        let error = read(&path, &nouns_and_verbs(), &[]).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

/// A folder of all frames of a video: the part is its frames, counted from 1 in the annotations.
#[test]
fn a_part_of_a_folder_of_frames_is_its_frames() {
    let (kept, path) = folder(&format!("{EPIC}P01_01_0,P01,P01_01,,00:00:01.50,00:00:01.52,3,4,,,3,,8,,\n"), &[]);
    let frames = kept.path().join("P01/rgb_frames/P01_01");
    fs::create_dir_all(&frames).unwrap();
    for number in 1..=5u8 {
        let picture = image::RgbImage::from_pixel(4, 4, image::Rgb([10 * number; 3]));
        picture.save(frames.join(format!("frame_{number:010}.png"))).unwrap();
    }
    let manifest = read(&path, &nouns_and_verbs(), &[]).unwrap();
    let mut source = manifest.items()[0].open(&OpenOptions::new()).unwrap();
    assert_eq!(source.frame_count().unwrap(), 2);
    let shades: Vec<u8> = source.read(&[0, 1]).unwrap().iter().map(|frame| frame.as_bytes()[0]).collect();
    assert_eq!(shades, [30, 40]);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace(",3,4,", ",6,9,")).unwrap();
    let beyond = read(&path, &nouns_and_verbs(), &[]).unwrap().items()[0].open(&OpenOptions::new()).unwrap_err();
    assert!(beyond.to_string().contains("there are no frames 5 to 9 in a video of 5 frames"), "{beyond}");
}

/// A part of a file is found by its times, at the file's own rate of 25 frames a second.
#[test]
fn a_part_of_a_file_is_found_by_its_times() {
    let path: PathBuf = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/video/bigbuckbunny.mp4").into();
    let part = Excerpt { frames: Some(0..3), seconds: Some(0.2..0.32) };
    let item = Item { part: Some(part), ..Item::new("rabbit".into(), path.clone(), vec![0]) };
    let mut source = item.open(&OpenOptions::new()).unwrap();
    assert_eq!(source.frame_count().unwrap(), 3);
    assert_eq!(source.read(&[2, 0]).unwrap(), video::open(&path).unwrap().read(&[7, 5]).unwrap());
    assert!(source.read(&[127]).unwrap_err().to_string().contains("132 frames"));
}

/// Lists as programs that train on videos have them, every way of parting their fields.
#[test]
fn lists_without_a_header() {
    let names = ["running", "standing still", "walking"];
    for (text, expected) in [
        ("a.mp4 1\nb/c.mp4 2\n", [("a.mp4", 1), ("b/c.mp4", 2)]),
        ("a.mp4 1\r\n\r\nb/c.mp4 2\r\n", [("a.mp4", 1), ("b/c.mp4", 2)]),
        ("\u{feff}a.mp4,1\nb/c.mp4,2", [("a.mp4", 1), ("b/c.mp4", 2)]),
        ("a.mp4\t1\nb c.mp4\t2\n", [("a.mp4", 1), ("b c.mp4", 2)]),
        ("my own video.mp4 1\nb.mp4  0\n", [("my own video.mp4", 1), ("b.mp4", 0)]),
        ("\"my own.mp4\" 1\nb.mp4 0\n", [("my own.mp4", 1), ("b.mp4", 0)]),
        ("\"a, b.mp4\",1\nc.mp4,0\n", [("a, b.mp4", 1), ("c.mp4", 0)]),
        ("a, b.mp4 1\nc.mp4 0\n", [("a, b.mp4", 1), ("c.mp4", 0)]),
        ("a.mp4,standing still\nb.mp4,walking\n", [("a.mp4", 1), ("b.mp4", 2)]),
        ("a.mp4 running\nb.mp4 walking\n", [("a.mp4", 0), ("b.mp4", 2)]),
        ("#1.mp4 1\n2 3 0\n", [("#1.mp4", 1), ("2 3", 0)]),
    ] {
        let (kept, path) = folder(text, &[]);
        let manifest = read(&path, &single(3), &names).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(manifest.format(), ManifestFormat::List, "{text:?}");
        assert_eq!(listed(&manifest, &kept), expected.map(|(name, label)| item(name, name, &[label])), "{text:?}");
    }
    let multiple = Task::new(Labelling::Multiple, 6).unwrap();
    for text in ["a b.mp4 1 5\nc.mp4 0\n", "a b.mp4,1,5\nc.mp4,0\n", "a b.mp4\t1;5\nc.mp4\t0\n", "a b.mp4 5,1\nc.mp4 0"]
    {
        let (kept, path) = folder(text, &[]);
        let manifest = read(&path, &multiple, &[]).unwrap();
        assert_eq!(
            listed(&manifest, &kept),
            [item("a b.mp4", "a b.mp4", &[1, 5]), item("c.mp4", "c.mp4", &[0])],
            "{text}"
        );
    }
}

/// A folder of frames, their number and the label, as in lists of extracted frames.
#[test]
fn lists_of_folders_of_frames() {
    for text in ["v/a 3 1\nv/b 2 0\n", "v/a,3,1\nv/b,2,0\n", "v/a\t3\t1\nv/b\t2\t0\n"] {
        for task in [single(2), Task::new(Labelling::Multiple, 4).unwrap()] {
            let (kept, path) = folder(text, &["v/a/img_00001.jpg"]);
            let manifest = read(&path, &task, &[]).unwrap();
            assert_eq!(listed(&manifest, &kept), [item("v/a", "v/a", &[1]), item("v/b", "v/b", &[0])]);
            let part = |frames| Some(Excerpt { frames: Some(0..frames), seconds: None });
            assert_eq!([manifest.items()[0].part.clone(), manifest.items()[1].part.clone()], [part(3), part(2)]);
        }
    }
    // Where no such folder exists, the number belongs to the name.
    let (kept, path) = folder("v/a 3 1\n", &["v/a 3"]);
    assert_eq!(listed(&read(&path, &single(2), &[]).unwrap(), &kept), [item("v/a 3", "v/a 3", &[1])]);
}

#[test]
fn headers_in_any_way_of_writing_them() {
    for text in [
        "Path,Label\na.mp4,1\n",
        "path\tlabel\na.mp4\t1\n",
        "label;path\n1;a.mp4\n",
        "\"path\",\"label\"\r\na.mp4,1\r\n",
    ] {
        let (kept, path) = folder(text, &[]);
        let manifest = read(&path, &single(3), &[]).unwrap();
        assert_eq!(manifest.format(), ManifestFormat::Table, "{text}");
        assert_eq!(listed(&manifest, &kept), [item("a.mp4", "a.mp4", &[1])], "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_list_is_said_with_its_line() {
    for (text, part) in [
        ("a.mp4 1\nb.mp4 3\n", "line 2: label 3 is beyond the model's 3 classes"),
        ("a.mp4,1\nb.mp4,walking\n", "line 2: label \"walking\" is no number"),
        (
            "a.mp4 1\nb.mp4\n",
            "line 2: this is neither a path and its label, nor is there a header with the columns path and label",
        ),
        ("a.mp4\nb.mp4\n", "line 1: there is no column path or video or file"),
        ("a.mp4,0\n,1\n", "line 2: \"\" is no name of a video"),
    ] {
        let (_kept, path) = folder(text, &[]);
        let said = read(&path, &single(3), &[]).unwrap_err().to_string();
        assert!(said.contains(part), "{said}");
    }
    let (_kept, path) = folder("a.mp4 1 2\n", &[]);
    let said = read(&path, &nouns_and_verbs(), &[]).unwrap_err().to_string();
    assert!(said.contains("the header path,noun,verb"), "{said}");
    let (_kept, path) = folder("", &[]);
    for bytes in [&b"\xff\xfep\0a\0"[..], b"\xfe\xff\0p\0a"] {
        fs::write(&path, bytes).unwrap();
        let said = read(&path, &single(3), &[]).unwrap_err().to_string();
        assert!(said.contains("is UTF-16 text; save it as UTF-8"), "{said}");
    }
    fs::write(&path, "path,label\n\u{1b}[2Ja.mp4,\u{1b}]0;owned\u{7}\u{202e}x\n").unwrap();
    let said = read(&path, &single(3), &[]).unwrap_err().to_string();
    assert!(said.contains("label \"x\" is no number"), "{said:?}");
}

#[test]
fn something_something_with_numbers_for_names() {
    let (kept, path) = folder(r#"[{"id": 74225, "template": "Holding [something]"}]"#, &["74225.webm"]);
    let manifest = read(&path, &single(1), &["Holding something"]).unwrap();
    assert_eq!(listed(&manifest, &kept), [item("74225", "74225.webm", &[0])]);
    for id in ["-1", "1.5", "null", "[1]"] {
        fs::write(&path, format!(r#"[{{"id": {id}, "template": "Holding [something]"}}]"#)).unwrap();
        let said = read(&path, &single(1), &["Holding something"]).unwrap_err().to_string();
        assert!(said.contains("entry 1: the id is neither text nor a whole number"), "{said}");
    }
}

#[test]
fn splits_go_by_several_names() {
    for (split, place) in [
        ("validate", "val/air drumming"),
        ("val", "validation"),
        ("validation", "val"),
        ("train", "training/air_drumming"),
        ("test", "test"),
        ("mine", "mine"),
    ] {
        let text = format!("label,youtube_id,time_start,time_end,split\nair drumming,B2345678901,100,110,{split}\n");
        let file = format!("{place}/B2345678901_000100_000110.mp4");
        let (kept, path) = folder(&text, &[&file]);
        let manifest = read(&path, &single(1), &["air drumming"]).unwrap();
        assert_eq!(listed(&manifest, &kept)[0].1, file, "{split}");
    }
}

/// With a root, a manifest has nothing read that lies elsewhere; without one, it is the user's own.
#[test]
fn a_manifest_does_not_lead_out_of_its_root() {
    let (kept, path) = folder("", &["root/in.mp4", "root/deep/in.mp4", "outside.mp4"]);
    let root = kept.path().join("root");
    let absolute = |name: &str| kept.path().join(name).display().to_string();
    let given = [
        ("in.mp4".to_owned(), false),
        ("deep/../in.mp4".to_owned(), false),
        ("./deep/in.mp4".to_owned(), false),
        ("missing.mp4".to_owned(), false),
        (absolute("root/in.mp4"), false),
        ("../outside.mp4".to_owned(), true),
        ("deep/../../outside.mp4".to_owned(), true),
        ("../missing.mp4".to_owned(), true),
        ("../root/in.mp4".to_owned(), false),
        (absolute("outside.mp4"), true),
        ("/etc/passwd".to_owned(), true),
        ("~/outside.mp4".to_owned(), false),
    ];
    let rows: String = given.iter().map(|(name, _)| format!("{name},0\n")).collect();
    fs::write(&path, format!("path,label\n{rows}")).unwrap();
    let names = ClassNames::default();
    let confined = Manifest::read(&path, None, Some(&root), &single(1), &names).unwrap();
    for (item, (name, refused)) in confined.items().iter().zip(&given) {
        assert_eq!(item.refusal.is_some(), *refused, "{name}");
        if *refused {
            let said = item.open(&OpenOptions::new()).unwrap_err().to_string();
            assert!(said.contains("lies outside"), "{said}");
        }
    }
    let own = Manifest::read(&path, None, None, &single(1), &names).unwrap();
    assert!(own.items().iter().all(|item| item.refusal.is_none()));
    // Annotations of data sets make paths of labels, splits and names of videos.
    for text in [
        "label,youtube_id,time_start,time_end,split\na,../outside,1,2,val\n",
        "label,youtube_id,time_start,time_end,split\na,x,1,2,../..\n",
    ] {
        fs::write(&path, text).unwrap();
        fs::write(kept.path().join("outside_000001_000002.mp4"), "").unwrap();
        fs::create_dir_all(kept.path().join("x")).unwrap();
        let task = single(1);
        let names = ClassNames::new(&task, vec!["a".into()]).unwrap();
        let manifest = Manifest::read(&path, None, Some(&root), &task, &names).unwrap();
        let item = &manifest.items()[0];
        assert!(item.refusal.is_some() || item.path.starts_with(&root), "{}", item.path.display());
    }
}

#[cfg(unix)]
#[test]
fn links_out_of_the_root_are_told() {
    let (kept, path) = folder("path,label\nin.mp4,0\nlink.mp4,0\nmissing.mp4,0\n", &["root/in.mp4", "outside.mp4"]);
    let root = kept.path().join("root");
    std::os::unix::fs::symlink("../outside.mp4", root.join("link.mp4")).unwrap();
    let manifest = Manifest::read(&path, None, Some(&root), &single(1), &ClassNames::default()).unwrap();
    let linked = manifest.linked_outside(&root);
    assert_eq!(linked.iter().map(|item| item.name.as_str()).collect::<Vec<_>>(), ["link.mp4"]);
    assert!(linked[0].refusal.is_none());
}

#[cfg(unix)]
#[test]
fn what_may_have_no_end_is_not_read() {
    let item = |path: &str| Item::new("x".into(), path.into(), vec![0]);
    let (kept, _) = folder("", &[]);
    let link = kept.path().join("zero.mp4");
    std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
    let said = item("-").open(&OpenOptions::new()).unwrap_err().to_string();
    assert!(said.contains("./-"), "standard input is no video of a manifest: {said}");
    for path in ["/dev/zero", link.to_str().unwrap()] {
        let said = item(path).open(&OpenOptions::new()).unwrap_err().to_string();
        assert!(said.contains("not a file or folder"), "{said}");
    }
}

#[test]
fn fingerprints_follow_names_and_labels() {
    let fingerprint = |text: &str| {
        let (_kept, path) = folder(text, &[]);
        read(&path, &single(9), &[]).unwrap().fingerprint()
    };
    let one = fingerprint("path,label\na,1\nb,2\n");
    assert_eq!(one, fingerprint("label,path,x\n1,a,\n2,b,\n"));
    assert_ne!(one, fingerprint("path,label\na,1\nb,3\n"));
    assert_ne!(one, fingerprint("path,label\nb,1\na,2\n"));
}

#[test]
fn formats_go_by_their_names() {
    for &format in ManifestFormat::ALL {
        assert_eq!(format.to_string().parse::<ManifestFormat>().unwrap(), format);
    }
    assert!("xml".parse::<ManifestFormat>().unwrap_err().to_string().contains("kinetics"));
}

#[test]
fn class_folders_are_a_manifest() {
    let files = [
        "set/walk/b.mp4",
        "set/walk/deep/a.webm",
        "set/Run fast/c.mp4",
        "set/walk/notes.txt",
        "set/.x/d.mp4",
        "set/e.mp4",
    ];
    let (kept, _) = folder("", &files);
    fs::create_dir_all(kept.path().join("set/still")).unwrap();
    let path = kept.path().join("set");
    let found = Manifest::find_classes(&path, None).unwrap();
    assert_eq!(
        (found.count, found.names.clone().unwrap()),
        (3, ["Run fast", "still", "walk"].map(str::to_owned).to_vec())
    );
    let manifest = read(&path, &single(3), &["Run fast", "still", "walk"]).unwrap();
    assert_eq!(manifest.format(), ManifestFormat::ClassFolders);
    let expected = [
        item("Run fast/c.mp4", "set/Run fast/c.mp4", &[0]),
        item("walk/b.mp4", "set/walk/b.mp4", &[2]),
        item("walk/deep/a.webm", "set/walk/deep/a.webm", &[2]),
    ];
    assert_eq!(listed(&manifest, &kept), expected);

    let unknown = read(&path, &single(2), &["walk", "swim"]).unwrap_err().to_string();
    assert!(unknown.contains("Run fast") && unknown.contains("neither a number nor a known class"), "{unknown}");
    let heads = read(&path, &nouns_and_verbs(), &[]).unwrap_err().to_string();
    assert!(heads.contains("several heads"), "{heads}");
    let names = ClassNames::none(&single(3));
    let rooted = Manifest::read(&path, None, Some(kept.path()), &single(3), &names).unwrap_err().to_string();
    assert!(rooted.contains("leave the root out"), "{rooted}");
}

#[test]
fn folders_that_are_no_class_folders_are_told() {
    let (kept, _) = folder("", &["parts/train/walk/a.mp4", "parts/val/walk/b.mp4", "frames/walk/1.png", "empty/x.txt"]);
    for (name, part) in
        [("parts", "the parts of a data set (train, val)"), ("frames", "pictures, not videos"), ("empty", "no video")]
    {
        let error = read(&kept.path().join(name), &single(3), &["walk", "b", "c"]).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    assert!(
        Manifest::find_classes(kept.path().join("empty"), None).unwrap_err().to_string().contains("names no class")
    );
}

/// The same numbers whatever the order of the videos.
#[test]
fn classes_are_found_in_every_manifest() {
    let found = |text: &str| {
        let (_kept, path) = folder(text, &[]);
        Manifest::find_classes(path, None).map(|found| (found.count, found.names))
    };
    let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let expected = (2, names(&["run fast", "walk"]));
    assert_eq!(found("path,label\na.mp4,walk\nb.mp4,run fast\nc.mp4,walk\n").unwrap(), expected);
    assert_eq!(found("path,label\nb.mp4,run fast\na.mp4,walk\n").unwrap(), expected);
    assert_eq!(found("label,youtube_id,time_start,time_end\nwalk,x,1,2\n\"run fast\",y,1,2\n").unwrap(), expected);
    assert_eq!(found("a.mp4 3\nb.mp4 0\n").unwrap(), (4, None));
    let templates = r#"[{"id": "7", "template": "Moving [something] up"}, {"id": "8", "template": "Cutting"}]"#;
    assert_eq!(found(templates).unwrap(), (2, names(&["Cutting", "Moving [something] up"])));
    assert!(found("narration_id,video_id,start_frame,stop_frame,verb_class,noun_class\nn,v,1,2,3,4\n").is_err());
    assert!(found("path,label\na.mp4,99999999999\n").unwrap_err().to_string().contains("beyond"));
}
