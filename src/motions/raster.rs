//! A picture that can be looked at from anywhere: sampled between its texels, and averaged where they lie closer than the
//! pixels that are drawn.

/// Red, green and blue, from 0 to 1.
pub(super) type Colour = [f32; 3];

/// What lies beyond the edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edges {
    /// The picture again.
    Repeat,
    /// Its mirror image.
    Mirror,
}

/// A picture and its halves, quarters, eighths….
#[derive(Debug)]
pub(super) struct Raster {
    levels: Vec<Level>,
    edges: Edges,
}

#[derive(Debug)]
struct Level {
    rows: usize,
    columns: usize,
    texels: Vec<Colour>,
}

/// The two levels that samples of some spacing lie between.
#[derive(Clone, Copy, Debug)]
pub(super) struct Detail {
    level: usize,
    /// Of the next level.
    share: f32,
}

impl Raster {
    /// From `rows` × `columns` texels, row by row.
    pub(super) fn new([rows, columns]: [usize; 2], texels: Vec<Colour>, edges: Edges) -> Self {
        let mut levels = vec![Level { rows, columns, texels }];
        while let Some(half) = levels.last().and_then(Level::half) {
            levels.push(half);
        }
        Self { levels, edges }
    }

    /// The largest of its levels, halved as long as its shorter side then still has `least` texels.
    pub(super) fn reduced_to(mut self, least: usize) -> Self {
        while self.levels.len() > 1 && self.levels[1].rows.min(self.levels[1].columns) >= least {
            self.levels.remove(0);
        }
        self
    }

    /// [rows, columns] of texels.
    pub(super) fn sides(&self) -> [usize; 2] {
        self.levels.first().map_or([1, 1], |level| [level.rows, level.columns])
    }

    /// Bytes of all levels.
    pub(super) fn bytes(&self) -> usize {
        self.levels.iter().map(|level| size_of_val(level.texels.as_slice())).sum()
    }

    /// The levels for samples that lie `spacing` texels apart.
    pub(super) fn detail(&self, spacing: f32) -> Detail {
        let last = (self.levels.len() - 1) as f32;
        let level = libm::log2f(spacing.max(1.0)).min(last);
        Detail { level: level as usize, share: level - level.floor() }
    }

    /// The colour at [x, y], in texels from the upper left corner.
    pub(super) fn sample(&self, [x, y]: [f32; 2], detail: Detail) -> Colour {
        let [rows, columns] = self.sides().map(|side| side as f32);
        let at = |level: &Level| {
            let to = [level.columns as f32 / columns, level.rows as f32 / rows];
            level.sample([x * to[0], y * to[1]], self.edges)
        };
        let fine = at(&self.levels[detail.level]);
        match self.levels.get(detail.level + 1) {
            Some(coarse) if detail.share > 0.0 => mixed(fine, at(coarse), detail.share),
            _ => fine,
        }
    }
}

impl Level {
    /// Averages of two by two texels; `None` of what has become a line.
    fn half(&self) -> Option<Self> {
        let [rows, columns] = [self.rows / 2, self.columns / 2];
        let average = |row: usize, column: usize| {
            let first = 2 * row * self.columns + 2 * column;
            let four = [first, first + 1, first + self.columns, first + self.columns + 1];
            four.iter().fold([0.0; 3], |sum, &texel| mixed_in(sum, self.texels[texel], 0.25))
        };
        let texels = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        let half = || Self { rows, columns, texels: texels.map(|(row, column)| average(row, column)).collect() };
        (rows > 0 && columns > 0).then(half)
    }

    fn sample(&self, [x, y]: [f32; 2], edges: Edges) -> Colour {
        let (x, y) = (x - 0.5, y - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let columns = [0, 1].map(|next| edges.within(left as i32 + next, self.columns));
        let rows = [0, 1].map(|next| edges.within(top as i32 + next, self.rows) * self.columns);
        let row = |row: usize| mixed(self.texels[row + columns[0]], self.texels[row + columns[1]], x - left);
        mixed(row(rows[0]), row(rows[1]), y - top)
    }
}

impl Edges {
    /// The texel of `0..count` that stands at `index`.
    fn within(self, index: i32, count: usize) -> usize {
        let count = count as i32;
        let index = match self {
            Self::Repeat => index.rem_euclid(count),
            Self::Mirror => {
                let index = index.rem_euclid(2 * count);
                index.min(2 * count - 1 - index)
            }
        };
        index as usize
    }
}

/// `from`, and as much of `to` as `share` says.
pub(super) fn mixed(from: Colour, to: Colour, share: f32) -> Colour {
    [0, 1, 2].map(|plane| from[plane] + (to[plane] - from[plane]) * share)
}

fn mixed_in(sum: Colour, colour: Colour, share: f32) -> Colour {
    [0, 1, 2].map(|plane| sum[plane] + colour[plane] * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(edges: Edges) -> Raster {
        Raster::new([4, 8], (0..32).map(|texel| [(texel % 8) as f32, (texel / 8) as f32, 1.0]).collect(), edges)
    }

    #[test]
    fn texels_lie_at_their_centres_and_between_them_is_their_mean() {
        let raster = ramp(Edges::Repeat);
        let detail = raster.detail(1.0);
        assert_eq!(raster.sample([2.5, 1.5], detail), [2.0, 1.0, 1.0]);
        assert_eq!(raster.sample([3.0, 2.0], detail), [2.5, 1.5, 1.0]);
        assert_eq!(raster.sample([8.0, 0.5], detail)[0], 3.5, "between the last and the first");
        assert_eq!(ramp(Edges::Mirror).sample([8.0, 0.5], detail)[0], 7.0);
        assert_eq!(ramp(Edges::Mirror).sample([-1.5, 0.5], detail)[0], 1.0);
    }

    #[test]
    fn samples_that_lie_apart_are_averages() {
        let raster = ramp(Edges::Repeat);
        assert_eq!(raster.sample([1.0, 1.0], raster.detail(2.0))[..2], [0.5, 0.5]);
        let between = raster.sample([1.0, 1.0], raster.detail(2f32.sqrt()));
        assert!((between[0] - 0.5).abs() < 1e-6, "{between:?}");
        assert_eq!(raster.sample([1.0, 1.0], raster.detail(1e9))[2], 1.0);
    }
}
