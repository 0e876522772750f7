//! The colours of an animation: as many as GIF has, the same for all its pictures.

use std::collections::HashMap;

use color_quant::NeuQuant;
use image::{Rgb, RgbImage};

/// Colours of a table.
const COLOURS: usize = 256;
/// Pixels that are looked at to choose colours: more choose no better ones.
const LOOKED_AT: usize = 1 << 18;

/// The colours that all pictures are painted with. A table for each picture would change what stays: paper, text and
/// the colour bar.
pub(super) struct ColourTable {
    colours: Vec<Rgb<u8>>,
    /// Indices of the colours nearest to those already asked for.
    nearest: HashMap<Rgb<u8>, usize>,
}

impl ColourTable {
    /// The `kept` colours, and those that come nearest to the colours of `pictures`.
    pub(super) fn new(kept: Vec<Rgb<u8>>, pictures: &[RgbImage]) -> Self {
        let pixels: usize = pictures.iter().map(|picture| picture.pixels().len()).sum();
        let looked_at = pictures.iter().flat_map(RgbImage::pixels).step_by(pixels.div_ceil(LOOKED_AT).max(1));
        let samples: Vec<u8> = looked_at.flat_map(|&Rgb([r, g, b])| [r, g, b, 255]).collect();
        let chosen = NeuQuant::new(1, COLOURS - kept.len(), &samples).color_map_rgb();
        let chosen = chosen.as_chunks().0.iter().map(|colour| Rgb(*colour));
        Self { colours: kept.into_iter().chain(chosen).collect(), nearest: HashMap::new() }
    }

    /// Replaces every colour of `picture` by the nearest of the table.
    pub(super) fn paint(&mut self, picture: &mut RgbImage) {
        for pixel in picture.pixels_mut() {
            let nearest = self.nearest.entry(*pixel).or_insert_with(|| nearest(&self.colours, *pixel));
            *pixel = self.colours[*nearest];
        }
    }
}

fn nearest(colours: &[Rgb<u8>], to: Rgb<u8>) -> usize {
    let distance = |of: &Rgb<u8>| of.0.iter().zip(to.0).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum::<u32>();
    colours.iter().enumerate().min_by_key(|(_, colour)| distance(colour)).map_or(0, |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn kept_colours_stay_and_all_others_become_few_that_are_near() {
        let picture = RgbImage::from_fn(256, 256, |x, y| Rgb([x as u8, y as u8, 90]));
        let (kept, far) = (Rgb([1, 2, 3]), Rgb([250, 3, 255]));
        let mut table = ColourTable::new(vec![kept, far], std::slice::from_ref(&picture));
        let mut painted = picture.clone();
        painted.put_pixel(7, 7, kept);
        painted.put_pixel(9, 9, far);
        table.paint(&mut painted);
        assert_eq!((painted.get_pixel(7, 7), painted.get_pixel(9, 9)), (&kept, &far));
        assert!(painted.pixels().collect::<HashSet<_>>().len() <= COLOURS);
        for (x, y) in [(40, 200), (128, 128), (230, 60)] {
            let (found, true_one) = (painted.get_pixel(x, y).0, picture.get_pixel(x, y).0);
            assert!(found.iter().zip(true_one).all(|(a, b)| a.abs_diff(b) < 24), "{found:?} for {true_one:?}");
        }
    }
}
