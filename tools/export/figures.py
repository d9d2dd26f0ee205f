"""The numbers that leave the house: what is judged, of cases whose results are right."""

import hashlib
from dataclasses import dataclass

from tools.policy import Rule, policy_of
from tools.records import Metric, Record, Run, unit_suffix


@dataclass(frozen=True)
class Figure:
    record: Record
    name: str
    metric: Metric

    @property
    def case(self) -> str:
        return self.record.case

    @property
    def unit(self) -> str:
        """The end of the name that tells the unit: `_s`, `_bytes`."""
        return unit_suffix(self.name)

    @property
    def higher_is_better(self) -> bool:
        return policy_of(self.name).higher_is_better


def figures(run: Run) -> list[Figure]:
    """Sorted by case and metric. What is recorded and never judged explains a run; it is no result of it."""
    right = [record for record in run.records if record.status == "ok"]
    found = [Figure(record, name, metric) for record in right for name, metric in record.metrics.items()]
    judged = [figure for figure in found if policy_of(figure.name).rule is not Rule.NONE]
    return sorted(judged, key=lambda figure: (figure.case, figure.name))


def fitted(name: str, longest: int) -> str:
    """In bytes. What is too long keeps its beginning, and a digest that tells it from its like."""
    encoded = name.encode()
    if len(encoded) <= longest:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:12]
    return f"{encoded[: longest - 13].decode(errors='ignore')}-{digest}"
