"""Ticks are round, inside, and few."""

import pytest

from tools.page.scales import Scale, linear_ticks, ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-5.0, 5.0, [-4.0, -2.0, 0.0, 2.0, 4.0]),
        (0.0101, 0.0111, [0.0102, 0.0104, 0.0106, 0.0108, 0.011]),
        (1e9, 1.0001e9, [1e9, 1.00002e9, 1.00004e9, 1.00006e9, 1.00008e9, 1.0001e9]),
    ],
)
def test_ticks_are_round_and_inside(low, high, expected):
    assert linear_ticks(low, high, 6) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.5, 2000.0, [1, 10, 100, 1000]),
        (3.0, 70.0, [5, 10, 20, 50]),
        (1.01, 1.09, [1.02, 1.04, 1.06, 1.08]),
    ],
)
def test_ticks_of_a_log_axis(low, high, expected):
    assert ticks(Scale(low, high, 0, 100, True)) == pytest.approx(expected)


def test_ticks_of_bytes_are_round_in_their_unit():
    assert ticks(Scale(0, 200 * 1024, 0, 100, False), 1024.0) == [each * 1024.0 for each in (0, 50, 100, 150, 200)]
