//! Bytes to values on the host.

use super::{Normalise, PLANES};
use crate::kernels::clip_layout::ClipLayout;
use crate::kernels::host::{Arguments, Threads};
use crate::tensor::Result;

pub(super) fn normalise(call: &Normalise, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let [rows, columns] = call.crop;
    let (pixels, values) = (arguments.words(0)?, arguments.floats(1)?);
    threads.chunks(arguments.output(0)?, PLANES * rows * columns, |frame, output| match call.layout {
        ClipLayout::Btchw => {
            for (index, line) in output.chunks_exact_mut(columns).enumerate() {
                let (plane, y) = (index / rows, index % rows);
                let table = &values[plane * 256..][..256];
                let pixels = call.row(pixels, frame, y);
                for (x, value) in line.iter_mut().enumerate() {
                    *value = table[usize::from(call.pixel(pixels, x).to_le_bytes()[plane])];
                }
            }
        }
        ClipLayout::Bthwc => {
            for (y, line) in output.chunks_exact_mut(columns * PLANES).enumerate() {
                let pixels = call.row(pixels, frame, y);
                for (x, value) in line.chunks_exact_mut(PLANES).enumerate() {
                    let bytes = call.pixel(pixels, x).to_le_bytes();
                    for (plane, value) in value.iter_mut().enumerate() {
                        *value = values[plane * 256 + usize::from(bytes[plane])];
                    }
                }
            }
        }
    });
    Ok(())
}

impl Normalise {
    /// The pixels of a frame that row `y` of the crop lies on; none beyond the picture.
    fn row<'a>(&self, pixels: &'a [u32], frame: usize, y: usize) -> &'a [u32] {
        let [height, width] = self.picture;
        match usize::try_from(y as i64 + i64::from(self.offset[0])) {
            Ok(y) if y < height => &pixels[(frame * height + y) * width..][..width],
            _ => &[],
        }
    }

    /// The pixel at column `x` of the crop; 0 beyond the picture.
    fn pixel(&self, row: &[u32], x: usize) -> u32 {
        let x = usize::try_from(x as i64 + i64::from(self.offset[1]));
        x.ok().and_then(|x| row.get(x)).copied().unwrap_or(0)
    }
}
