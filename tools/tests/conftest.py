"""What many tests of the verbs ask for."""

import sys
from dataclasses import dataclass

import pytest

from tools.__main__ import main


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def complaint(self):
        """The one line of an error that we raise ourselves."""
        assert self.out == ""
        assert self.err.startswith("perf-ratchet: ")
        assert self.err.count("\n") == 1
        assert self.err.rstrip("\n").isprintable()
        return self.err


@pytest.fixture
def tool(monkeypatch, capsys):
    """python -m tools in this process, up to and including its exit code."""

    def answer(*arguments):
        monkeypatch.setattr(sys, "argv", ["tools", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        return Answer(end.value.code or 0, out, err)

    return answer
