//! The page: one file that shows the clip in time.
pub(super) fn html(_scene: &super::scene::Scene<'_>) -> crate::tensor::Result<Vec<u8>> { Ok(vec![]) }
