//! Numbers of tokens as colours on pixels.

use colorous::Gradient;
use image::{Rgb, Rgba, RgbaImage};

use super::canvas::blend;
use crate::tensor::{Error, Result, Tensor, named};

/// How the numbers of a map become colours.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Look {
    /// The colours from the lowest to the highest value.
    pub colours: Colours,
    /// How a token's value spreads over its pixels.
    pub enlargement: Enlargement,
    /// Which values get the lowest and the highest colour.
    pub scale: Scale,
    /// The percentile that gets the highest colour, as does all above it, so that a few outliers do not darken the rest;
    /// the lowest colour is as robust. Above 50, at most 100.
    pub percentile: f64,
    /// How much of a pixel of the highest value is colour, and not frame: above 0, at most 1. Lower values are more
    /// transparent, the lowest invisible.
    pub opacity: f64,
}

impl Default for Look {
    fn default() -> Self {
        let (colours, enlargement, scale) = Default::default();
        Self { colours, enlargement, scale, percentile: 99.5, opacity: 0.85 }
    }
}

impl Look {
    /// The default.
    pub fn new() -> Self {
        Self::default()
    }

    /// The colours from the lowest to the highest value.
    #[must_use]
    pub fn colours(self, colours: Colours) -> Self {
        Self { colours, ..self }
    }

    /// A token's value spreads over its pixels in this way.
    #[must_use]
    pub fn enlargement(self, enlargement: Enlargement) -> Self {
        Self { enlargement, ..self }
    }

    /// Which values get the lowest and the highest colour.
    #[must_use]
    pub fn scale(self, scale: Scale) -> Self {
        Self { scale, ..self }
    }

    /// The percentile that gets the highest colour: above 50, at most 100.
    #[must_use]
    pub fn percentile(self, percentile: f64) -> Self {
        Self { percentile, ..self }
    }

    /// How much of a pixel of the highest value is colour: above 0, at most 1.
    #[must_use]
    pub fn opacity(self, opacity: f64) -> Self {
        Self { opacity, ..self }
    }
}

/// A series of colours that equal steps of the value change equally for the eye ([`Turbo`](Self::Turbo): nearly).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Colours {
    /// Violet, red, yellow: stands out on most frames.
    #[default]
    Inferno,
    /// Violet, green, yellow: for the colour-blind as well.
    Viridis,
    /// Blue, green, yellow, red: tells most values apart.
    Turbo,
}

named!(Colours, "a series of colours": Inferno = "inferno", Viridis = "viridis", Turbo = "turbo");

/// How a token's value spreads over its pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Enlargement {
    /// Soft edges between tokens; the middle of a token's square has its value alone.
    #[default]
    Smooth,
    /// Each token is a square of one colour.
    Squares,
}

/// Which values get the lowest and the highest colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scale {
    /// The extremes of the whole clip: colours of two frames can be compared.
    #[default]
    Clip,
    /// The extremes of each temporal index: shows where it looks however little that is.
    Frame,
}

/// The map of one temporal index.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HeatMap {
    rows: usize,
    columns: usize,
    /// `[rows, columns]`, from 0, the lowest colour, to 1, the highest.
    heat: Vec<f32>,
    pub(super) bounds: Bounds,
}

/// The values of the lowest and the highest colour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    pub(super) low: f32,
    pub(super) high: f32,
}

impl HeatMap {
    /// The maps `[T, rows, columns]` of a clip.
    pub(super) fn of_clip(maps: &Tensor, look: &Look) -> Result<Vec<Self>> {
        let &[_, rows, columns] = maps.shape().axes() else {
            return Err(Error::usage(format!("maps are [T, rows, columns], not {}", maps.shape())));
        };
        if maps.shape().elements() == 0 {
            return Err(Error::usage(format!("maps {} hold no token", maps.shape())));
        }
        let values = maps.as_f32()?;
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            let (map, token) = (index / (rows * columns), index % (rows * columns));
            return Err(Error::usage(format!(
                "the map of temporal index {map} cannot be drawn: it is {} at row {}, column {}",
                values[index],
                token / columns,
                token % columns
            )));
        }
        let of_clip = Bounds::of(values, look.percentile);
        let map = |values: &[f32]| {
            let bounds = match look.scale {
                Scale::Clip => of_clip,
                Scale::Frame => Bounds::of(values, look.percentile),
            };
            Self { rows, columns, heat: values.iter().map(|value| bounds.heat(*value)).collect(), bounds }
        };
        Ok(values.chunks(rows * columns).map(map).collect())
    }

    /// The highest heat of a token, from 0 to 1.
    pub(super) fn brightest(&self) -> f32 {
        self.heat.iter().copied().fold(0.0, f32::max)
    }

    /// The map as colours of falling transparency, `height` × `width` pixels.
    pub(super) fn layer(&self, [height, width]: [u32; 2], look: &Look) -> RgbaImage {
        let palette = Palette::new(look);
        let rows = neighbours(height, self.rows, look.enlargement);
        let columns = neighbours(width, self.columns, look.enlargement);
        let token = |row: usize, column: usize| self.heat[row * self.columns + column];
        RgbaImage::from_fn(width, height, |x, y| {
            let (across, down) = (&columns[x as usize], &rows[y as usize]);
            let along = |row| across.mix(token(row, across.first), token(row, across.second));
            palette.colour(down.mix(along(down.first), along(down.second)))
        })
    }
}

