#!/usr/bin/env bash
# Runs the engine's kernel tests on 64-bit ARM, the processors of Apple's computers, from a Linux
# x86 machine: compiled for aarch64 Linux and run under QEMU, on three processors, so that
# every instruction set of the kernels is used. This tests results, not speed.
#
# Installs Debian's cross compiler and QEMU if they are missing. The build has its own folder, and its
# dependencies are barely optimised, because compiling them takes longer than the tests.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/say.sh
. scripts/packages.sh
. scripts/cross.sh

target=aarch64-unknown-linux-gnu
tests=(cpu:: lora:: quant:: bench::)

[ "$(uname -s)" = Linux ] && has apt-get || fail "This runs on Debian and Ubuntu only."
[ -f "$HOME/.cargo/env" ] && . "$HOME/.cargo/env"
packages gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static
cross_compiler "$target"

export CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-target}")/arm
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc
export CARGO_PROFILE_DEV_DEBUG=false CARGO_INCREMENTAL=0
quick=(--config 'profile.dev.package."*".opt-level=0')
# The tests spend their time in these, and their SIMD functions compile only when inlined.
for package in ghost-engine gemm gemm-common gemm-f32 gemm-f16 pulp; do
    quick+=(--config "profile.dev.package.$package.opt-level=1")
done

test_engine() {
    cargo test --locked --target "$target" -p ghost-engine --lib "${quick[@]}" "${library[@]}" "$@"
}

step "The engine's tests: build"
test_engine --no-run

# QEMU's name for each, and its instructions for int8 products.
for processor in "max: i8mm and dotprod" "neoverse-n1: dotprod" "cortex-a72: neither"; do
    step "The kernel tests on $processor"
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64-static -cpu ${processor%%:*} -L /usr/aarch64-linux-gnu" \
        test_engine -- "${tests[@]}"
done
step "The kernel tests passed on all three processors."
