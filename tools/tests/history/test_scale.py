import pytest

from tools.history import scale
from tools.history.rows import read_rows


def test_a_made_run_is_one_that_the_suite_could_have_written(tmp_path):
    scale.fleet(tmp_path, [3], 10, cases=4, samples=5)
    rows = read_rows((tmp_path / "run-00003.json").read_bytes(), "r")
    assert (rows.header.cases, len(rows.columns["case"])) == (4, 20)
    assert set(rows.columns["sample_count"].tolist()) == {0, 5}


def test_each_step_of_the_measurement_does_its_work(tmp_path, capsys):
    runs, store = str(tmp_path / "runs"), str(tmp_path / "store")
    scale.fleet(tmp_path / "runs", range(3), 3, cases=3, samples=2)
    for step in scale.STEPS:
        scale.run_step(step, runs, store)
        wall_s, busy_s, memory_mib = map(float, capsys.readouterr().out.split())
        assert wall_s > 0 <= busy_s
        assert memory_mib > 1
    with pytest.raises(LookupError):
        scale.trends_of(store, "nobody", [])
