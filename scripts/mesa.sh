#!/bin/sh
# A newer Mesa beside the installed one, for kernels that the installed one cannot run: the software device of Mesa 26.1
# has matrix units (8×8×8, f16 into f32). Nothing is installed; everything lies in one folder.
#
#     scripts/mesa.sh get                     fetches it (about 100 MB of Debian packages), needs apt and dpkg-deb
#     scripts/mesa.sh run PROGRAM ARGUMENTS   runs a program with it
#
# With cargo:
#
#     CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="$PWD/scripts/mesa.sh run" cargo test --test kernels
#
# Its drivers need a newer C library than older systems have. A program runs unchanged under the loader and the
# libraries that come with them; a program that it starts in turn does not, and finds the system's devices.
set -eu

folder=${TUBELET_MESA:-${XDG_CACHE_HOME:-$HOME/.cache}/tubelet/mesa}
suite=trixie
root=$folder/root

get() {
    mkdir -p "$folder/etc/preferences.d" "$folder/lists/partial" "$folder/archives/partial" "$root"
    : > "$folder/status"
    keys=/usr/share/keyrings/debian-archive-keyring.gpg
    mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
    for each in "$suite" "$suite-backports"; do
        echo "deb [signed-by=$keys] $mirror $each main"
    done > "$folder/sources.list"
    # An apt of its own, which knows of no package that is installed and so fetches all that a driver needs.
    apt="-o Dir::Etc::sourcelist=$folder/sources.list -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::Etc::preferencesparts=$folder/etc/preferences.d -o Dir::State::lists=$folder/lists \
        -o Dir::State::status=$folder/status -o Dir::Cache::archives=$folder/archives \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Debug::NoLocking=1 -o APT::Sandbox::User="
    # shellcheck disable=SC2086
    apt-get $apt update
    # shellcheck disable=SC2086
    apt-get $apt --yes --no-install-recommends --download-only --target-release "$suite-backports" \
        install mesa-vulkan-drivers libvulkan1
    for package in "$folder"/archives/*.deb; do
        dpkg-deb -x "$package" "$root"
    done
    echo "Mesa lies in $root"
}

run() {
    libraries=$root/usr/lib/x86_64-linux-gnu
    driver=$folder/lvp_icd.json
    if [ ! -e "$libraries/libvulkan_lvp.so" ]; then
        echo "there is no newer Mesa in $folder; fetch it with scripts/mesa.sh get" >&2
        exit 2
    fi
    printf '{"file_format_version": "1.0.1", "ICD": {"library_path": "%s", "api_version": "1.4.0"}}\n' \
        "$libraries/libvulkan_lvp.so" > "$driver.$$"
    mv "$driver.$$" "$driver"
    export VK_DRIVER_FILES="$driver" VK_ICD_FILENAMES="$driver"
    export MESA_SHADER_CACHE_DIR="$folder/shaders"
    exec "$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$libraries" "$@"
}

case "${1:-}" in
    get) get ;;
    run) shift; run "$@" ;;
    *) echo "usage: scripts/mesa.sh get | run PROGRAM ARGUMENTS" >&2; exit 2 ;;
esac
