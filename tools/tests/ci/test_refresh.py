"""ci/refresh.sh, with a stand-in for Python: what it stores, and in which order."""

import pytest

from tools.tests.ci.stand_ins import calls, repository, run


@pytest.fixture
def place(tmp_path):
    return repository(tmp_path)


def test_what_is_stored_cuts_the_next_shards(place):
    assert run(place, "refresh.sh", "--runs", "2", "-k", "mxint8").returncode == 0
    pytests, tools = calls(place, "pytest"), calls(place, "tools")
    assert [call.endswith("-k mxint8") for call in pytests] == [True, True]
    assert [call.split()[2] for call in tools] == ["refresh", "durations"]
    assert tools[1].split()[3:] == [call.split()[call.split().index("--perf-run") + 1] for call in pytests]


def test_durations_of_refused_numbers_are_not_stored(place):
    assert run(place, "refresh.sh", "--runs", "1", REFRESH_CODE="1").returncode == 1
    assert "durations" not in [call.split()[2] for call in calls(place, "tools")]
