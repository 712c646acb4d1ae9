# A Rust compiler for another system or processor. Sourced after say.sh, never run.

# What cargo must be told besides the target.
library=()

# Makes cargo able to compile for target $1. Rust's own library for it comes from rustup. Where
# rustup can't give it, Debian's compiler and its source of that library are unpacked into the
# target folder (nothing is installed), and the library is compiled along with the rest.
cross_compiler() {
    step "Rust's own library for $1"
    if ! { has rustup && rustup target add "$1"; }; then
        note "rustup has none here; trying Debian's compiler"
        debian_compiler
        library=(-Zbuild-std=std,panic_abort)
    fi
}

# Uses Debian's rustc for what follows; unpacks it first where it isn't yet.
debian_compiler() {
    local root usr
    root=$(realpath -m "${CARGO_TARGET_DIR:-target}")/debian-rust
    usr=$root/usr
    if [ ! -f "$root/.unpacked" ]; then
        has apt-get && has dpkg || fail "Without rustup's library this needs Debian or Ubuntu."
        rm -rf "$root"
        mkdir -p "$root/packages"
        local driver llvm package
        driver=$(needs libstd-rust-web-dev libstd-rust-web-)
        llvm=$(needs "$driver" libllvm)
        (cd "$root/packages" &&
            apt-get download -q rustc-web rust-web-src libstd-rust-web-dev "$driver" "$llvm") ||
            fail "Debian's compiler could not be fetched; \`apt-get update\` may help."
        for package in "$root"/packages/*.deb; do dpkg -x "$package" "$root"; done
        rm -r "$root/packages"
        touch "$root/.unpacked"
    fi
    # To compile the library along with the rest is not yet a stable thing to ask for.
    export RUSTC=$usr/bin/rustc RUSTC_BOOTSTRAP=1
    LD_LIBRARY_PATH=$(dirname "$(find "$usr/lib" -name 'librustc_driver-*.so' | head -n 1)")
    export LD_LIBRARY_PATH
    note "$("$RUSTC" --version)"
}

# The package that $1 depends on whose name begins with $2.
needs() {
    local found
    found=$(apt-cache depends "$1" 2>/dev/null | sed -n "s/^ *Depends: \($2[^ ]*\)$/\1/p" | head -n 1)
    [ -n "$found" ] || fail "Debian has no $1 that this script knows; it needs bookworm's or newer."
    echo "$found"
}
