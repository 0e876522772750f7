//! Which part of a resized picture a model sees.

/// One axis of a crop: `before` black pixels, then `len` pixels of the resized picture beginning with `from`, then
/// black pixels up to `size`.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Extent {
    /// Pixels of the crop, padding included.
    pub size: usize,
    /// Black pixels before the picture, where it is smaller than the crop.
    pub before: usize,
    /// First pixel of the picture that is seen.
    pub from: usize,
    /// Pixels of the picture that are seen.
    pub len: usize,
}

impl Extent {
    /// `size` pixels in the middle of `available`. The offset is rounded down; where padding is odd, Hugging Face has
    /// the extra pixel before the picture (`extra_before`) and TensorFlow behind it.
    pub(super) fn central(available: usize, size: usize, extra_before: bool) -> Self {
        let missing = size.saturating_sub(available);
        let before = if extra_before { missing.div_ceil(2) } else { missing / 2 };
        Self { size, before, from: available.saturating_sub(size) / 2, len: size.min(available) }
    }

    /// `size` pixels of the picture beginning with `from`.
    pub(super) fn starting_at(from: usize, size: usize) -> Self {
        Self { size, before: 0, from, len: size }
    }

    /// The pixels of the picture that are seen.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.from..self.from + self.len
    }
}

/// The part of a resized picture that is seen, zero (black) where there is no picture.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CropWindow {
    /// Along the height, Y.
    pub rows: Extent,
    /// Along the width, X.
    pub columns: Extent,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn odd_padding_goes_where_each_family_puts_it() {
        let hugging_face = Extent::central(3, 6, true);
        assert_eq!(hugging_face, Extent { size: 6, before: 2, from: 0, len: 3 });
        assert_eq!(Extent::central(3, 6, false), Extent { before: 1, ..hugging_face });
    }

    proptest! {
        #[test]
        fn a_crop_is_filled_or_holds_the_whole_picture(available in 1usize..600, size in 1usize..600, extra: bool) {
            let extent = Extent::central(available, size, extra);
            prop_assert!(extent.range().end <= available && extent.before + extent.len <= size);
            prop_assert_eq!(extent.len, size.min(available));
            let (left, right) = (extent.from, available - extent.range().end);
            prop_assert!(left <= right && right <= left + 1);
        }
    }
}
