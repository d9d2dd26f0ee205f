"""Folders of run files to start a test from: one run after the other, a number each."""

import dataclasses
import itertools

from tools.records import Metric
from tools.tests.samples import CASE, record, run, run_file

COMMITS = (f"{number:012x}" for number in itertools.count(0xA0000))


def timed(value, samples=3, **more):
    """A record of a case that took so long; its rounds differ from those of any other value."""
    return record(latency_s=Metric(value, tuple(value * (1 + 0.001 * each) for each in range(samples))), **more)


def folder_of(folder, values, place=None, disturbed=(), first=0):
    """A run a value, each of a commit of its own, in the order of time; those numbered in `disturbed` are that."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, value in enumerate(values, first):
        made = dataclasses.replace(timed(float(value)), disturbed="throttled" if number in disturbed else "")
        write(folder, f"{number:04}.json", made, place=place)
    return folder


def write(folder, name, *records, **more):
    folder.mkdir(parents=True, exist_ok=True)
    return run_file(folder, run(*records, commit=next(COMMITS), **more), name)


__all__ = ["CASE", "folder_of", "timed", "write"]
