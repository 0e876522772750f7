//! What `ffprobe` says of a file.

use std::{io::Read, path::Path, process::Command};

use serde::Deserialize;

use super::{Programs, STREAM, input_argument, process::Running};
use crate::tensor::{Error, Result};
use crate::video::{Matrix, PixelFormat, Range};

/// What `ffprobe` prints.
#[derive(Deserialize)]
struct Probe {
    #[serde(default)]
    streams: Vec<Stream>,
    format: Option<Format>,
}

#[derive(Deserialize)]
struct Format {
    duration: Option<String>,
}

/// The video stream. Numbers that may be fractions or unknown come as text.
#[derive(Deserialize)]
pub(super) struct Stream {
    #[serde(default)]
    pub(super) width: usize,
    #[serde(default)]
    pub(super) height: usize,
    codec_name: Option<String>,
    profile: Option<String>,
    pix_fmt: Option<String>,
    color_space: Option<String>,
    color_range: Option<String>,
    avg_frame_rate: Option<String>,
    duration: Option<String>,
    nb_frames: Option<String>,
    #[serde(default)]
    side_data_list: Vec<SideData>,
    #[serde(default)]
    tags: Tags,
}

#[derive(Deserialize)]
struct SideData {
    rotation: Option<f64>,
}

#[derive(Default, Deserialize)]
struct Tags {
    rotate: Option<String>,
}

pub(super) fn probe(programs: &Programs, path: &Path) -> Result<Stream> {
    let mut command = Command::new(&programs.ffprobe);
    command.args(["-v", "error", "-select_streams", STREAM, "-show_streams", "-show_format", "-of", "json"]);
    command.arg(input_argument(path));
    let mut ffprobe = Running::start(command, path)?;
    let mut report = String::new();
    ffprobe.stdout.read_to_string(&mut report).map_err(|error| Error::io("probe", path, &error))?;
    ffprobe.finish()?;
    let path = path.display();
    let probe: Probe = serde_json::from_str(&report)
        .map_err(|error| Error::file(format!("ffprobe describes {path} in an unknown way: {error}")))?;
    let stream = probe.streams.into_iter().next();
    let mut stream = stream.ok_or_else(|| Error::file(format!("{path} has no video stream")))?;
    if stream.width == 0 || stream.height == 0 {
        return Err(Error::file(format!("the video stream of {path} has no size; it is damaged")));
    }
    stream.duration = stream.duration.or(probe.format.and_then(|format| format.duration));
    Ok(stream)
}

impl Stream {
    /// The format of the frames, FFmpeg's name for it, and why FFmpeg has to convert, where it has to.
    pub(super) fn piped_as(&self) -> (PixelFormat, &'static str, Option<String>) {
        match self.planar() {
            Ok((format, name)) => (format, name, None),
            Err(reason) => (PixelFormat::Rgb24, "rgb24", Some(reason)),
        }
    }

    /// 8-bit 4:2:0 planes as stored, or why not.
    fn planar(&self) -> Result<(PixelFormat, &'static str), String> {
        let stored = self.pix_fmt.as_deref().unwrap_or("an unknown pixel format");
        let (name, range) = match (stored, self.color_range.as_deref()) {
            ("yuvj420p", _) => ("yuvj420p", Range::Full),
            ("yuv420p", Some("pc")) => ("yuv420p", Range::Full),
            ("yuv420p", _) => ("yuv420p", Range::Limited),
            _ => return Err(format!("{stored} is not 8-bit 4:2:0")),
        };
        let matrix = match self.color_space.as_deref() {
            None | Some("unknown" | "unspecified" | "smpte170m" | "bt470bg") => Matrix::Bt601,
            Some("bt709") => Matrix::Bt709,
            Some(other) => return Err(format!("its matrix is {other}")),
        };
        if self.width % 2 == 1 || self.height % 2 == 1 {
            return Err("a side is odd".into());
        }
        Ok((PixelFormat::Yuv420p { matrix, range }, name))
    }

    pub(super) fn frames_per_second(&self) -> Option<f64> {
        let (numerator, denominator) = self.avg_frame_rate.as_deref()?.split_once('/')?;
        let rate = numerator.parse::<f64>().ok()? / denominator.parse::<f64>().ok()?;
        (rate.is_finite() && rate > 0.0).then_some(rate)
    }

    /// The fewest frames that the header announces. A file cut without re-encoding keeps the count of the whole but
    /// states the duration of the cut; a header without a count states a duration that sound may outlast the pictures
    /// by, a second at most.
    pub(super) fn announced_frames(&self) -> Option<usize> {
        let counted: Option<usize> = self.nb_frames.as_deref().and_then(|count| count.parse().ok());
        let duration: Option<f64> = self.duration.as_deref().and_then(|seconds| seconds.parse().ok());
        let spare = if counted.is_some() { 0.0 } else { 1.0 };
        let timed = duration.zip(self.frames_per_second()).map(|(seconds, rate)| ((seconds - spare) * rate) as usize);
        [counted, timed].into_iter().flatten().min()
    }

    /// Clockwise degrees; the display matrix turns the other way than the older tag.
    pub(super) fn rotation(&self) -> u32 {
        let matrix = self.side_data_list.iter().find_map(|data| data.rotation).map(|degrees| -degrees);
        let tag = || self.tags.rotate.as_deref().and_then(|degrees| degrees.parse().ok());
        matrix.or_else(tag).unwrap_or(0.0).rem_euclid(360.0) as u32
    }

    pub(super) fn description(&self, conversion: Option<String>) -> String {
        let codec = self.codec_name.as_deref().unwrap_or("unknown codec");
        let profile = self.profile.as_deref().map(|profile| format!(" {profile}")).unwrap_or_default();
        let stored = self.pix_fmt.as_deref().unwrap_or("unknown pixel format");
        let conversion = conversion.map(|reason| format!(", converted to RGB by ffmpeg: {reason}")).unwrap_or_default();
        format!("{codec}{profile}, {}x{} (width x height), {stored}{conversion}", self.width, self.height)
    }
}
