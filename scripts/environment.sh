# Sourced by the other scripts: what a run needs of its environment.

# Mesa compiles a kernel at its first dispatch, which takes seconds; its cache on disk makes that a matter of once.
export MESA_SHADER_CACHE_DIR="${MESA_SHADER_CACHE_DIR:-$PWD/target/mesa-shader-cache}"
# Without it a Vulkan layer complains on stderr.
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}"
