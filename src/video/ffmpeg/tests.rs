//! Files of all kinds, as FFmpeg itself decodes them.

use std::ops::ControlFlow;
use std::process::Command;

use tempfile::TempDir;

use super::{input::Programs, *};
use crate::tensor::ErrorKind;
use crate::video::reference::{self, sha256};
use crate::video::{ColourRange, Matrix, PixelFormat};

const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/video/bigbuckbunny.mp4");

fn recorded() -> serde_json::Value {
    serde_json::from_str(include_str!("../../../tests/data/video/frames.json")).unwrap()
}

/// Runs ffmpeg with the arguments, split at spaces, and `output` as the last one; its standard output.
fn ffmpeg(arguments: &str, output: &Path) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-y"]).args(arguments.split(' ')).arg(output);
    let made = command.output().expect("these tests need the program ffmpeg");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    made.stdout
}

/// A short lossless video made by ffmpeg from its test picture.
fn synthetic(folder: &TempDir, size: &str, encoding: &str) -> VideoFile {
    let path = folder.path().join("clip: 1.mkv");
    ffmpeg(&format!("-f lavfi -i testsrc=s={size}:r=10:d=0.5 -c:v ffv1 {encoding}"), &path);
    VideoFile::open(&path).unwrap()
}

/// The file as a short one, or with `short` 0 as a long one.
fn open_as(path: &Path, short: u64) -> VideoFile {
    VideoFile::open_input(Input::new(path, &OpenOptions::new()), false, short).unwrap()
}

