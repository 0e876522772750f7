#!/usr/bin/env bash
# Says what moves in the bundled video, and how, as time goes by: by the bundled model, in a window that slides over the video,
# on this machine's fastest device; installs ffmpeg where it is missing. No driver is needed, and no model is downloaded.
# Arguments are passed on instead: scripts/try.sh --model google/vivit-b-16x2-kinetics400
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh ffmpeg
. scripts/environment.sh
[ $# -gt 0 ] || set -- --model motions --sliding 16 --stride 2 --step 4 --top 2
exec cargo run --release --bin tubelet -- classify tests/data/video/bigbuckbunny.mp4 "$@"
