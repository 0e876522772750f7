#!/usr/bin/env bash
# Installs what a bare Debian or Ubuntu machine lacks of ffmpeg and a Vulkan driver (Mesa's software device, where no other
# answers): both, or what is named: scripts/setup.sh ffmpeg. Does nothing where all is there. Rust is taken for granted.
set -euo pipefail

[ $# -gt 0 ] || set -- ffmpeg vulkan
missing=()
shopt -s nullglob
for wanted in "$@"; do
    case $wanted in
    ffmpeg) command -v ffmpeg >/dev/null && command -v ffprobe >/dev/null || missing+=(ffmpeg) ;;
    vulkan)
        drivers=(/usr/share/vulkan/icd.d/*.json /etc/vulkan/icd.d/*.json /usr/local/share/vulkan/icd.d/*.json)
        [ ${#drivers[@]} -gt 0 ] || missing+=(mesa-vulkan-drivers)
        ldconfig -p 2>/dev/null | grep -q 'libvulkan\.so\.1' || missing+=(libvulkan1)
        ;;
    *) echo "setup.sh knows ffmpeg and vulkan, not $wanted" >&2 && exit 2 ;;
    esac
done
[ "$(uname)" = Linux ] && [ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "please install ${missing[*]} (the names of Debian's packages), then run this again" >&2
    exit 1
fi
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
echo "installing ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
