//! The user's photographs, as pictures for a camera to move over.

use std::path::{Path, PathBuf};

use super::drawing::FrameSize;
use super::options::Split;
use super::random::Random;
use super::raster::{Colour, Edges, Raster};
use crate::tensor::{Error, ErrorKind, Result};
use crate::video::{Images, OpenOptions, Rotation, pictures_in};

/// One photograph of so many is held out for the validation.
const HELD_OUT: usize = 5;

/// The photographs of a folder that belong to `split`: of all, shuffled by `seed`, a fifth and at least one for the
/// validation, the others for the training.
pub(super) fn of_split(folder: &Path, split: Split, seed: u64) -> Result<Vec<PathBuf>> {
    let mut files = pictures_in(folder)?;
    if files.len() < 2 {
        return Err(Error::usage(format!(
            "{} holds one photograph; at least two are needed, since those of the validation are not trained on",
            folder.display()
        )));
    }
    Random::new(seed, &[u64::from(u32::MAX)]).shuffle(&mut files);
    let held_out = (files.len() / HELD_OUT).max(1);
    let training = files.split_off(held_out);
    Ok(match split {
        Split::Training => training,
        Split::Validation => files,
    })
}

/// An error that names the first of these that begins as no picture does. What lies behind the beginning is decoded when it is
/// drawn: of thousands of photographs that takes minutes.
pub(super) fn check(files: &[PathBuf]) -> Result<()> {
    let mut broken = files.iter().filter_map(|file| Images::still(file).err().map(|error| (file, error)));
    match broken.next() {
        None => Ok(()),
        Some((file, error)) => Err(unreadable(file, &error, broken.count())),
    }
}

/// What is wrong with a photograph, and with how many others of the folder.
fn unreadable(path: &Path, error: &Error, others: usize) -> Error {
    let kind = match error.kind() {
        // The command was right, and a file is not.
        ErrorKind::Usage => ErrorKind::File,
        kind => kind,
    };
    let (path, told) = (path.display().to_string(), error.to_string());
    let why = told.strip_prefix(&path).map_or_else(|| told.clone(), |rest| format!("it{rest}"));
    let advice = match others {
        0 => "take it away, or name a folder of pictures that can be read".to_owned(),
        others => format!("take it and {others} more away, or name a folder of pictures that can be read"),
    };
    Error::new(kind, format!("{path} cannot be read as a picture: {why}; {advice}"))
}

/// The photograph, upright, at a size that suits frames of `size`.
pub(super) fn read(path: &Path, size: FrameSize) -> Result<Raster> {
    decoded(path, size).map_err(|error| unreadable(path, &error, 0))
}

fn decoded(path: &Path, size: FrameSize) -> Result<Raster> {
    let mut source = OpenOptions::new().rotation(Rotation::Auto).open(path)?;
    let frames = source.read(&[0])?;
    let frame = frames.first().ok_or_else(|| Error::file(format!("{} holds no picture", path.display())))?;
    let colour = |bytes: &[u8]| -> Colour { [bytes[0], bytes[1], bytes[2]].map(|byte| f32::from(byte) / 255.0) };
    let texels = frame.as_bytes().chunks_exact(3).map(colour).collect();
    let whole = Raster::new([frame.height(), frame.width()], texels, Edges::Mirror);
    // What a frame sees of it is never a fourth of its side.
    Ok(whole.reduced_to(4 * size.rows.max(size.columns)))
}
