from dataclasses import replace

import pytest

from tools.startup.nesting import Timings
from tools.startup.phases import IDENTITIES
from tools.tests.startup.samples import STUDIED, log_of

WHOLES = [identity.whole for identity in IDENTITIES]


def left(log):
    return {each.identity.whole: each for each in log.residuals()}


def broken(log):
    return [whole for whole, each in left(log).items() if each.is_broken]


def test_what_the_studied_log_has_left():
    found = {whole: round(each.seconds, 2) for whole, each in left(log_of()).items()}
    assert found == {
        "model_loading": 0.02,
        "torch.compile": 0.0,
        "kv_cache_profiling": 1.83,
        "init_engine": 0.65,
        "total_time": 0.0,
        "actual_total_time": 14.74,
    }


@pytest.mark.parametrize(
    ("change", "whole"),
    [
        (("GiB and 2.296112", "GiB and 2.246112"), "model_loading"),
        (("Initializing Model took 0.21", "Initializing Model took 0.25"), "model_loading"),
        (("torch.compile takes 7.40", "torch.compile takes 7.38"), "torch.compile"),
        (("profiling takes 14.48", "profiling takes 12.63"), "kv_cache_profiling"),
        (("cache, took 5.251", "cache, took 7.251"), "kv_cache_profiling"),
        (("took 33.91 seconds", "took 33.20 seconds"), "init_engine"),
        (("finished in 18.77", "finished in 19.77"), "init_engine"),
        (("initialize_engine took 51.32", "initialize_engine took 36.50"), "actual_total_time"),
    ],
)
def test_a_perturbed_number_breaks_its_identity_and_no_other(change, whole):
    assert broken(log_of(STUDIED, change)) == [whole]


def test_a_model_that_takes_longer_than_its_loading_shows_without_told_weights():
    changes = [
        ("Loading weights took", "Read weights in"),
        ("Initializing Model took 0.21", "Initializing Model took 3.21"),
    ]
    assert broken(log_of(STUDIED, *changes)) == ["model_loading"]


@pytest.mark.parametrize("difference", [-3.1, 3.1])
def test_an_exact_identity_breaks_on_either_side(difference):
    log = log_of()
    seconds = {**log.phases, "total_time": log.phases["total_time"] + difference, "actual_total_time": 99.0}
    log = replace(log, timings=Timings(seconds, log.resolution))
    assert broken(log) == ["total_time"]
    assert left(log)["total_time"].sentence("LOG") == (
        f"LOG: total_time - (model_loading + init_engine + tokenizer_init) is {difference:.2f} s, "
        "expected 0 within 0.02 s"
    )


def test_an_inexact_identity_says_so():
    log = log_of(STUDIED, ("took 33.91 seconds", "took 30.81 seconds"))
    assert left(log)["init_engine"].sentence("LOG") == (
        "LOG: init_engine - (kv_cache_profiling + [kv_cache_init] + [graph_capturing] + [warm_up]) is -2.45 s, "
        "expected 0 or more within 0.02 s"
    )


@pytest.mark.parametrize(("seconds", "whole"), [("42.70", []), ("42.62", []), ("42.59", ["init_engine"])])
def test_whole_seconds_have_half_a_second_of_slack(seconds, whole):
    """25.12 + 18 secs: what was 17.5 was printed as 18."""
    assert broken(log_of("vllm-0.8.txt", ("took 44.06", f"took {seconds}"))) == whole


# ---------------------------------------------------------------- torch.compile's total


def test_a_cached_load_that_is_in_the_total_is_not_subtracted_again():
    found = left(log_of("vllm-2026-02-compile-range.txt"))["kv_cache_profiling"]
    assert found.seconds == pytest.approx(10.61 - 9.28)
    assert "cached" not in found.identity.sentence()


def test_a_cached_load_that_is_not_in_the_total_is_subtracted():
    found = left(log_of())["kv_cache_profiling"]
    assert found.seconds == pytest.approx(14.48 - 7.4 - 5.251)
    assert "[graph_compile_cached]" in found.identity.sentence()


def test_rounding_alone_does_not_move_the_load_into_the_total():
    found = left(log_of(STUDIED, ("takes 7.40 s in total", "takes 7.41 s in total")))["kv_cache_profiling"]
    assert found.seconds == pytest.approx(14.48 - 7.41 - 5.251)


def test_a_profiling_shorter_than_the_compile_is_broken_only_where_it_must_hold_it():
    change = ("Memory profiling takes 4.55", "Memory profiling takes 1.10")
    newer = log_of("vllm-2026-04-took.txt", change)
    assert left(newer)["kv_cache_profiling"].seconds is None
    assert broken(newer) == []
    older = log_of("vllm-2026-04-took.txt", change, ("torch.compile took 3.27", "torch.compile takes 3.27"))
    assert broken(older) == ["kv_cache_profiling"]


def test_what_is_not_told_breaks_nothing():
    log = log_of("vllm-2026-06-compilation.txt")
    assert {whole for whole, each in left(log).items() if each.seconds is None} == set(WHOLES) - {"torch.compile"}
    assert broken(log) == []
