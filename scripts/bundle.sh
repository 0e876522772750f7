#!/usr/bin/env bash
# Builds everything that checks and measures a device and puts it into target/bundle, for a machine without Rust:
#
#     scripts/bundle.sh                        # here
#     target/bundle/run.sh RESULTS_FOLDER      # there, with target/bundle copied as it is (below 60 MiB)
#
# scripts/measure.sh is run.sh; benches/results/ keeps what it measures.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
bundle=target/bundle
rm -rf "$bundle" && mkdir -p "$bundle"
if commit=$(git rev-parse HEAD 2> /dev/null); then export TUBELET_COMMIT=$commit; fi
cargo build --release
cp "$target/release/tubelet" "$bundle/"
tests=(golden models naive invariance attention_maps sliding device_frames batches weights)
for test in "${tests[@]}"; do
    binary=$(cargo test --no-run --test "$test" --message-format=json |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
    cp "$binary" "$bundle/test-$test"
done
strip "$bundle"/tubelet "$bundle"/test-*
mkdir "$bundle/data" && cp -r tests/data/hf-* tests/data/scenic-* "$bundle/data/"
mkdir "$bundle/peers" && cp benches/peers/{common,sdpa4}.py "$bundle/peers/"
cp scripts/measure.sh "$bundle/run.sh"
du -sm "$bundle"
