#!/usr/bin/env bash
# Checks and measures the fastest device of this machine, and PyTorch on the same work where it is installed, without Rust:
#
#     run.sh RESULTS_FOLDER
#
# scripts/bundle.sh packs it with what it needs. What is done first matters most; each step has its own time, 8 minutes
# together on a fast GPU, and says how long it took. DEVICE chooses another device, such as software.
set -u
here=$(cd "$(dirname "$0")" && pwd)
results=${1:?a folder for the results}
device=${DEVICE:-hardware}
mkdir -p "$results"
export TUBELET_TEST_DATA="$here/data" TUBELET_REQUIRE_GPU=1 XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}"
failures=0

# step SECONDS NAME COMMAND…: its results go to NAME, what it says to NAME.log.
step() {
    local seconds=$1 name=$2 begun=$SECONDS
    shift 2
    timeout "$seconds" "$@" > "$results/$name" 2> "$results/$name.log"
    local code=$?
    [ -s "$results/$name.log" ] || rm -f "$results/$name.log"
    case $code in
    0) echo "$name: $((SECONDS - begun)) s" ;;
    124) failures=1 && echo "$name: not done after $seconds s" ;;
    *) failures=1 && echo "$name: FAILED after $((SECONDS - begun)) s, exit code $code" ;;
    esac
}

tubelet() { step "$1" "$2" "$here/tubelet" "${@:3}" --device "$device"; }

step 20 devices.json "$here/tubelet" devices --json
tubelet 150 check.json check --json --report "$results/check.html" --evidence "$results/evidence"
tubelet 200 bench.json bench --precision f32,f16 --json --report "$results/bench"
for batch in 1 8; do
    tubelet 100 "bench-batch-$batch.json" bench --alone --backbone b --frames 32 --size 224 --batch "$batch" \
        --precision f32,f16 --json
done
if python3 -c 'import torch; assert torch.cuda.is_available()' 2> /dev/null; then
    for model in joint fe fsa fdp; do
        step 60 "torch-$model.jsonl" env PB_DEVICE=cuda PB_BATCH=1,8 python3 "$here/peers/sdpa4.py" "$model" f32,f16,bf16
    done
else
    echo "PyTorch has no GPU here: nothing to compare with"
fi
tubelet 150 bench-kernels.json bench --alone --kernel all --json
for test in "$here"/test-*; do
    step 60 "$(basename "$test").txt" "$test"
done
exit $failures
