//! The colours that numbers stand for.

use crate::motions::random::Random;
use crate::motions::raster::{Colour, mixed};

/// Three colours for 0, 1/2 and 1, and all between them. The first and the last differ in brightness, so that nothing is
/// lost where only that is looked at.
#[derive(Debug)]
pub(super) struct Palette([Colour; 3]);

/// By how much the brightest is brighter than the darkest.
const CONTRAST: [f32; 2] = [0.35, 0.65];

impl Palette {
    pub(super) fn draw(random: &mut Random) -> Self {
        let contrast = random.between(CONTRAST);
        let dark = random.between([0.08, 0.92 - contrast]);
        let middle = random.between([dark, dark + contrast]);
        let [dark, middle, bright] = [dark, middle, dark + contrast].map(|brightness| of(random, brightness));
        match random.below(2) {
            0 => Self([dark, middle, bright]),
            _ => Self([bright, middle, dark]),
        }
    }

    pub(super) fn colour(&self, value: f32) -> Colour {
        let [low, middle, high] = self.0;
        match value < 0.5 {
            true => mixed(low, middle, 2.0 * value),
            false => mixed(middle, high, 2.0 * value - 1.0),
        }
    }
}

/// A random colour of this brightness.
fn of(random: &mut Random, brightness: f32) -> Colour {
    let colour = [random.unit(), random.unit(), random.unit()];
    // BT.601.
    let own = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2];
    colour.map(|plane| (brightness + 0.6 * (plane - own)).clamp(0.0, 1.0))
}