/// RGB bytes of all frames as ffmpeg converts them.
fn converted(path: &Path) -> Vec<u8> {
    let input = format!("file:{}", path.display());
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-noautorotate", "-i", &input]);
    let made = command.args(["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]).output().unwrap();
    assert!(made.status.success());
    made.stdout
}

#[test]
fn every_frame_of_the_clip_is_exact() {
    let mut video = VideoFile::open(CLIP).unwrap();
    assert_eq!(video.frame_count().unwrap(), 132);
    let recorded = recorded();
    let mut seen = 0;
    video
        .visit(&(0..132).collect::<Vec<_>>(), &mut |position, frame| {
            let hash = |key: &str| recorded["frames"][position][key].as_str().unwrap().to_owned();
            assert_eq!(sha256(frame.as_bytes()), hash("yuv420p_sha256"), "planes of frame {position}");
            if position % 33 == 0 || position == 131 {
                assert_eq!(sha256(&reference::rgb(frame)), hash("rgb24_pyav_sha256"), "RGB of frame {position}");
            }
            seen += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, 132);
}

#[test]
fn the_clip_is_described() {
    let video = VideoFile::open(CLIP).unwrap();
    let information = video.information();
    assert_eq!((information.height, information.width, information.rotation), (720, 1280, 0));
    assert_eq!(information.frames_per_second, Some(25.0));
    assert_eq!(information.format, PixelFormat::Yuv420p { matrix: Matrix::Bt601, range: ColourRange::Limited });
    assert_eq!(information.description, "h264 Main, 1280x720 (width x height), yuv420p");
}

#[test]
fn frames_come_in_the_order_of_the_indices() {
    let mut video = VideoFile::open(CLIP).unwrap();
    let frames = video.read(&[7, 2, 7, 0]).unwrap();
    let hashes: Vec<String> = frames.iter().map(|frame| sha256(frame.as_bytes())).collect();
    let expected = [7, 2, 7, 0].map(|index| recorded()["frames"][index]["yuv420p_sha256"].clone());
    assert_eq!(hashes, expected);
    assert!(video.read(&[]).unwrap().is_empty());
}

#[test]
fn frames_go_by_in_order_until_enough_are_seen() {
    let mut video = VideoFile::open(CLIP).unwrap();
    let recorded = recorded();
    let mut seen = 0;
    let watcher: &mut Watcher<'_> = &mut |frame| {
        assert_eq!(sha256(frame.as_bytes()), recorded["frames"][seen]["yuv420p_sha256"].as_str().unwrap());
        seen += 1;
        Ok(if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    };
    video.watch(watcher).unwrap();
    assert_eq!((seen, video.information().frames), (3, None), "nothing was counted");
    let mut all = 0;
    let count: &mut Watcher<'_> = &mut |_| {
        all += 1;
        Ok(ControlFlow::Continue(()))
    };
    video.watch(count).unwrap();
    assert_eq!(all, 132);
}

#[test]
fn a_frame_beyond_the_end_is_an_error() {
    let error = VideoFile::open(CLIP).unwrap().read(&[132]).unwrap_err();
    assert!(error.to_string().contains("frame 132 was asked for") && error.to_string().contains("132 frames"));
}

#[test]
fn an_error_of_the_sink_ends_the_reading() {
    let mut video = VideoFile::open(CLIP).unwrap();
    let error = video.visit(&[0, 1], &mut |_, _| Err(Error::usage("enough"))).unwrap_err();
    assert_eq!(error.to_string(), "enough");
}

#[test]
fn tagged_planes_become_the_colours_of_ffmpeg() {
    for (encoding, matrix, range) in [
        ("-pix_fmt yuv420p", Matrix::Bt601, ColourRange::Limited),
        ("-pix_fmt yuv420p -colorspace smpte170m", Matrix::Bt601, ColourRange::Limited),
        ("-pix_fmt yuv420p -colorspace bt470bg", Matrix::Bt601, ColourRange::Limited),
        ("-pix_fmt yuv420p -colorspace bt709", Matrix::Bt709, ColourRange::Limited),
        ("-pix_fmt yuv420p -colorspace bt709 -color_range pc", Matrix::Bt709, ColourRange::Full),
        ("-pix_fmt yuv420p -color_range pc", Matrix::Bt601, ColourRange::Full),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut video = synthetic(&folder, "64x48", encoding);
        assert_eq!(video.information().format, PixelFormat::Yuv420p { matrix, range }, "{encoding}");
        let frames = video.read(&[0, 1, 2, 3, 4]).unwrap();
        let rgb: Vec<u8> = frames.iter().flat_map(reference::rgb).collect();
        assert!(rgb == converted(&video.input.path), "colours of {encoding}");
    }
}

#[test]
fn everything_else_is_converted_by_ffmpeg_and_says_why() {
    for (size, encoding, reason) in [
        ("63x48", "-pix_fmt yuv420p", "a side is odd"),
        ("64x48", "-pix_fmt yuv444p", "yuv444p is not 8-bit 4:2:0"),
        ("64x48", "-pix_fmt yuv420p10le", "yuv420p10le is not 8-bit 4:2:0"),
        ("64x48", "-pix_fmt yuv420p -colorspace bt2020nc", "its matrix is bt2020nc"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut video = synthetic(&folder, size, encoding);
        assert_eq!(video.information().format, PixelFormat::Rgb24);
        let description = &video.information().description;
        assert!(description.ends_with(&format!("converted to RGB by ffmpeg: {reason}")), "{description}");
        assert_eq!(video.frame_count().unwrap(), 5);
        let frames = video.read(&[0, 1, 2, 3, 4]).unwrap();
        let rgb: Vec<u8> = frames.into_iter().flat_map(Frame::into_bytes).collect();
        assert!(rgb == converted(&video.input.path), "colours of {encoding}");
    }
}

#[test]
fn full_range_jpeg_pictures_keep_their_range() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.avi");
    ffmpeg("-f lavfi -i testsrc=s=64x48:r=10:d=0.2 -c:v mjpeg -pix_fmt yuvj420p", &path);
    let mut video = VideoFile::open(&path).unwrap();
    assert!(matches!(video.information().format, PixelFormat::Yuv420p { range: ColourRange::Full, .. }));
    let rgb: Vec<u8> = video.read(&[0, 1]).unwrap().iter().flat_map(reference::rgb).collect();
    assert!(rgb == converted(&path));
}

#[test]
fn rotation_is_recorded_and_not_applied() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, turned) = (folder.path().join("plain.mp4"), folder.path().join("turned.mp4"));
    ffmpeg("-f lavfi -i testsrc=s=64x48:r=10:d=0.5 -c:v libx264 -pix_fmt yuv420p", &plain);
    // FFmpeg 6 has -display_rotation; the older way is a tag.
    let input = plain.to_str().unwrap();
    ffmpeg(&format!("-i {input} -c copy -metadata:s:v:0 rotate=90"), &turned);
    for short in [0, SHORT] {
        let video = open_as(&turned, short);
        let Information { height, width, rotation, .. } = *video.information();
        // Such a tag turns the other way round.
        let expected = if rotation_tags_are_written() { 270 } else { 0 };
        assert_eq!((height, width, rotation), (48, 64, expected));
    }
}

