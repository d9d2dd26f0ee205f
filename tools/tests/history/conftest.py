import pytest

from tools.history import ingest


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    """Processes take longer to start than the few runs of a test to be read."""
    monkeypatch.setattr(ingest, "workers", lambda: 1)
