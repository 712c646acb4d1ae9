#!/usr/bin/env bash
# Builds the program with CUDA (Linux, x86-64). The build needs no GPU and no driver. The compiler and the
# libraries come as Python wheels into target/cuda. The program and the libraries it loads are written to
# target/cuda-build/release; move them together.
#
# The program starts on any machine: it looks for the driver and the libraries when it first needs them.
# Without them it computes on the CPU and says why.
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
    # Only CUDA's small runtime is linked, statically. Everything else is loaded when the program runs, so
    # the linker gets empty archives.
    for name in cuda cublas cublasLt curand nvrtc; do ar rc "$home/lib/lib$name.a"; done
    ln -s libcudart_static.a "$home/lib/libcudart.a"
    cksum <scripts/cuda.txt >"$tools/.installed-from"
fi

# candle enables cudarc's linked driver, and such a program does not start without a driver. cudarc can also
# load it at run time, but the two features exclude each other.
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

step "Building the program with CUDA (about half an hour the first time)"
# Kernels for Ampere (RTX 30, compute capability 8.0) and newer, with PTX that newer GPUs compile
# when they first load it.
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
step "Built target/cuda-build/release/the-ghost. Its libraries are in the folder cuda next to it."
note "It needs NVIDIA's driver 580 or newer. \`the-ghost doctor\` shows what it finds."
