//! Position tables for another grid of tokens: repeated over time, or resized (paper, section 3.4; spec §5.2).

use crate::tensor::{Error, Result, Shape, Tensor, named};
use crate::vivit::validation::{MOST_ELEMENTS, bounded};
use crate::vivit::{Config, Encoder, Grid};

use super::described;

/// How a position table is fitted to another grid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Positions {
    /// Every temporal index gets the same table, that of the image.
    #[default]
    Tile,
    /// The table is resized over space; both grids have the same temporal indices, as in the tables of Model 2.
    Resize,
    /// The table is resized over space, then every temporal index gets the same.
    ResizeTile,
}

named!(Positions, "the way of positions": Tile = "tile", Resize = "resize", ResizeTile = "resize_tile");

impl Positions {
    /// The grid that a table is resized to before it is repeated over the temporal indices of `to`.
    ///
    /// A table over time alone, that of Model 2's temporal encoder, is always resized over time.
    ///
    /// # Errors
    ///
    /// Grids that the rule cannot fit.
    pub(super) fn resized(self, from: Grid, to: Grid) -> Result<Grid> {
        if from.spatial() == 1 && to.spatial() == 1 {
            return Ok(to);
        }
        let refused = |reason: &str| {
            let [from, to] = [from, to].map(described);
            Err(Error::usage(format!("positions of {from} do not fit {to}: {reason}")))
        };
        let spatial = |grid: Grid| [grid.rows, grid.columns];
        match self {
            Self::Tile if spatial(from) != spatial(to) => {
                refused("tiling repeats them over time alone; resize_tile also resizes them over space")
            }
            Self::Resize if from.temporal != to.temporal => {
                refused("resizing changes rows and columns alone; resize_tile also repeats them over time")
            }
            _ if !to.temporal.is_multiple_of(from.temporal) => {
                refused("they cannot be repeated over time a whole number of times")
            }
            Self::Tile => Ok(from),
            Self::Resize | Self::ResizeTile => Ok(Grid { temporal: from.temporal, ..to }),
        }
    }
}

/// A position table `[1, N, C]` and the grid whose tokens its rows belong to. Where N is one more than the grid's
/// tokens, row 0 is the class token's.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct PositionTable {
    class: Option<Vec<f32>>,
    tokens: Vec<f32>,
    grid: Grid,
    width: usize,
}

impl PositionTable {
    /// The parts of a table `[1, T·S, C]` or `[1, 1 + T·S, C]` of `grid`.
    ///
    /// # Errors
    ///
    /// Another number of rows; an empty grid or width.
    pub fn new(table: Tensor, grid: Grid) -> Result<Self> {
        let (width, class_row) = width_and_class_row(table.shape(), grid)?;
        let mut tokens = table.as_f32()?.to_vec();
        let rest = tokens.split_off(if class_row { width } else { 0 });
        let class = std::mem::replace(&mut tokens, rest);
        Ok(Self { class: class_row.then_some(class), tokens, grid, width })
    }

    /// The grid whose tokens the rows belong to.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// The same rows at every temporal index: those of the table, repeated until there are `temporal` of them.
    ///
    /// # Errors
    ///
    /// A number that is no multiple of what the table has, or none, or so many that no device holds the result.
    pub fn tiled(self, temporal: usize) -> Result<Self> {
        let has = self.grid.temporal;
        if !temporal.is_multiple_of(has) {
            return Err(Error::usage(format!(
                "positions of {has} temporal indices cannot be repeated to fill {temporal}"
            )));
        }
        let grid = Grid { temporal, ..self.grid };
        check_grid(grid, self.width)?;
        let tokens = self.tokens.repeat(temporal / has);
        Ok(Self { tokens, grid, ..self })
    }

