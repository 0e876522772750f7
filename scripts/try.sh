#!/usr/bin/env bash
# Sets everything up and classifies the bundled video with a ViViT-B of random weights, on this machine's fastest device.
# Arguments are passed on: scripts/try.sh --model google/vivit-b-16x2-kinetics400
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
. scripts/environment.sh
[ $# -gt 0 ] || set -- --untrained vit-b
cargo build --release
exec target/release/tubelet classify tests/data/video/bigbuckbunny.mp4 "$@"
