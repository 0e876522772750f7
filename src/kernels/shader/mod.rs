//! How kernels run as WGSL: variants, the dispatches they plan, templates, compiled programs, and their check.

pub(super) mod cut;
mod dispatches;
mod listing;
mod precision;
mod program;
mod selection;
pub mod suite;
mod template;
mod tile_picks;
mod variant;
mod workgroup_tile;

pub use cut::{FrameRun, Seen};
pub use dispatches::{Dispatches, Launch, word};
pub use listing::{ListedDispatch, Listing};
pub use precision::Precision;
pub use program::{Program, ProgramBuilder, render};
pub use selection::Selection;
pub use template::{Literal, Literals};
pub use tile_picks::{ProductClass, TilePicks};
pub(super) use variant::wgsl;
pub use variant::{DeviceClass, Needs, Plan, Planned, Planner, Shader, Unfit, Variant};
pub use workgroup_tile::WorkgroupTile;
