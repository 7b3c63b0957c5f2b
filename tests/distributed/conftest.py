"""What the tests of productions share."""

import pytest
from production_samples import InProcess

from lamarr_like.distributed import produce


@pytest.fixture
def in_process(monkeypatch):
    """Workers in this process."""
    monkeypatch.setattr(produce, "_workers", lambda config, job, n, scheduler: InProcess(job))
