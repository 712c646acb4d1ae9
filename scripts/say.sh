# Output of the scripts. Sourced, never run.

# Prints the step that begins.
step() { printf '\033[1m»\033[0m %s\n' "$*" >&2; }

# Prints a detail of a step.
note() { printf '  %s\n' "$*" >&2; }

# Prints an error and ends the script.
fail() {
    printf '\033[1m✗\033[0m %s\n' "$*" >&2
    exit 1
}

# Whether a program is on the path.
has() { command -v "$1" >/dev/null 2>&1; }

# Whether version $1 is at least version $2 (numbers and dots).
at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$2" ]
}
