#!/usr/bin/env bash
# Runs the engine's kernel tests on 64-bit ARM, the processors of Apple's computers, from a Linux
# machine that has none: compiled for aarch64 Linux and run under QEMU, on three processors, so that
# every set of instructions the kernels know is used. The answers are tested, not the speed.
#
# Debian's cross compiler and QEMU are installed where they are missing. The build has a folder of
# its own, and dependencies are hardly optimised in it: compiling them takes longer than the tests.
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
# What the tests spend their time in, and what has instructions of some processors within functions
# that must be inlined to be compiled for those.
for package in ghost-engine gemm gemm-common gemm-f32 gemm-f16 pulp; do
    quick+=(--config "profile.dev.package.$package.opt-level=1")
done

test_engine() {
    cargo test --locked --target "$target" -p ghost-engine --lib "${quick[@]}" "${library[@]}" "$@"
}

step "The engine's tests: build"
test_engine --no-run

# What QEMU calls each, and which instructions for eight-bit products it has.
for processor in "max: i8mm and dotprod" "neoverse-n1: dotprod" "cortex-a72: neither"; do
    step "The kernels' tests on $processor"
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64-static -cpu ${processor%%:*} -L /usr/aarch64-linux-gnu" \
        test_engine -- "${tests[@]}"
done
step "The kernels' tests passed on all three."
