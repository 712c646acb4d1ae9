#!/usr/bin/env bash
# Builds the program with CUDA in it, on a machine that needs neither a card nor a driver (Linux,
# x86-64). The compiler and the libraries come as Python wheels into target/cuda; the program and
# the libraries it loads land in target/cuda-build/release, to be moved together.
#
# The program starts everywhere: it looks for the driver and the libraries when it first wants them
# and computes on the processor, saying why, where they are not.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/say.sh

[ "$(uname -sm)" = "Linux x86_64" ] || fail "The CUDA program is built on Linux with an x86-64 processor."
scripts/setup.sh run
[ -f "$HOME/.cargo/env" ] && . "$HOME/.cargo/env"

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
tools=$target/cuda
home=$tools/nvidia/cu13

if [ "$(cat "$tools/.installed-from" 2>/dev/null)" != "$(cksum <scripts/cuda.txt)" ]; then
    step "Fetching CUDA's compiler and libraries (580 MB, once)"
    rm -rf "$tools"
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --no-compile --require-hashes \
        --target "$tools" --requirement scripts/cuda.txt
    # Nothing of CUDA is linked but its small runtime, and that whole: everything else is found when
    # the program runs. Empty archives tell the linker so.
    for name in cuda cublas cublasLt curand nvrtc; do ar rc "$home/lib/lib$name.a"; done
    ln -s libcudart_static.a "$home/lib/libcudart.a"
    cksum <scripts/cuda.txt >"$tools/.installed-from"
fi

# candle asks for cudarc linked to the driver, which a machine without one couldn't start; cudarc
# can also look for it at run time, and the two can't both be asked for as features.
cat >"$tools/rustc" <<'WRAPPER'
#!/bin/sh
case " $* " in
*" --crate-name cudarc "*) exec "$@" --cfg 'feature="dynamic-loading"' ;;
*) exec "$@" ;;
esac
WRAPPER
chmod +x "$tools/rustc"

step "Building the page"
npm --prefix ui run build --silent

step "Building the program with CUDA (the first time takes long)"
# Kernels for cards from Ampere (RTX 30) on, 8.0, with their portable form, which newer cards
# than the compiler's own translate when they first see it.
export CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-80}
export NVCC_APPEND_FLAGS="-gencode=arch=compute_$CUDA_COMPUTE_CAP,code=compute_$CUDA_COMPUTE_CAP"
export CUDA_HOME=$home CUDA_PATH=$home NVCC=$home/bin/nvcc CUDARC_CUDA_VERSION=13000
export PATH="$home/bin:$PATH"
RUSTC_WRAPPER="$tools/rustc" RUSTFLAGS="-C link-arg=-Wl,-rpath,\$ORIGIN/cuda" \
    CARGO_TARGET_DIR="$target/cuda-build" cargo build --locked --release --features cuda

mkdir -p "$target/cuda-build/release/cuda"
for name in libcublas.so.13 libcublasLt.so.13 libcurand.so.10; do
    cp --update --link "$home/lib/$name" "$target/cuda-build/release/cuda/" 2>/dev/null ||
        cp --update "$home/lib/$name" "$target/cuda-build/release/cuda/"
done
step "It is target/cuda-build/release/the-ghost, with its libraries in the folder cuda beside it."
note "It wants NVIDIA's driver 580 or newer; \`the-ghost doctor\` says what it finds."
