//! A file as `ffmpeg` and `ffprobe` are asked to read it: that file and nothing that it names.

use std::{
    ffi::OsString,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
};

use crate::video::opening::{Deadline, OpenOptions};

/// The first stream that is a video rather than a cover picture.
pub(super) const STREAM: &str = "V:0";

/// The two programs.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    pub(super) ffmpeg: PathBuf,
    pub(super) ffprobe: PathBuf,
}

impl Default for Programs {
    fn default() -> Self {
        Self { ffmpeg: "ffmpeg".into(), ffprobe: "ffprobe".into() }
    }
}

/// A file, and how it may be read.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub(super) programs: Programs,
    pub(super) path: PathBuf,
    pub(super) references: bool,
    pub(super) deadline: Deadline,
    /// Whether it is so short that threads take longer to start than they save.
    pub(super) short: bool,
}

/// Containers and streams that hold their pictures themselves, by FFmpeg's names. Not among them are lists of other files
/// (HLS, DASH, concat, IMF, SDP), patterns of file names, devices and scripts. Those of sound alone have no video to tell of.
const CONTAINERS: &str = "mov,matroska,avi,mpegts,mpeg,mpegvideo,m4v,h261,h263,h264,hevc,vvc,evc,av1,obu,ivf,flv,live_flv,\
    asf,ogg,dv,mxf,gxf,nut,rm,wtv,swf,nsv,nuv,yuv4mpegpipe,mjpeg,mjpeg_2000,dirac,vc1,vc1test,cavsvideo,avs,avs2,avs3,\
    apng,gif,webp_pipe,jpeg_pipe,png_pipe,bmp_pipe,tiff_pipe,jpegls_pipe,j2k_pipe,exr_pipe,dpx_pipe,bink,smk,roq,film_cpk,\
    idcin,ea,flic,4xm,c93,dhav,dxa,ivr,iv8,kux,lmlm4,lvf,mtv,mvi,mxg,nc,pmp,pva,r3d,rpl,siff,smjpeg,thp,tiertexseq,tmv,\
    txd,ty,vivo,vmd,wc3movie,wsvqa,xmv,yop,\
    aac,ac3,aiff,caf,flac,mp3,w64,wav";

/// Lists of other files that FFmpeg reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// A playlist of HLS.
    Playlist,
    /// A list in FFmpeg's own format.
    Concatenation,
}

/// Bytes that tell a list.
const LIST_BEGINNING: u64 = 32;

impl Input {
    pub(super) fn new(path: &Path, options: &OpenOptions) -> Self {
        Self {
            programs: Programs::default(),
            path: path.into(),
            references: options.references,
            deadline: Deadline::after(options.timeout),
            short: false,
        }
    }

    /// `program` with the file as its input, after `options` for it.
    pub(super) fn command(&self, program: &Path, general: &[&str], input: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(general);
        if !self.references {
            command.args(["-format_whitelist", CONTAINERS, "-protocol_whitelist", "file"]);
        }
        if self.references && self.list() == Some(List::Concatenation) {
            // References are allowed: absolute ones too.
            command.args(["-safe", "0"]);
        }
        command.args(input).arg("-i").arg(self.argument());
        command
    }

    /// What kind of list of other files this is, by its beginning.
    pub(super) fn list(&self) -> Option<List> {
        let mut beginning = Vec::new();
        File::open(&self.path).ok()?.take(LIST_BEGINNING).read_to_end(&mut beginning).ok()?;
        let text = beginning.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&beginning);
        match text {
            text if text.starts_with(b"#EXTM3U") => Some(List::Playlist),
            text if text.starts_with(b"ffconcat version") => Some(List::Concatenation),
            _ => None,
        }
    }

    /// `file:` keeps a path that begins with `-` or holds a `:` from being read otherwise.
    pub(super) fn argument(&self) -> OsString {
        let mut argument = OsString::from("file:");
        argument.push(&self.path);
        argument
    }
}
