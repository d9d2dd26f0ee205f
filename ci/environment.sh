# Sourced by the other scripts: goes to the repository's root and makes .venv there, once.
# A finished environment carries a stamp of what it was made from; without it (an install that was broken off, another
# Python, other requirements), or where its Python is gone, it is made anew. PYTHON chooses the interpreter.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

stop() {
    echo "perf-ratchet: $1" >&2
    exit 2
}

requirements() {
    "$1" -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]
extras = p["optional-dependencies"]
print("\n".join(p["dependencies"] + [each for name in ("dev", "history", "onnx", "torchao", "tensorrt-rtx") for each in extras[name]]))'
}

cause() {
    [ -f "$1" ] || { echo ".venv was deleted meanwhile; run this again"; return; }
    local told
    told=$(grep -m1 ERROR "$1" || tail -n1 "$1")
    # Of an index that is out of reach pip says that versions conflict.
    if grep -q "connection broken" "$1"; then told="no connection to a package index"; fi
    echo "${told%.}; the log is $1"
}

make_environment() {
    local python=${PYTHON:-python3} log=.venv/install.log
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11, 4))' 2>/dev/null ||
        stop "found no Python of 3.11.4 or newer as '$python'; install one, or name it: PYTHON=/path/to/python3.12 bash ci/perf.sh"
    command -v "${CXX:-g++}" >/dev/null ||
        stop "found no C++ compiler (${CXX:-g++}), which torch.compile and the CPU kernels need; install g++, or name one in CXX"
    echo "setting up .venv: torch and its libraries are about 6 GB; this takes a few minutes, once" >&2
    "$python" -m venv --clear .venv || stop "could not make .venv; is the folder writable and python3-venv installed?"
    requirements .venv/bin/python >.venv/requirements.txt 2>"$log" ||
        stop "cannot read pyproject.toml ($(tail -n1 "$log")); expected the project's own; restore it: git checkout pyproject.toml"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r .venv/requirements.txt -c ci/constraints.txt >"$log" 2>&1 ||
        stop "pip could not install the requirements: $(cause "$log")"
    stamp >.venv/.stamp
}

stamp() {
    cat pyproject.toml ci/constraints.txt | cksum
    echo "${PYTHON:-python3}"
}

[ "$(cat .venv/.stamp 2>/dev/null)" = "$(stamp)" ] && [ -x .venv/bin/python ] || make_environment
