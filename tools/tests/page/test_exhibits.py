"""Published tables: those that have rows, with their plots as images of their own."""

import base64
import importlib.util
from dataclasses import replace

import pytest

from tools.page import exhibits as module
from tools.page.exhibits import exhibits
from tools.tests.page.samples import subject
from tools.tests.samples import record, run


def curve():
    """Two cases of compression, as its view wants them."""
    values = {"top1_plain_fraction": 0.97, "top1_w4_fraction": 0.7, "top1_w8_fraction": 0.96}
    params = {"model": "mlp", "family": "integer", "widths": [4, 8]}
    return run(record("compression/ptq/mlp-integer", params=params, latency_s=0.1, **values))


def test_only_views_with_rows_are_shown_and_not_the_table_of_all_cases():
    assert [each.name for each in exhibits(subject())] == ["attention", "mxint8"]


def test_a_plot_is_an_image_in_the_page():
    [found] = exhibits(subject(curve()))
    [picture] = [picture for _, pictures in found.tables for picture in pictures]
    kind, _, data = picture.address.partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert b"<svg" in base64.b64decode(data)


def test_without_matplotlib_the_tables_stay(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None if name == "matplotlib" else found(name))
    [exhibit] = exhibits(subject(curve()))
    assert exhibit.tables
    assert not any(pictures for _, pictures in exhibit.tables)
    assert exhibit.sentences[-1].startswith("the plots of this view need matplotlib")


@pytest.mark.parametrize("views", [{}, {"cases": None}])
def test_no_view_is_no_exhibit(monkeypatch, views):
    monkeypatch.setattr(module, "VIEWS", views)
    assert list(exhibits(replace(subject()))) == []
