"""The fake registry on loopback, and progress that is kept."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest
from fake_registry import FakeRegistry, Steps, handler_of


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    fake = FakeRegistry()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler_of(fake))
    fake.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield fake
    server.shutdown()
    server.server_close()


@pytest.fixture
def steps() -> Steps:
    return Steps()
