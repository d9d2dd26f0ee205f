import numpy as np
import pytest

from tools.history import validity


@pytest.mark.parametrize("name", validity.NOISES)
def test_every_noise_is_what_it_is_called(name):
    found = validity.NOISES[name](np.random.default_rng(0), 20_000)
    median = np.median(found)
    assert abs(median) < 0.5
    middle = np.diff(np.quantile(found, (0.25, 0.75)))[0]
    assert 0.5 < middle < 2.5
    neighbours = np.corrcoef(found[1:], found[:-1])[0, 1]
    assert (neighbours > 0.4) == (name == "wandering")
    assert (np.mean(found > median + 10) > 0.02) == (name in ("two modes", "spikes"))


def test_the_tables_count_what_they_say(monkeypatch):
    monkeypatch.setattr(validity, "NOISES", {"normal": validity.normal})
    equal, step, ramp = (
        table(np.random.default_rng(0), 3) for table in (validity.equal_table, validity.step_table, validity.ramp_table)
    )
    assert {row[-2] for row in equal.rows} == {"0/3"}
    assert step.rows[-1][2:] == ("3", "3", "3", "3", "0")  # +10 %
    assert ramp.rows[0][-2:] == ("3", "0")
