# A Rust compiler for another system or processor. Sourced after say.sh, never run.

# Further arguments for cargo.
library=()

# Prepares cargo to compile for target $1. Its standard library comes from rustup. If
# rustup does not have it, Debian's compiler and its source of that library are unpacked into the
# target folder (nothing is installed), and the library is compiled along with the rest.
cross_compiler() {
    step "Rust's standard library for $1"
    if ! { has rustup && rustup target add "$1"; }; then
        note "rustup does not have it; trying Debian's compiler"
        debian_compiler
        library=(-Zbuild-std=std,panic_abort)
    fi
}

# Switches to Debian's rustc, and unpacks it first if necessary.
debian_compiler() {
    local root usr
    root=$(realpath -m "${CARGO_TARGET_DIR:-target}")/debian-rust
    usr=$root/usr
    if [ ! -f "$root/.unpacked" ]; then
        has apt-get && has dpkg || fail "rustup cannot install this target here, and the alternative needs Debian or Ubuntu."
        rm -rf "$root"
        mkdir -p "$root/packages"
        local driver llvm package
        driver=$(needs libstd-rust-web-dev libstd-rust-web-)
        llvm=$(needs "$driver" libllvm)
        (cd "$root/packages" &&
            apt-get download -q rustc-web rust-web-src libstd-rust-web-dev "$driver" "$llvm") ||
            fail "Debian's compiler could not be downloaded. Try \`apt-get update\`."
        for package in "$root"/packages/*.deb; do dpkg -x "$package" "$root"; done
        rm -r "$root/packages"
        touch "$root/.unpacked"
    fi
    # Building the standard library is not a stable feature yet.
    export RUSTC=$usr/bin/rustc RUSTC_BOOTSTRAP=1
    LD_LIBRARY_PATH=$(dirname "$(find "$usr/lib" -name 'librustc_driver-*.so' | head -n 1)")
    export LD_LIBRARY_PATH
    note "$("$RUSTC" --version)"
}

# The package that $1 depends on whose name begins with $2.
needs() {
    local found
    found=$(apt-cache depends "$1" 2>/dev/null | sed -n "s/^ *Depends: \($2[^ ]*\)$/\1/p" | head -n 1)
    [ -n "$found" ] || fail "Debian's package $1 is missing or too old: bookworm or newer is needed."
    echo "$found"
}
