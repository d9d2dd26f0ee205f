"""What else went on while a case was timed, and whether its times still decide anything."""

from tools.records import Record

# Times taken while others used more of the machine than this decide nothing. A busy second core of two (50 %) moved
# speed-ups by up to 29 % and times by up to 3 x between runs of the same code; an idle one shows 0.4 % (median of 63).
LARGEST_DISTURBANCE = 0.05
# Work of a GPU needs a core to launch it, and has one while half of them are idle; ci/gpus.sh keeps some of the others
# busy with shards of its own. What the processor computes by itself is held to the first.
LARGEST_DISTURBANCE_OF_LAUNCHES = 0.5


def disturbed(record: Record, on_host: bool) -> str:
    """Why its times decide nothing; "" where nothing is known against them.

    on_host  of a time of work that is the processor's alone
    """
    if record.disturbed or disturbance(record) <= allowed_disturbance(record, on_host):
        return record.disturbed
    return f"other processes used {disturbance(record):.0%} of the machine while this was timed"


def disturbance(record: Record) -> float:
    """Share of the machine that others used during the timed rounds; 0 where it was not recorded."""
    found = record.metrics.get("foreign_load_share")
    return found.value if found else 0.0


def allowed_disturbance(record: Record, on_host: bool) -> float:
    of_gpu = "device_s" in record.metrics and not on_host
    return LARGEST_DISTURBANCE_OF_LAUNCHES if of_gpu else LARGEST_DISTURBANCE
