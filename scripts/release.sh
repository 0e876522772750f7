#!/usr/bin/env bash
# Builds an archive of the program for Linux machines without Rust: target/archive/tubelet-VERSION-MACHINE.tar.gz and its
# SHA-256. The same sources and tools give the same bytes. Run where the oldest C library is that it shall run with.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
machine=$(rustc -vV | sed -n 's/^host: //p')
name=tubelet-$version-$machine
archive=target/archive
folder=$archive/$name

cargo build --release --locked
rm -rf "$archive" && mkdir -p "$folder/completions"
cp target/release/tubelet README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT "$folder/"
strip "$folder/tubelet"
for shell in bash zsh fish; do
    "$folder/tubelet" completions "$shell" > "$folder/completions/tubelet.$shell"
done
library=$(grep -ao 'GLIBC_[0-9.]*' "$folder/tubelet" | sort -Vu | tail -n 1)
echo "Runs on Linux with ${library/GLIBC_/glibc } or newer; a GPU needs a Vulkan driver, and videos need the program ffmpeg." \
    > "$folder/REQUIREMENTS"

tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" \
    -C "$archive" -cf - "$name" | gzip -9n > "$archive/$name.tar.gz"
(cd "$archive" && sha256sum "$name.tar.gz" | tee "$name.tar.gz.sha256")