/// Whether this FFmpeg turns the tag into a display matrix, as versions before 6 did.
fn rotation_tags_are_written() -> bool {
    let version = String::from_utf8(Command::new("ffmpeg").arg("-version").output().unwrap().stdout).unwrap();
    version.starts_with("ffmpeg version 5.")
}

#[test]
fn a_cut_file_has_the_frames_of_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.mp4");
    ffmpeg(&format!("-ss 1.3 -i {CLIP} -c copy -an"), &path);
    let mut video = VideoFile::open(&path).unwrap();
    let frames = video.frame_count().unwrap();
    assert!(frames < 132, "{frames}");
    assert!(video.read(&[frames - 1]).is_ok() && video.read(&[frames]).is_err());
}

fn error_of(name: &str, make: impl FnOnce(&Path)) -> Error {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    make(&path);
    VideoFile::open(&path).and_then(|mut video| video.frame_count()).unwrap_err()
}

#[test]
fn of_a_truncated_file_what_decodes_is_used_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("truncated.mp4");
    ffmpeg(&format!("-i {CLIP} -c copy -an -movflags faststart"), &path);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    for short in [0, SHORT] {
        let mut video = open_as(&path, short);
        let frames = video.frame_count().unwrap();
        assert!((30..120).contains(&frames), "{frames}");
        let complaint = video.information().complaint.clone().unwrap();
        assert!(
            complaint.contains(&format!("{frames} frames, ")) && complaint.contains(" of 5.3 seconds"),
            "{complaint}"
        );
        assert!(complaint.contains("ffmpeg says: ") && !complaint.contains("repeated"), "{complaint}");
        assert!(video.read(&[frames - 1]).is_ok() && video.read(&[frames]).is_err());
    }
    let strict = OpenOptions::new().strict(true);
    let error = VideoFile::open_with(&path, &strict).and_then(|mut video| video.frame_count()).unwrap_err();
    assert!(error.kind() == ErrorKind::File && error.to_string().contains("damaged or incomplete"), "{error}");
    let error = error_of("headless.mp4", |path| {
        let bytes = std::fs::read(CLIP).unwrap();
        std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    });
    assert!(error.to_string().contains("cannot read") && error.kind() == ErrorKind::File, "{error}");
}

#[test]
fn what_is_not_a_video_is_an_error() {
    let error = error_of("letter.mp4", |path| std::fs::write(path, "hello").unwrap());
    assert!(error.to_string().contains("letter.mp4 as a video: "), "{error}");
    let error = error_of("sound.wav", |path| drop(ffmpeg("-f lavfi -i sine=d=0.1", path)));
    assert!(error.to_string().ends_with("sound.wav has no video stream"), "{error}");
    let error = error_of("empty.y4m", |path| std::fs::write(path, "YUV4MPEG2 W64 H48 F25:1 C420jpeg\n").unwrap());
    assert_eq!(error.kind(), ErrorKind::File, "{error}");
    let error = VideoFile::open("no-such-file.mp4").unwrap_err();
    assert!(error.kind() == ErrorKind::File && error.to_string().starts_with("cannot open no-such-file.mp4"));
}

