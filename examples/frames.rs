//! Decodes the frames of one clip from the middle of a video and says how long it took, programs started included:
//!
//!     cargo run --release --example frames -- clip.mp4
//!
//! `benches/peers/frames.py` times PyAV on the same frames beside it.

use std::time::Instant;

use tubelet::video::{self, Sampling};

fn main() -> tubelet::Result<()> {
    let path = std::env::args().nth(1).ok_or_else(|| tubelet::tensor::Error::usage("which video?"))?;
    let start = Instant::now();
    let mut source = video::open(&path)?;
    let clip = source.clip(&Sampling::Central { frames: 32, stride: 2 })?;
    println!("{} frames from {} on in {:.3} s", clip.frames().len(), clip.indices()[0], start.elapsed().as_secs_f64());
    Ok(())
}
