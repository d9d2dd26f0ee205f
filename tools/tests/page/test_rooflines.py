"""Rooflines: where both rates are known, each under its own ceiling; else the share alone."""

import pytest

from tools.page.rooflines import MOST_BARS, rooflines, work_of
from tools.tests.samples import record, run


def test_intensity_and_roof_come_from_rates_and_share():
    found = work_of(record(moved_bytes_per_s=2e9, flops_per_s=1e9, floor_share=0.25))
    assert (found.intensity, found.done, found.roof) == (0.5, 1e9, 4e9)


@pytest.mark.parametrize("missing", ["moved_bytes_per_s", "flops_per_s"])
@pytest.mark.parametrize("value", [None, 0.0])
def test_one_rate_is_no_roofline(missing, value):
    rates = {"moved_bytes_per_s": 2e9, "flops_per_s": 1e9, missing: value}
    assert work_of(record(**{name: rate for name, rate in rates.items() if rate is not None})) is None


def test_a_path_has_a_roofline_and_others_bars():
    made = run(
        record("mxint8/cpp/a", moved_bytes_per_s=2e9, flops_per_s=1e9, floor_share=0.25),
        record("mxint8/eager/a", moved_bytes_per_s=2e9, flops_per_s=1e8),
        record("quantizers/eager/a", moved_bytes_per_s=2e9, floor_share=0.5),
        record("attention/eager/a", flops_per_s=2e9),
    )
    roof, share = rooflines(made)
    assert list(roof.names) == ["cpp", "eager"]
    assert "mxint8/cpp/a: 0.5 FLOP a byte, 1 GFLOP/s, 25% of its ceiling" in roof.svg
    assert "ceiling of mxint8/cpp/a: 4 GFLOP/s" in roof.svg
    assert "ceiling of mxint8/eager" not in roof.svg
    assert share.svg.count("<rect") == 1
    assert "50%" in share.svg
    assert "mxint8" not in share.svg


def test_of_many_bars_the_lowest_are_drawn():
    made = run(*(record(f"q/x/{each}", floor_share=(each + 1) / 100) for each in range(MOST_BARS + 5)))
    [found] = rooflines(made)
    assert found.svg.count("<rect") == MOST_BARS
    assert f"the lowest {MOST_BARS}" in found.title
    assert "q/x/0" in found.svg
    assert f"q/x/{MOST_BARS}<" not in found.svg


def test_a_run_without_shares_has_none():
    assert rooflines(run(record(latency_s=1.0))) == []
