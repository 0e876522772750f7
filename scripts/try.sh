#!/usr/bin/env bash
# Classifies the bundled video with a ViViT-B of random weights, on this machine's fastest device; installs ffmpeg where it is
# missing. No driver is needed.
# Arguments are passed on: scripts/try.sh --model google/vivit-b-16x2-kinetics400
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh ffmpeg
. scripts/environment.sh
[ $# -gt 0 ] || set -- --untrained vit-b
exec cargo run --release --bin tubelet -- classify tests/data/video/bigbuckbunny.mp4 "$@"