impl Bounds {
    /// The robust extremes of `values`, or their true ones where the robust ones are one value.
    fn of(values: &[f32], percentile: f64) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f32::total_cmp);
        let last = sorted.len() - 1;
        let above = ((1.0 - percentile / 100.0) * last as f64).floor() as usize;
        let robust = Self { low: sorted[above.min(last)], high: sorted[last - above.min(last)] };
        if robust.low < robust.high { robust } else { Self { low: sorted[0], high: sorted[last] } }
    }

    /// The two values in few letters.
    pub(super) fn labels(self) -> [String; 2] {
        [short(self.low), short(self.high)]
    }

    /// Where `value` lies between the bounds, from 0 to 1; 0 where they are one.
    fn heat(self, value: f32) -> f32 {
        if self.low < self.high { ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// A number in few letters: `0.125`, `3.2e-4`.
fn short(value: f32) -> String {
    match value.abs() {
        0.0 => "0".into(),
        magnitude if (0.001..1000.0).contains(&magnitude) => {
            let decimals = (2 - magnitude.log10().floor() as i32).max(0) as usize;
            let text = format!("{value:.decimals$}");
            if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
        }
        _ => format!("{value:.1e}"),
    }
}

/// The two tokens along one axis that a pixel takes its value from.
struct Neighbours {
    first: usize,
    second: usize,
    /// How much of the value is the second's.
    share: f32,
}

impl Neighbours {
    fn mix(&self, first: f32, second: f32) -> f32 {
        first + (second - first) * self.share
    }
}

/// The tokens of each of `pixels` along one axis.
fn neighbours(pixels: u32, tokens: usize, enlargement: Enlargement) -> Vec<Neighbours> {
    // Centres of tokens lie on whole numbers.
    let position = |pixel: u32| (f64::from(pixel) + 0.5) * tokens as f64 / f64::from(pixels) - 0.5;
    let of_pixel = |pixel| {
        let position = position(pixel).clamp(0.0, (tokens - 1) as f64);
        let first = position.floor() as usize;
        let share = match enlargement {
            Enlargement::Smooth => soft_step((position - position.floor()) as f32),
            // The edge between two squares, halfway, belongs to the second.
            Enlargement::Squares => f32::from(position - position.floor() >= 0.5),
        };
        Neighbours { first, second: (first + 1).min(tokens - 1), share }
    };
    (0..pixels).map(of_pixel).collect()
}

/// From 0 to 1 over the middle three quarters of the way between two tokens, without corners.
fn soft_step(way: f32) -> f32 {
    let way = ((way - 0.125) / 0.75).clamp(0.0, 1.0);
    way * way * (3.0 - 2.0 * way)
}

/// The colours of 256 steps of heat.
pub(super) struct Palette(Vec<Rgba<u8>>);

impl Palette {
    pub(super) fn new(look: &Look) -> Self {
        let gradient: Gradient = match look.colours {
            Colours::Inferno => colorous::INFERNO,
            Colours::Viridis => colorous::VIRIDIS,
            Colours::Turbo => colorous::TURBO,
        };
        let step = |step: u16| {
            let heat = f64::from(step) / 255.0;
            let colorous::Color { r, g, b } = gradient.eval_continuous(heat);
            Rgba([r, g, b, (255.0 * look.opacity * heat.powf(ALPHA_POWER)).round() as u8])
        };
        Self((0..256).map(step).collect())
    }

    /// The colour of a heat from 0 to 1.
    pub(super) fn colour(&self, heat: f32) -> Rgba<u8> {
        self.0[(255.0 * heat).round() as usize]
    }
}

/// Below 1, so that middling values, whose colours are darkest, show against the frame.
const ALPHA_POWER: f64 = 0.75;

/// `below` with a layer of the same size over it.
pub(super) fn laid_over(below: &image::RgbImage, layer: &RgbaImage) -> image::RgbImage {
    let mut picture = below.clone();
    for (pixel, &Rgba([r, g, b, alpha])) in picture.pixels_mut().zip(layer.pixels()) {
        blend(pixel, Rgb([r, g, b]), f32::from(alpha) / 255.0);
    }
    picture
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;

    fn maps(shape: [usize; 3], values: Vec<f32>) -> Tensor {
        Tensor::f32(shape, values).unwrap()
    }

    fn one_hot(shape: [usize; 3], hot: usize) -> Tensor {
        let mut values = vec![0.0; shape.iter().product()];
        values[hot] = 0.3;
        maps(shape, values)
    }

    const SQUARES: Look = Look {
        colours: Colours::Inferno,
        enlargement: Enlargement::Squares,
        scale: Scale::Clip,
        percentile: 99.5,
        opacity: 0.85,
    };

    #[test]
    fn a_hot_token_colours_its_square_and_nothing_else() {
        // 8 temporal indices × 4 × 6 tokens of 5 × 3 pixels; hot is index 3, row 2, column 4.
        let drawn = HeatMap::of_clip(&one_hot([8, 4, 6], 3 * 24 + 2 * 6 + 4), &SQUARES).unwrap();
        let frame = RgbImage::from_pixel(18, 20, Rgb([90, 120, 40]));
        for (index, map) in drawn.iter().enumerate() {
            let picture = laid_over(&frame, &map.layer([20, 18], &SQUARES));
            for (x, y, pixel) in picture.enumerate_pixels() {
                let hot = index == 3 && (12..15).contains(&x) && (10..15).contains(&y);
                assert_eq!(pixel != frame.get_pixel(x, y), hot, "index {index}, column {x}, row {y}");
            }
        }
    }

    #[test]
    fn squares_that_do_not_divide_the_frame_meet_where_they_should() {
        let edges = neighbours(10, 4, Enlargement::Squares);
        let token: Vec<usize> = edges.iter().map(|n| if n.share == 0.0 { n.first } else { n.second }).collect();
        assert_eq!(token, [0, 0, 1, 1, 1, 2, 2, 3, 3, 3]);
    }

    #[test]
    fn smooth_maps_have_each_tokens_value_in_its_middle_and_lie_between_elsewhere() {
        let look = Look { enlargement: Enlargement::Smooth, percentile: 100.0, ..SQUARES };
        let drawn = HeatMap::of_clip(&maps([1, 1, 3], vec![0.0, 1.0, 0.5]), &look).unwrap();
        let layer = drawn[0].layer([1, 48], &look);
        let palette = Palette::new(&look);
        for (columns, heat) in [(0..10, 0.0), (22..26, 1.0), (38..48, 0.5)] {
            columns.for_each(|x| assert_eq!(layer.get_pixel(x, 0), &palette.colour(heat), "column {x}"));
        }
        let between = palette.0.iter().position(|colour| colour == layer.get_pixel(15, 0)).unwrap();
        assert!((90..127).contains(&between), "{between}");
    }

    #[test]
    fn a_scale_of_the_clip_compares_frames_and_one_of_the_frame_does_not() {
        let values = maps([2, 1, 2], vec![0.0, 0.1, 0.0, 1.0]);
        let heats = |scale| {
            let look = Look { scale, percentile: 100.0, ..SQUARES };
            HeatMap::of_clip(&values, &look).unwrap().into_iter().map(|map| map.heat[1]).collect::<Vec<_>>()
        };
        assert_eq!(heats(Scale::Clip), [0.1, 1.0]);
        assert_eq!(heats(Scale::Frame), [1.0, 1.0]);
    }

    #[test]
    fn an_outlier_does_not_darken_the_rest() {
        let mut values: Vec<f32> = (0..1000).map(|step| step as f32).collect();
        values[0] = 1e6;
        let Bounds { low, high } = Bounds::of(&values, 99.5);
        assert!((0.0..10.0).contains(&low) && (990.0..1000.0).contains(&high), "{low} {high}");
        assert_eq!(Bounds::of(&values, 100.0).high, 1e6);
    }

    #[test]
    fn where_nothing_stands_out_nothing_is_coloured() {
        let drawn = HeatMap::of_clip(&maps([1, 2, 2], vec![0.25; 4]), &SQUARES).unwrap();
        assert!(drawn[0].layer([4, 4], &SQUARES).pixels().all(|pixel| pixel.0[3] == 0));
    }

    #[test]
    fn what_is_no_map_is_refused() {
        let error = |tensor: &Tensor| HeatMap::of_clip(tensor, &SQUARES).unwrap_err().to_string();
        let mut values = vec![0.0; 12];
        values[7] = f32::NAN;
        let not_a_number = error(&maps([2, 2, 3], values));
        assert!(
            not_a_number.contains("temporal index 1") && not_a_number.contains("row 0, column 1"),
            "{not_a_number}"
        );
        assert!(error(&Tensor::f32([2, 2], vec![0.0; 4]).unwrap()).contains("[T, rows, columns]"));
        assert!(error(&maps([0, 2, 2], vec![])).contains("no token"));
    }
}
