# Sourced by scripts that take the Python at hand (PYTHON, or python3): no .venv is made, nothing is fetched.
# What ci/wheels.sh has put into .wheels/ is unpacked there, once, and used beside what that Python has.
stop() {
    echo "perf-ratchet: $1" >&2
    exit 2
}

python=$(command -v "${PYTHON:-python3}") || stop "found no '${PYTHON:-python3}'; name an interpreter: PYTHON=/path/to/python3"
case $python in /*) ;; *) python=$PWD/$python ;; esac # callers go elsewhere; links tell an environment, and stay
if compgen -G '.wheels/*.whl' >/dev/null; then
    version=$("$python" - <<<'import sys; print("%d.%d" % sys.version_info[:2])') || stop "$python does not run"
    packages=$PWD/.wheels/packages-$version # what one Python unpacked is nothing for another
    if [ ! -f "$packages/.complete" ]; then
        rm -rf "$packages"
        "$python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps --target "$packages" .wheels/*.whl &&
            touch "$packages/.complete" || stop "pip could not unpack .wheels/; make it for this Python: bash ci/wheels.sh"
    fi
    export PYTHONPATH=$packages${PYTHONPATH:+:$PYTHONPATH}
fi

# Without these nothing is measured or judged; without any other, rows are `unsupported`.
name_lacking() {
    "$python" - <<'END'
import importlib.util

CORE = "torch numpy pytest pytest_benchmark pydantic typer rich filelock psutil scipy jinja2 pynvml".split()
print(*(name for name in CORE if importlib.util.find_spec(name) is None))
END
}
lacking=$(name_lacking) || stop "$python does not run"
[ -z "$lacking" ] || stop "$python lacks $lacking: here  $python -m pip list --format=freeze >have.txt,  where there is a network  bash ci/wheels.sh have.txt,  then bring .wheels/ here"
