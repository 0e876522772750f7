//! What a program does at a signal: alone in its process, for it concerns all that the process is writing.

use std::fs;
use std::io::Write;
use std::sync::mpsc::channel;
use std::time::Duration;

use tubelet::files::{Unfinished, UnfinishedFolder, remove_unfinished, write_whole};

#[test]
fn what_is_unfinished_is_removed_and_nothing_is_put_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let names = || {
        let entries = fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    write_whole(path("whole"), |file| file.write_all(b"whole")).unwrap();
    let mut half = Unfinished::create(path("half")).unwrap();
    half.write_all(&[7; 100_000]).unwrap();
    let half_folder = UnfinishedFolder::create(path("half folder")).unwrap();
    fs::write(half_folder.path().join("inside"), "x").unwrap();
    let ready = Unfinished::create(path("ready")).unwrap().finish().unwrap();
    assert_eq!(names().len(), 4);

    let stopped = remove_unfinished();
    assert_eq!(names(), ["whole"]);
    let (sender, receiver) = channel();
    let late = path("late");
    let thread = std::thread::spawn(move || {
        let put = ready.put().is_ok();
        let written = write_whole(&late, |_| Ok(())).is_ok();
        sender.send((put, written)).unwrap();
    });
    assert!(receiver.recv_timeout(Duration::from_millis(300)).is_err(), "something was written");
    assert_eq!(names(), ["whole"]);
    drop(stopped);
    assert_eq!(receiver.recv_timeout(Duration::from_secs(30)).unwrap(), (false, true));
    thread.join().unwrap();
    assert!(half.finish().unwrap().put().is_err());
    assert!(half_folder.put().is_err());
    assert_eq!(names(), ["late", "whole"]);
}
