//! The user's photographs, as pictures for a camera to move over.

use std::path::{Path, PathBuf};

use super::drawing::FrameSize;
use super::options::Split;
use super::random::Random;
use super::raster::{Colour, Edges, Raster};
use crate::tensor::{Error, Result};
use crate::video::{OpenOptions, Rotation, pictures_in};

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

/// The photograph, upright, at a size that suits frames of `size`.
pub(super) fn read(path: &Path, size: FrameSize) -> Result<Raster> {
    let mut source = OpenOptions::new().rotation(Rotation::Auto).open(path)?;
    let frames = source.read(&[0])?;
    let frame = frames.first().ok_or_else(|| Error::file(format!("{} holds no picture", path.display())))?;
    let colour = |bytes: &[u8]| -> Colour { [bytes[0], bytes[1], bytes[2]].map(|byte| f32::from(byte) / 255.0) };
    let texels = frame.as_bytes().chunks_exact(3).map(colour).collect();
    let whole = Raster::new([frame.height(), frame.width()], texels, Edges::Mirror);
    // What a frame sees of it is never a fourth of its side.
    Ok(whole.reduced_to(4 * size.rows.max(size.columns)))
}
