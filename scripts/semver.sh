#!/usr/bin/env bash
# What changed in the public surface since a release, and whether the version says so: scripts/semver.sh v0.1.0
# (a tag, a branch or a commit). Needs cargo-semver-checks: cargo install cargo-semver-checks --locked
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -ne 1 ]; then
    echo "usage: scripts/semver.sh REVISION, the release to compare with" >&2
    exit 2
fi
if ! cargo semver-checks --version >/dev/null 2>&1; then
    echo "cargo-semver-checks is missing: cargo install cargo-semver-checks --locked" >&2
    exit 1
fi
cargo semver-checks --baseline-rev "$1" --all-features
