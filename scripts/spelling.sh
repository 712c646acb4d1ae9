#!/usr/bin/env bash
# Checks the spelling of every file. The checker, typos, comes as a program inside a Python wheel.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/say.sh

version=1.52.0
at=target/typos-$version

if [ ! -x "$at/typos" ]; then
    step "Fetching the spelling checker, typos $version (8 MB, once)"
    mkdir -p "$at"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$at" "typos==$version"
    python3 - "$at" <<'PY'
import glob, os, shutil, sys, zipfile
at = sys.argv[1]
with zipfile.ZipFile(glob.glob(f"{at}/*.whl")[0]) as wheel:
    name = next(name for name in wheel.namelist() if name.endswith("/scripts/typos"))
    with wheel.open(name) as program, open(f"{at}/typos", "wb") as file:
        shutil.copyfileobj(program, file)
os.chmod(f"{at}/typos", 0o755)
PY
    rm "$at"/*.whl
fi
"$at/typos"