    /// The table of another grid, by linear interpolation with the corners aligned: along rows and columns within
    /// each temporal index, and along time where the number of temporal indices changes; never across time and space.
    /// The class token's row stays as it is.
    ///
    /// It is what `scipy.ndimage.zoom(order=1)` computes, and so the original implementation; libraries that place
    /// samples at the centres of pixels give other values.
    ///
    /// # Errors
    ///
    /// A grid that is empty, or so large that no device holds the result.
    pub fn resized(self, to: Grid) -> Result<Self> {
        if to == self.grid {
            return Ok(self);
        }
        let Self { class, tokens, grid: from, width } = self;
        check_grid(to, width)?;
        // Each axis by itself: in between, the table may be larger than before and after.
        check_grid(Grid { temporal: to.temporal, ..from }, width)?;
        check_grid(Grid { columns: from.columns, ..to }, width)?;
        let tokens: Vec<f64> = tokens.into_iter().map(f64::from).collect();
        let tokens = resized_axis(tokens, [from.temporal, to.temporal], from.spatial() * width);
        let tokens = resized_axis(tokens, [from.rows, to.rows], from.columns * width);
        let tokens = resized_axis(tokens, [from.columns, to.columns], width);
        Ok(Self { class, tokens: tokens.into_iter().map(|value| value as f32).collect(), grid: to, width })
    }

    /// The row of the class token, where there is one.
    pub fn class_row(&self) -> Option<&[f32]> {
        self.class.as_deref()
    }

    /// The same table with another class row, or without one.
    #[must_use]
    pub fn with_class_row(self, class: Option<Vec<f32>>) -> Self {
        Self { class, ..self }
    }

    /// The table as a model holds it, `[1, N, C]`.
    ///
    /// # Errors
    ///
    /// A class row that is not of the table's width.
    pub fn into_table(self) -> Result<Tensor> {
        let rows = self.grid.tokens() + usize::from(self.class.is_some());
        let values = [self.class.unwrap_or_default(), self.tokens].concat();
        Tensor::f32([1, rows, self.width], values)
    }
}

impl Config {
    /// The tokens whose positions the table called `name` holds, without a class token: in Model 2 one table is over
    /// space and one over time.
    pub(crate) fn positions(&self, name: &str) -> Grid {
        self.encoder_grid(Encoder::of_parameter(name).unwrap_or(Encoder::Clip))
    }
}

/// The width of a position table of that shape, and whether row 0 is a class token's.
///
/// # Errors
///
/// A shape that is not that of a table of `grid`.
pub(super) fn width_and_class_row(shape: &Shape, grid: Grid) -> Result<(usize, bool)> {
    check_grid(grid, shape.last())?;
    match *shape.axes() {
        [1, rows, width] if rows == grid.tokens() => Ok((width, false)),
        [1, rows, width] if rows == grid.tokens() + 1 => Ok((width, true)),
        _ => Err(Error::usage(format!(
            "a position table of shape {shape} does not fit {}: it must have {} rows, and may have one more for a class \
             token",
            described(grid),
            grid.tokens()
        ))),
    }
}

/// An error where a table of `grid` would be empty or larger than any device holds.
fn check_grid(grid: Grid, width: usize) -> Result<()> {
    let sizes = [grid.temporal, grid.rows, grid.columns, width];
    if sizes.contains(&0) {
        return Err(Error::usage(format!("a position table of {} with rows of {width} is empty", described(grid))));
    }
    bounded("position table", &sizes, MOST_ELEMENTS)
}

