//! Textures that the program draws: a field of numbers, and the colours that they stand for.

mod field;
mod noise;
mod palette;

use field::Field;
use palette::Palette;

use super::random::Random;
use super::raster::{Edges, Raster};

/// Draws a texture of `side` × `side` texels that repeats without a seam.
pub(super) fn draw(random: &mut Random, side: usize) -> Raster {
    let (field, palette) = (Field::draw(random), Palette::draw(random));
    let centre = |texel: usize| (texel as f32 + 0.5) / side as f32;
    let texels = (0..side).flat_map(|row| (0..side).map(move |column| [centre(column), centre(row)]));
    Raster::new([side; 2], texels.map(|at| palette.colour(field.at(at))).collect(), Edges::Repeat)
}

#[cfg(test)]
mod tests {
    use super::field::Family;
    use super::*;

    /// Along the seam neighbours differ as much as anywhere; each family has structure along both axes.
    #[test]
    fn every_family_repeats_without_a_seam_and_is_no_plain() {
        for &family in Family::ALL {
            let field = Field::of(family, &mut Random::new(5, &[family as u64]));
            let side = 128;
            let value = |x: i32, y: i32| field.at([x, y].map(|at| (at.rem_euclid(side) as f32 + 0.5) / side as f32));
            let step = |x: i32, across: bool| {
                let differences = (0..side).map(|y| match across {
                    true => (value(x, y) - value(x - 1, y)).abs(),
                    false => (value(y, x) - value(y, x - 1)).abs(),
                });
                differences.sum::<f32>() / side as f32
            };
            for across in [true, false] {
                let inside = (1..side).map(|x| step(x, across)).collect::<Vec<_>>();
                let mean = inside.iter().sum::<f32>() / inside.len() as f32;
                let most = inside.iter().fold(0.0, |most: f32, step| most.max(*step));
                assert!(step(0, across) <= 1.01 * most.max(2.0 * mean), "{family:?}: {} {most}", step(0, across));
                assert!(mean > 0.004, "{family:?} changes by {mean} a texel only");
            }
            let values: Vec<f32> =
                (0..side).flat_map(|y| (0..side).map(move |x| (x, y))).map(|(x, y)| value(x, y)).collect();
            assert!(values.iter().all(|value| (0.0..=1.0).contains(value)), "{family:?}");
        }
    }
}
