"""python -m tools.tests.fuzz --inputs 10000 --seed 1: damaged input for every verb that reads a file."""

import argparse
import sys
from collections.abc import Callable

from tools.tests.fuzz.campaign import Campaign, hunted


def main(campaign_of: Callable[[int, int], Campaign], about: str) -> int:
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--inputs", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first input, where several share a campaign"
    )
    parser.add_argument("--only", type=int, help="this input alone, and all that was answered")
    parser.add_argument(
        "--process-every", type=int, default=200, help="of so many inputs, one is also read by a process"
    )
    asked = parser.parse_args()
    numbers = range(asked.first, asked.first + asked.inputs) if asked.only is None else [asked.only]
    trials, lines = hunted(campaign_of(asked.seed, asked.process_every), numbers)
    print("\n".join(lines))
    if asked.only is not None:
        print(trials[0].answer)
    return int(any(trial.problems for trial in trials))


if __name__ == "__main__":
    sys.exit(main(lambda seed, every: Campaign(seed, process_every=every), __doc__))
