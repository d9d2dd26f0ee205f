"""Being asked to end, politely: what was begun unwinds, and nothing was judged."""

import contextlib
import signal
from collections.abc import Iterator


class Interrupted(Exception):
    """Stopped from outside, by Ctrl-C or a signal."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """A polite end of the process (CI that cancels) unwinds as Ctrl-C does: workers are killed, checkouts removed."""
    heard = [kind for kind in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(kind) is not signal.SIG_IGN]  # nohup
    before = {kind: signal.signal(kind, signal.default_int_handler) for kind in heard}
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted("interrupted, so nothing was judged; nothing is left behind") from error
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
