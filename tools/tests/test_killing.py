"""A few kills of verbs that write, and that a verb which does not write whole files would be found out."""

import os
import sys
from random import Random

import pytest

from tools import files
from tools.tests.killing import (
    MIXED,
    NEW,
    OLD,
    VICTIMS,
    Usual,
    Victim,
    killed,
    prepared,
    run_again,
    template_of,
    usual,
)


@pytest.mark.parametrize("name", ["refresh", "history"])
def test_a_killed_verb_leaves_the_old_or_the_new_and_the_next_one_succeeds(name):
    victim, random = VICTIMS[name], Random(3)
    with template_of(victim) as template:
        known = usual(victim, template, times=1)
        assert known.code == 0
        assert known.before != known.after
        deaths = [killed(victim, template, known, random, while_writing=number > 0) for number in range(4)]
    assert [death.problems for death in deaths] == [()] * 4
    assert {death.state for death in deaths} <= {OLD, NEW, MIXED}


def test_killed_between_two_files_of_a_refresh_the_next_one_completes_it(monkeypatch):
    """A moment that random kills hardly hit: all parts are written, and some of them are renamed."""
    victim = VICTIMS["refresh"]
    with template_of(victim) as template, prepared(victim, template) as folder:
        before, calls, replace = victim.content(folder), iter("12"), os.replace

        def two_of_them(part, path):
            next(calls)  # StopIteration stands for the kill
            replace(part, path)

        with monkeypatch.context() as patched:
            patched.setattr(files.os, "replace", two_of_them)
            assert run_again(victim.arguments(folder)).code == 3
        halfway = victim.content(folder)
        assert run_again(victim.arguments(folder)).code == 0
        after = victim.content(folder)
    assert sum(halfway[name] != before[name] for name in before) == 2
    assert {name: text for name, text in halfway.items() if text != before[name]}.items() <= after.items()
    assert all(after[name] != before[name] for name in before)


IN_PLACE = "import sys; stream = open(sys.argv[1], 'w'); stream.write('ne'); stream.flush(); sys.stdin.read()"
THROUGH_A_PART = """
import os, sys
open(sys.argv[1] + ".new", "w").write("new")
os.replace(sys.argv[1] + ".new", sys.argv[1])
"""


def content(folder):
    return {"file": (folder / "out" / "file").read_text()}


def prepare(folder):
    (folder / "out").mkdir()
    (folder / "out" / "file").write_text("old")


def victim(program):
    return Victim(
        "planted", prepare, lambda folder: [sys.executable, "-c", program, f"{folder}/out/file"], "out", content
    )


def test_a_file_that_is_written_in_place_is_found_out():
    planted, known = victim(IN_PLACE), Usual(0, 60.0, 0.2, {"file": "old"}, {"file": "new"})
    with template_of(planted) as template:
        death = killed(planted, template, known, Random(1), while_writing=True)
    assert "file is neither the old nor the new one" in death.problems


def test_a_file_that_is_replaced_is_not():
    with template_of(victim(THROUGH_A_PART)) as template:
        known = usual(victim(THROUGH_A_PART), template, times=1)
        death = killed(victim(THROUGH_A_PART), template, known, Random(1), while_writing=True)
    assert (known.before, known.after) == ({"file": "old"}, {"file": "new"})
    assert death.problems == ()


def test_what_stays_for_good_and_what_fails_the_second_time_is_told():
    leaves = "import sys; open(sys.argv[1], 'w').write('new'); open(sys.argv[1][:-4] + '.file.abcd_123.part', 'w')"
    known = Usual(3, 0.0, 0.0, {"file": "old"}, {"file": "newer"})
    with template_of(victim(leaves)) as template:
        death = killed(victim(leaves), template, known, Random(1), while_writing=False)
    told = "; ".join(death.problems)
    assert "again: 0" in told
    assert "left for good: .file.abcd_123.part" in told
    assert "neither the old nor the new" in told
