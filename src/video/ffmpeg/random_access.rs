//! Whether what follows a key frame of H.264 or HEVC needs nothing before it, by the frame's own bytes in an MP4 file.
//!
//! Containers and FFmpeg call a frame a key frame where decoding may begin, also where frames that come later still need
//! earlier ones (open groups, gradual refresh). An instantaneous decoder refresh forgets all that was before it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::index::Packet;
use super::input::Input;

/// Reads the kinds of the units that a frame consists of.
pub(super) struct Reader {
    file: File,
    hevc: bool,
}

/// Units of a frame that are looked at; parameters and messages come before the picture.
const MOST_UNITS: usize = 64;

impl Reader {
    /// `None` for codecs and containers of which the bytes do not lie in the file as they are decoded.
    pub(super) fn open(input: &Input, codec: &str, container: &str) -> Option<Self> {
        let hevc = match codec {
            "h264" => false,
            "hevc" => true,
            _ => return None,
        };
        let mp4 = container.split(',').any(|name| name == "mp4");
        mp4.then(|| File::open(&input.path).ok()).flatten().map(|file| Self { file, hevc })
    }

    /// Whether the frame is known to be an instantaneous decoder refresh.
    pub(super) fn is_closed(&mut self, packet: &Packet) -> bool {
        self.kind_of_picture(packet).is_some_and(|kind| match self.hevc {
            false => kind == 5,
            true => matches!(kind, 19 | 20),
        })
    }

    /// The kind of the first unit that holds a part of the picture. Each unit is preceded by its length in 4 bytes; where
    /// the lengths do not lead there they are not lengths.
    fn kind_of_picture(&mut self, packet: &Packet) -> Option<u8> {
        let start = packet.position?;
        let mut offset = 0;
        for _ in 0..MOST_UNITS {
            let mut head = [0; 5];
            if offset + head.len() as u64 > packet.bytes {
                return None;
            }
            self.file.seek(SeekFrom::Start(start.checked_add(offset)?)).ok()?;
            self.file.read_exact(&mut head).ok()?;
            let length = u64::from(u32::from_be_bytes([head[0], head[1], head[2], head[3]]));
            if length == 0 || offset + 4 + length > packet.bytes {
                return None;
            }
            let kind = if self.hevc { head[4] >> 1 & 0x3f } else { head[4] & 0x1f };
            if matches!((self.hevc, kind), (false, 1..=5) | (true, 0..=31)) {
                return Some(kind);
            }
            offset += 4 + length;
        }
        None
    }
}
