"""What can be said of one metric, and how grave it is."""

from enum import StrEnum


class Verdict(StrEnum):
    """What is said of one metric. Declared worst first: the order of the report."""

    REGRESSED = "regressed"
    MISSING = "missing"
    INCOMPARABLE = "incomparable"
    SUSPECT = "suspect"
    NEW = "new"
    IMPROVED = "improved"
    UNCHANGED = "unchanged"
    INCONCLUSIVE = "inconclusive"


SEVERITY = {verdict: rank for rank, verdict in enumerate(Verdict)}
WORSE = (Verdict.REGRESSED, Verdict.SUSPECT)
CLEAN = (Verdict.UNCHANGED, Verdict.IMPROVED)
