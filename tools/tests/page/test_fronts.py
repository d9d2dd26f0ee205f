"""Time against accuracy and memory: like is compared with like, and the front is the right way up."""

import pytest

from tools.page.fronts import galleries, pareto
from tools.records import Metric
from tools.tests.samples import record, run


def variant(runtime, latency_s, model="cnn-b1", **values):
    return record(f"inference/{runtime}/{model}", latency_s=latency_s, **values)


def test_variants_of_one_model_are_compared_by_time_and_accuracy():
    made = run(
        variant("eager", 0.03, relative_error=1e-6, peak_allocated_bytes=4 << 20),
        variant("int8", 0.01, sqnr_db=40.0, peak_allocated_bytes=1 << 20),
        variant("slow", 0.05, sqnr_db=30.0, peak_allocated_bytes=2 << 20),
        record("inference/broken/cnn-b1", "error", "wrong"),
        variant("lone", 0.01, "bert-b1", sqnr_db=30.0, peak_allocated_bytes=2 << 20),
    )
    [gallery] = galleries(made)
    assert (gallery.path, list(gallery.names)) == ("inference", ["eager", "int8", "slow", "lone"])
    quality, memory = gallery.fronts
    assert quality.title == "cnn-b1: time and signal to error, dB"
    assert list(quality.best) == ["int8", "eager"]
    assert "eager: 30 ms, 120" in quality.svg
    assert list(memory.best) == ["int8"]
    assert "int8: 10 ms, 1.00 MiB" in memory.svg


def test_top1_goes_before_signal_to_error():
    made = run(*(variant(f"r{each}", each, top1_fraction=0.9 + each / 100, sqnr_db=40.0) for each in (1, 2, 3)))
    [gallery] = galleries(made)
    assert [front.title for front in gallery.fronts] == ["cnn-b1: time and top-1"]
    assert list(gallery.fronts[0].best) == ["r1", "r2", "r3"]


@pytest.mark.parametrize("error", [0.0, 1e-300])
def test_no_error_at_all_is_drawn(error):
    made = run(variant("a", 1, relative_error=error), variant("b", 2, sqnr_db=9.0), variant("c", 3, sqnr_db=8.0))
    assert list(galleries(made)[0].fronts[0].best) == ["a"]


def test_too_few_equal_or_failed_variants_are_no_plot():
    same = [variant(f"r{each}", each, sqnr_db=40.0) for each in (1, 2, 3)]
    failed = record("inference/x/cnn-b1", "error", "wrong")
    assert galleries(run(*same, failed)) == []
    assert galleries(run(*same[:2], variant("z", 1, "other"))) == []


def test_quantizers_compare_formats_and_mxint8_methods():
    formats = [record(f"quantizers/eager/f{each}", latency_s=each, gaussian_sqnr_db=9.0 * each) for each in (1, 2, 3)]
    methods = [record(f"mxint8/m{each}/g32", latency_s=each, peak_allocated_bytes=each) for each in (1, 2, 3)]
    assert [(each.path, list(each.names)) for each in galleries(run(*formats, *methods))] == [
        ("quantizers", ["f1", "f2", "f3"]),
        ("mxint8", ["m1", "m2", "m3"]),
    ]


def test_compression_is_size_against_accuracy_a_point_a_width():
    sizes = {f"model_w{bits}_bytes": 1000 * bits for bits in (4, 6, 8)}
    right = {f"top1_w{bits}_fraction": share for bits, share in ((4, 0.7), (6, 0.98), (8, 0.97))}
    made = run(record("compression/ptq/mlp", params={"model": "mlp"}, latency_s=Metric(1.0), **sizes, **right))
    [gallery] = galleries(made)
    assert gallery.fronts[0].title == "mlp: size and top-1"
    assert gallery.fronts[0].svg.count('class="mark') == 3
    assert list(gallery.fronts[0].best) == ["ptq/mlp"]


@pytest.mark.parametrize(
    ("points", "more", "expected"),
    [
        ([(1, 5), (2, 3), (3, 4), (4, 1)], False, [0, 1, 3]),
        ([(1, 5), (2, 3), (3, 6), (4, 1)], True, [0, 2]),
        ([(1, 5), (1, 4)], False, [1]),
        ([(1, 5), (1, 5)], False, [0]),
        ([], True, []),
    ],
)
def test_the_front_is_what_no_other_point_beats(points, more, expected):
    assert pareto(points, more_is_better=more) == expected