#[test]
fn a_missing_program_says_how_to_install_it() {
    for (programs, short) in [
        (Programs { ffmpeg: "no-such-ffmpeg".into(), ..Programs::default() }, SHORT),
        (Programs { ffprobe: "no-such-ffprobe".into(), ..Programs::default() }, 0),
    ] {
        let input = Input { programs, ..Input::new(CLIP.as_ref(), &OpenOptions::new()) };
        let error = VideoFile::open_input(input, false, short).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("apt-get install ffmpeg"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_killed_program_is_an_error() {
    let mut input = Input::new(CLIP.as_ref(), &OpenOptions::new());
    input.programs.ffmpeg = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/video/killed.sh").into();
    let error = VideoFile::open_input(input, false, SHORT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("was killed while reading"), "{error}");
}

#[test]
fn a_path_is_never_taken_for_an_option() {
    assert_eq!(Input::new("-y.mp4".as_ref(), &OpenOptions::new()).argument(), "file:-y.mp4");
}

/// Every frame of the whole video, decoded from the beginning, and its times.
fn all(path: &Path) -> (Vec<Frame>, Vec<[f64; 2]>) {
    let mut video = open_as(path, SHORT);
    let frames: Vec<usize> = (0..video.frame_count().unwrap()).collect();
    (video.read(&frames).unwrap(), video.times().unwrap().unwrap())
}

/// Video with motion and detail, so that a wrong reference shows.
const MOVING: &str = "-f lavfi -i testsrc2=s=96x64:r=25:d=12";

/// Files of which a few frames are decoded without all before them, and whether their packets tell where to begin.
const SOUGHT: [(&str, &str, bool); 14] = [
    ("closed.mp4", "-c:v libx264 -g 25 -bf 3 -pix_fmt yuv420p", true),
    ("open.mp4", "-c:v libx264 -g 25 -bf 3 -x264-params open-gop=1:b-pyramid=normal -pix_fmt yuv420p", true),
    ("refresh.mp4", "-c:v libx264 -g 25 -bf 0 -x264-params intra-refresh=1 -pix_fmt yuv420p", true),
    ("refresh.mkv", "-c:v libx264 -g 25 -bf 0 -x264-params intra-refresh=1 -pix_fmt yuv420p", true),
    ("closed.mkv", "-c:v libx264 -g 25 -bf 3 -pix_fmt yuv420p", true),
    ("open.mkv", "-c:v libx264 -g 25 -bf 3 -x264-params open-gop=1 -pix_fmt yuv420p", true),
    ("open.ts", "-c:v libx264 -g 25 -bf 3 -x264-params open-gop=1 -pix_fmt yuv420p", true),
    ("closed.ts", "-c:v libx264 -g 25 -bf 2 -pix_fmt yuv420p", true),
    ("leading.mp4", "-c:v libx265 -x265-params log-level=error:keyint=25:bframes=4:open-gop=1 -pix_fmt yuv420p", true),
    ("leading.ts", "-c:v libx265 -x265-params log-level=error:keyint=25:bframes=4:open-gop=1 -pix_fmt yuv420p", true),
    ("film.mpg", "-c:v mpeg2video -g 12 -bf 2 -pix_fmt yuv420p", false),
    (
        "hidden.webm",
        "-c:v libvpx -g 25 -auto-alt-ref 1 -lag-in-frames 16 -deadline realtime -cpu-used 8 -b:v 300k",
        false,
    ),
    ("vp9.webm", "-c:v libvpx-vp9 -g 25 -deadline realtime -cpu-used 8 -b:v 300k", true),
    ("deep.mp4", "-c:v libx264 -g 25 -pix_fmt yuv420p10le", true),
];

#[test]
fn frames_that_are_sought_are_those_of_the_whole_video() {
    let folder = tempfile::tempdir().unwrap();
    for (name, encoding, indexed) in SOUGHT {
        let path = folder.path().join(name);
        ffmpeg(&format!("{MOVING} {encoding}"), &path);
        let (whole, times) = all(&path);
        let mut video = open_as(&path, 0);
        assert_eq!(matches!(video.content, Content::Indexed(_)), indexed, "whether {name} has an index");
        assert_eq!(video.frame_count().unwrap(), whole.len(), "frames of {name}");
        assert_eq!(video.times().unwrap().unwrap(), times, "times of {name}");
        for wanted in
            [vec![0], vec![299], vec![24, 25, 26], vec![60, 61], (130..170).collect(), vec![3, 149, 150, 151, 290]]
        {
            for (found, place) in video.read(&wanted).unwrap().iter().zip(&wanted) {
                assert!(found == &whole[*place], "frame {place} of {name}, of {wanted:?}");
            }
        }
        assert_eq!(matches!(video.content, Content::Indexed(_)), indexed, "whether the index of {name} was right");
        assert_eq!(video.information().complaint, None, "{name}");
    }
}

#[test]
fn an_index_that_is_wrong_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("closed.mp4");
    ffmpeg(&format!("{MOVING} -c:v libx264 -g 25 -pix_fmt yuv420p"), &path);
    let (whole, _) = all(&path);
    let mut video = open_as(&path, 0);
    let Content::Indexed(index) = &mut video.content else { panic!("no index") };
    index.forget(170);
    video.information.frames = Some(299);
    assert_eq!(video.read(&[180]).unwrap(), [whole[180].clone()]);
    assert_eq!(video.frame_count().unwrap(), 300);
}

#[test]
fn a_short_file_is_decoded_by_one_program_and_a_long_one_by_two() {
    let folder = tempfile::tempdir().unwrap();
    let (log, script) = (folder.path().join("log"), |name: &str| {
        let path = folder.path().join(name);
        let log = folder.path().join("log");
        std::fs::write(&path, format!("#!/bin/sh\necho {name} >> {}\nexec {name} \"$@\"\n", log.display())).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        path
    });
    let programs = Programs { ffmpeg: script("ffmpeg"), ffprobe: script("ffprobe") };
    for (short, expected) in [(SHORT, "ffmpeg\n"), (0, "ffprobe\nffmpeg\n")] {
        let _ = std::fs::remove_file(&log);
        let input = Input { programs: programs.clone(), ..Input::new(CLIP.as_ref(), &OpenOptions::new()) };
        let mut video = VideoFile::open_input(input, false, short).unwrap();
        let total = video.frame_count().unwrap();
        video.read(&[total / 2, total / 2 + 1]).unwrap();
        assert_eq!(std::fs::read_to_string(&log).unwrap(), expected);
    }
}

fn case(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cases").join(name)
}

#[test]
fn frames_have_the_times_of_their_own() {
    for short in [0, SHORT] {
        let times = open_as(&case("vfr-times/slow.mp4"), short).times().unwrap().unwrap();
        assert_eq!(times.len(), 120);
        assert_eq!((times[0][0], times[60][0]), (0.0, 2.0));
        assert!((times[7][1] - 8.0 / 30.0).abs() < 1e-9 && (times[67][1] - 3.6).abs() < 1e-9);
    }
}

#[test]
fn each_frame_has_its_own_size() {
    let frames = |name: &str| all(&case(name)).0;
    let sizes = |frames: &[Frame]| frames.iter().map(|frame| (frame.width(), frame.height())).collect::<Vec<_>>();
    let changing = sizes(&frames("size-changes-midway/change.h264"));
    assert_eq!((changing[0], changing[19], changing[20], changing[39]), ((96, 64), (96, 64), (64, 96), (64, 96)));
    // The header says 92×62; FFmpeg crops at the left by whole blocks only, newer versions exactly.
    let cropped = sizes(&frames("h264-left-crop/croptl.mp4"));
    assert!(cropped.iter().all(|size| *size == cropped[0]) && matches!(cropped[0], (92 | 96, 62)), "{:?}", cropped[0]);
}

#[test]
fn a_stream_that_changes_its_format_goes_on_in_rgb() {
    let folder = tempfile::tempdir().unwrap();
    let part = |name: &str, format: &str| {
        let path = folder.path().join(name);
        ffmpeg(&format!("-f lavfi -i testsrc2=s=64x48:r=10:d=1 -c:v libx264 -pix_fmt {format} -f h264"), &path);
        std::fs::read(path).unwrap()
    };
    let path = folder.path().join("joined.h264");
    let (first, other) = (part("first", "yuv420p"), part("other", "yuv444p"));
    std::fs::write(&path, [&first[..], &other, &first].concat()).unwrap();
    let (frames, times) = all(&path);
    let stored = PixelFormat::Yuv420p { matrix: Matrix::Bt601, range: ColourRange::Limited };
    for (place, frame) in frames.iter().enumerate() {
        assert_eq!(frame.format(), if place < 10 { stored } else { PixelFormat::Rgb24 }, "frame {place}");
    }
    assert_eq!((frames.len(), times.len()), (30, 30));
    assert!(times.windows(2).all(|pair| pair[0][1] == pair[1][0] && pair[0][0] < pair[1][0]), "{times:?}");
    assert_eq!(reference::rgb(&frames[3]), frames[23].as_bytes());
}

#[test]
fn interlaced_chroma_is_converted_by_fields() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fields.mp4");
    ffmpeg(
        "-f lavfi -i testsrc2=s=64x48:r=50:d=1 -vf interlace -c:v libx264 -flags +ildct+ilme -x264-params tff=1 \
         -pix_fmt yuv420p",
        &path,
    );
    let (frames, _) = all(&path);
    assert!(frames.iter().all(|frame| frame.format() == PixelFormat::Rgb24));
    let planes = ffmpeg(&format!("-i {} -f rawvideo -pix_fmt yuv420p", path.display()), "pipe:1".as_ref());
    let (width, height) = (64, 48);
    let bytes = width * height * 3 / 2;
    for (frame, planes) in frames.iter().zip(planes.chunks(bytes)) {
        // Each field is a picture of its own, of every other row of each plane.
        let field = |parity: usize| -> Frame {
            let rows = |plane: &[u8], width: usize| -> Vec<u8> {
                plane.chunks(width).skip(parity).step_by(2).flatten().copied().collect()
            };
            let (luma, chroma) = planes.split_at(width * height);
            let (u, v) = chroma.split_at(width * height / 4);
            let bytes = [rows(luma, width), rows(u, width / 2), rows(v, width / 2)].concat();
            let format = PixelFormat::Yuv420p { matrix: Matrix::Bt601, range: ColourRange::Limited };
            Frame::new(height / 2, width, format, bytes).unwrap()
        };
        for parity in 0..2 {
            let expected = reference::rgb(&field(parity));
            let found: Vec<u8> =
                frame.as_bytes().chunks(3 * width).skip(parity).step_by(2).flatten().copied().collect();
            assert!(found == expected, "field {parity}");
        }
    }
}

#[test]
fn what_decodes_of_a_stream_is_used_and_the_rest_is_said() {
    for (name, frames, complaint) in [
        (
            "ts-begins-mid-gop/og_head.ts",
            20,
            Some("20 frames, 2.0 of 3.8 seconds, could be decoded; ffmpeg says: non-existing PPS"),
        ),
        (
            "cut-matroska/k_cut.mkv",
            40,
            Some("40 frames, 4.2 of 6.0 seconds, could be decoded; ffmpeg says: File ended prematurely"),
        ),
        ("odd-timestamps/badpts.mkv", 60, None),
    ] {
        for short in [0, SHORT] {
            let mut video = open_as(&case(name), short);
            assert_eq!(video.frame_count().unwrap(), frames, "{name}");
            video.read(&[0, frames - 1]).unwrap();
            let found = video.information().complaint.clone();
            match complaint {
                Some(complaint) => {
                    assert!(found.as_ref().is_some_and(|found| found.contains(complaint)), "{name}: {found:?}")
                }
                None => assert_eq!(found, None, "{name}"),
            }
        }
        let mut watched = 0;
        open_as(&case(name), SHORT)
            .watch(&mut |_| {
                watched += 1;
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
        assert_eq!(watched, frames, "{name} watched");
    }
}

#[test]
fn thousands_of_complaints_stop_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.mp4");
    ffmpeg(&format!("{MOVING} -c:v libx264 -g 250 -pix_fmt yuv420p -movflags faststart"), &path);
    let mut bytes = std::fs::read(&path).unwrap();
    let from = bytes.len() / 4;
    for (place, byte) in bytes.iter_mut().enumerate().skip(from) {
        *byte ^= (place * place % 251) as u8;
    }
    std::fs::write(&path, bytes).unwrap();
    for short in [0, SHORT] {
        let mut video = open_as(&path, short);
        let frames = video.frame_count().unwrap();
        video.read(&[0, frames - 1]).unwrap();
        assert!(video.information().complaint.is_some());
    }
}

#[test]
fn lists_of_other_files_are_no_videos() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret.ts");
    ffmpeg("-f lavfi -i testsrc2=s=64x48:r=10:d=1 -c:v libx264 -pix_fmt yuv420p", &secret);
    let secret = secret.display();
    let lists = [
        ("hls.mp4", format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n")),
        ("list.mp4", format!("ffconcat version 1.0\nfile '{secret}'\n")),
        (
            "dash.mp4",
            format!(
                "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" \
            profiles=\"urn:mpeg:dash:profile:isoff-main:2011\"><Period><AdaptationSet><Representation id=\"0\">\
            <BaseURL>{secret}</BaseURL></Representation></AdaptationSet></Period></MPD>"
            ),
        ),
        (
            "session.sdp",
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n\
            a=rtpmap:96 H264/90000\n"
                .to_owned(),
        ),
        ("f%d.jp2", String::from("no picture")),
    ];
    for (name, text) in lists {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        for short in [0, SHORT] {
            let input = Input::new(&path, &OpenOptions::new());
            let error = VideoFile::open_input(input, false, short).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::File, "{name}: {error}");
            if let "hls.mp4" | "list.mp4" = name {
                assert!(error.to_string().contains("--allow-references"), "{name}: {error}");
            }
        }
    }
    let options = OpenOptions::new().allow_references(true);
    let mut listed = VideoFile::open_with(&folder.path().join("list.mp4"), &options).unwrap();
    assert_eq!(listed.frame_count().unwrap(), 10);
    // Newer versions of FFmpeg insist on the name.
    let list = folder.path().join("hls.m3u8");
    std::fs::copy(folder.path().join("hls.mp4"), &list).unwrap();
    let mut allowed = VideoFile::open_with(&list, &options).unwrap();
    assert_eq!(allowed.frame_count().unwrap(), 10);
}

#[cfg(unix)]
#[test]
fn a_decoder_that_hangs_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hangs.sh");
    std::fs::write(&path, "#!/bin/sh\nexec sleep 60\n").unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for short in [0, SHORT] {
        let timeout = std::time::Duration::from_millis(300);
        let mut input = Input::new(CLIP.as_ref(), &OpenOptions::new().timeout(Some(timeout)));
        input.programs = Programs { ffmpeg: path.clone(), ffprobe: path.clone() };
        let start = std::time::Instant::now();
        let error = VideoFile::open_input(input, false, short).unwrap_err();
        assert!(error.kind() == ErrorKind::File && error.to_string().contains("within 0.3 seconds"), "{error}");
        assert!(start.elapsed().as_secs() < 30);
    }
}

#[test]
fn what_a_caller_does_meanwhile_takes_none_of_the_time() {
    let timeout = std::time::Duration::from_secs(5);
    let mut video = VideoFile::open_with(CLIP.as_ref(), &OpenOptions::new().timeout(Some(timeout))).unwrap();
    std::thread::sleep(timeout + timeout / 4);
    assert_eq!(video.frame_count().unwrap(), 132);
}
