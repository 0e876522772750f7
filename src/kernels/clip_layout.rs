//! The two orders in which clips are stored.

use crate::tensor::{Shape, named};

/// How the values of a clip lie in memory, outermost axis first (spec §1.2).
///
/// In the project's letters T is F, C is P, H is Y and W is X. Frames are the outer axis of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClipLayout {
    /// `[B, F, P, Y, X]`: Hugging Face's `pixel_values`.
    Btchw,
    /// `[B, F, Y, X, P]`: scenic's input.
    Bthwc,
}

named!(ClipLayout, "the layout of a clip": Btchw = "btchw", Bthwc = "bthwc");

impl ClipLayout {
    /// The shape of B clips of F frames of `[Y, X]` pixels with P colour planes.
    pub fn shape(self, clips: usize, frames: usize, size: [usize; 2], planes: usize) -> Shape {
        let [first, second, third] = self.frame(size, planes);
        [clips, frames, first, second, third].into()
    }

    /// The axes of a frame.
    pub fn frame(self, [height, width]: [usize; 2], planes: usize) -> [usize; 3] {
        match self {
            Self::Btchw => [planes, height, width],
            Self::Bthwc => [height, width, planes],
        }
    }

    /// Elements from one plane, one row and one column to the next; from one frame to the next it is P·Y·X.
    pub fn strides(self, [height, width]: [usize; 2], planes: usize) -> Strides {
        match self {
            Self::Btchw => Strides { plane: height * width, row: width, column: 1 },
            Self::Bthwc => Strides { plane: 1, row: width * planes, column: planes },
        }
    }
}

/// Elements between neighbours within a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Strides {
    /// From one colour plane to the next.
    pub plane: usize,
    /// From one row to the next.
    pub row: usize,
    /// From one column to the next.
    pub column: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_reach_every_element_of_the_shape() {
        let ([height, width], planes) = ([2, 5], 3);
        for layout in [ClipLayout::Btchw, ClipLayout::Bthwc] {
            let axes = layout.shape(1, 1, [height, width], planes);
            let Strides { plane, row, column } = layout.strides([height, width], planes);
            let last = (planes - 1) * plane + (height - 1) * row + (width - 1) * column;
            assert_eq!(last + 1, axes.elements());
        }
        assert_eq!(ClipLayout::Btchw.shape(2, 4, [6, 7], 3), [2, 4, 3, 6, 7].into());
        assert_eq!(ClipLayout::Bthwc.shape(2, 4, [6, 7], 3), [2, 4, 6, 7, 3].into());
    }
}