/// Values `[.., from, inner]` as `[.., to, inner]`: index o of the result lies at o·(from − 1)/(to − 1), linearly
/// between its neighbours.
fn resized_axis(values: Vec<f64>, [from, to]: [usize; 2], inner: usize) -> Vec<f64> {
    if from == to {
        return values;
    }
    let mut resized = Vec::with_capacity(values.len() / from * to);
    for line in values.chunks_exact(from * inner) {
        for index in 0..to {
            let position = if to > 1 { index as f64 * (from - 1) as f64 / (to - 1) as f64 } else { 0.0 };
            let below = position as usize;
            let above = (below + 1).min(from - 1);
            let share = position - below as f64;
            let row = |at: usize| line[at * inner..][..inner].iter();
            resized.extend(row(below).zip(row(above)).map(|(low, high)| low + share * (high - low)));
        }
    }
    resized
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(temporal: usize, rows: usize, columns: usize) -> Grid {
        Grid { temporal, rows, columns }
    }

    fn positions(values: &[f32], grid: Grid) -> PositionTable {
        PositionTable::new(Tensor::f32([1, values.len(), 1], values.to_vec()).unwrap(), grid).unwrap()
    }

    fn values(positions: PositionTable) -> Vec<f32> {
        positions.into_table().unwrap().as_f32().unwrap().to_vec()
    }

    #[test]
    fn corners_stay_and_between_them_is_the_mean() {
        let square = positions(&[0.0, 2.0, 4.0, 10.0], grid(1, 2, 2));
        assert_eq!(values(square.resized(grid(1, 3, 3)).unwrap()), [0.0, 1.0, 2.0, 2.0, 4.0, 6.0, 4.0, 7.0, 10.0]);
        let wide = positions(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], grid(1, 2, 3));
        assert_eq!(values(wide.resized(grid(1, 1, 2)).unwrap()), [0.0, 2.0]);
    }

    #[test]
    fn time_is_resized_apart_from_space() {
        let clip = positions(&[0.0, 1.0, 10.0, 11.0, 20.0, 21.0], grid(3, 1, 2));
        assert_eq!(values(clip.clone().resized(grid(2, 1, 2)).unwrap()), [0.0, 1.0, 20.0, 21.0]);
        assert_eq!(
            values(clip.resized(grid(5, 1, 3)).unwrap()),
            [0.0, 0.5, 1.0, 5.0, 5.5, 6.0, 10.0, 10.5, 11.0, 15.0, 15.5, 16.0, 20.0, 20.5, 21.0]
        );
    }

    #[test]
    fn the_class_row_is_neither_repeated_nor_mixed() {
        let with_class = positions(&[-7.0, 1.0, 3.0], grid(1, 1, 2));
        assert_eq!(with_class.class_row(), Some(&[-7.0][..]));
        assert_eq!(values(with_class.clone().tiled(2).unwrap()), [-7.0, 1.0, 3.0, 1.0, 3.0]);
        assert_eq!(values(with_class.clone().resized(grid(1, 1, 3)).unwrap()), [-7.0, 1.0, 2.0, 3.0]);
        assert_eq!(values(with_class.with_class_row(None)), [1.0, 3.0]);
    }

    #[test]
    fn what_cannot_be_repeated_or_does_not_fit_is_refused() {
        let error = positions(&[1.0, 2.0], grid(2, 1, 1)).tiled(3).unwrap_err().to_string();
        assert!(error.contains("2 temporal indices cannot be repeated to fill 3"), "{error}");
        for table in [Tensor::f32([1, 4, 1], vec![0.0; 4]), Tensor::f32([2, 1], vec![0.0; 2])] {
            assert!(PositionTable::new(table.unwrap(), grid(1, 1, 2)).is_err());
        }
    }

    #[test]
    fn absurd_grids_are_refused() {
        let table = |rows, width| Tensor::f32([1, rows, width], vec![0.0; rows * width]).unwrap();
        for (rows, width, grid, culprit) in [
            (0, 1, grid(1, 0, 2), "0×2 with rows of 1 is empty"),
            (1, 1, grid(0, 1, 1), "0 temporal indices"),
            (2, 0, grid(1, 1, 2), "rows of 0 is empty"),
            (1, 1, grid(1 << 40, 1 << 40, 1), "larger than any device can handle"),
        ] {
            let error = PositionTable::new(table(rows, width), grid).unwrap_err().to_string();
            assert!(error.contains(culprit), "{error}");
        }
        let one = PositionTable::new(table(1, 1), grid(1, 1, 1)).unwrap();
        for temporal in [0, 1 << 60] {
            assert!(one.clone().tiled(temporal).is_err(), "{temporal}");
            assert!(one.clone().resized(grid(temporal, 1, 1)).is_err(), "{temporal}");
        }
        let long = PositionTable::new(table(1 << 10, 1), grid(1, 1 << 10, 1)).unwrap();
        assert!(long.resized(grid(1 << 35, 1, 1)).is_err());
    }
}
