#!/usr/bin/env bash
# Sets everything up and runs all tests. A missing device is a failure, not a skipped test.
# Arguments are passed on to cargo test: scripts/test.sh --test kernels -- attention
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
. scripts/environment.sh
export TUBELET_REQUIRE_GPU=1
cargo test "$@"
