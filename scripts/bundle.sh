#!/usr/bin/env bash
# Builds everything that measures a device and puts it into target/bundle, for a machine without Rust:
#
#     scripts/bundle.sh                        # here
#     target/bundle/run.sh RESULTS_FOLDER      # there, with target/bundle copied as it is (about 50 MiB)
#
# run.sh checks every kernel and model on the machine's fastest device, measures it, and leaves a report of each in the
# folder; benches/results/ keeps such reports. Where PyTorch is installed it is timed on the same work.
set -euo pipefail
cd "$(dirname "$0")/.."

bundle=target/bundle
rm -rf "$bundle" && mkdir -p "$bundle"
if commit=$(git rev-parse HEAD 2>/dev/null); then export TUBELET_COMMIT=$commit; fi
cargo build --release
cp target/release/tubelet "$bundle/"
tests=(kernels golden models naive invariance attention_maps sliding device_frames batches)
for test in "${tests[@]}"; do
    binary=$(cargo test --no-run --test "$test" --message-format=json |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
    cp "$binary" "$bundle/test-$test"
done
strip "$bundle"/tubelet "$bundle"/test-*
mkdir "$bundle/data" && cp -r tests/data/hf-* tests/data/scenic-* "$bundle/data/"
cp -r benches/peers "$bundle/peers"

cat > "$bundle/run.sh" <<'RUN'
#!/usr/bin/env bash
set -u
here=$(cd "$(dirname "$0")" && pwd)
results=${1:?a folder for the results}
mkdir -p "$results"
export TUBELET_TEST_DATA="$here/data" TUBELET_REQUIRE_GPU=1 XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}"
failures=0
"$here/tubelet" devices --json > "$results/devices.json" || failures=1
for test in "$here"/test-*; do
    name=$(basename "$test")
    "$test" > "$results/$name.txt" 2>&1 || { failures=1; echo "$name failed"; }
    tail -n 1 "$results/$name.txt"
done
"$here/tubelet" bench --full --json > "$results/bench.json" || failures=1
"$here/tubelet" bench --kernel all --full --json > "$results/bench-kernels.json" || failures=1
for kind in 1 2 3 4; do
    for batch in 1 4 8; do
        "$here/tubelet" bench --forward --full --kind "$kind" --batch "$batch" --json \
            > "$results/bench-model-$kind-batch-$batch.json" || failures=1
    done
done
"$here/tubelet" bench --full > "$results/bench.txt" && cat "$results/bench.txt"
if python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    for model in joint fe fsa fdp; do
        for batch in 1 4 8; do
            for type in f32 bf16; do
                (cd "$here/peers" && PB_DEVICE=cuda PB_BATCH=$batch python3 sdpa4.py "$model" "$type") |
                    tee "$results/torch-$model-$type-batch-$batch.json"
            done
        done
    done
fi
exit $failures
RUN
chmod +x "$bundle/run.sh"
du -sh "$bundle"
