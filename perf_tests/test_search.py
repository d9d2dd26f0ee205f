"""Searches: architectures by three samplers, formats of each type and of all, and what compression leaves of them."""

from collections.abc import Callable
from typing import Any

from fixtures.case import Case, Tolerance, parametrize
from fixtures.plugin import Measure
from fixtures.search.catalogue import architecture_workload, compression_workload, precision_workload
from fixtures.search.precision import FAMILIES
from fixtures.workload import Workload

EXACT = Tolerance(bit_exact=True)
TRIALS, EPOCHS = 16, 5
LENGTHS = (("", TRIALS, "standard"), ("-n64", 64, "full"))
TYPES = {**{name: (name,) for name in FAMILIES}, "mixed": tuple(FAMILIES)}
# The slowest type, and studies beside which others of the same kind are in `standard`.
FULL_ONLY = (
    *("precision/blocklog", "precision/blockfp", "precision/denorm", "precision/log"),
    *("architecture/random", "architecture/grid", "compression/bare"),
)
TUNING_EPOCHS = {"bare": 0, "tuned": 1}


def study(name: str, build: Callable[..., Workload], params: dict[str, Any], profile: str) -> Case:
    return Case(f"search/{name}", build, params, EXACT, "full" if name in FULL_ONLY else profile, packages=("optuna",))


CASES = [
    study("architecture/random-n4-e1", architecture_workload, {"sampler": "random", "trials": 4, "epochs": 1}, "quick"),
    *(
        study(
            f"architecture/{sampler}{suffix}",
            architecture_workload,
            {"sampler": sampler, "trials": trials, "epochs": EPOCHS},
            profile,
        )
        for suffix, trials, profile in LENGTHS
        for sampler in ("random", "grid", "tpe")
    ),
    *(
        study(
            f"precision/{name}{suffix}",
            precision_workload,
            {"types": types, "trials": trials},
            profile,
        )
        for suffix, trials, profile in LENGTHS
        for name, types in TYPES.items()
        if types != ("linear",) or trials == TRIALS  # there is only one such configuration
    ),
    *(
        study(
            f"compression/{name}{suffix}",
            compression_workload,
            {"tuning_epochs": tuning_epochs, "trials": trials, "epochs": EPOCHS},
            profile,
        )
        for suffix, trials, profile in LENGTHS
        for name, tuning_epochs in TUNING_EPOCHS.items()
    ),
]


@parametrize(CASES)
def test_search(case: Case, measure: Measure) -> None:
    measure(case)
