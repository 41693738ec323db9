"""The lab's addresses. They exist only inside its network namespaces and cannot meet those of the outer machine."""

from __future__ import annotations

from sparkctl.lab.wiring import CABLED

CONTROLLER = "10.77.0.1"
SERVICES = "10.77.0.2"
"""Registry (443) and apt source (80)."""
REGISTRY_NAME = "nvcr.io"
APT_NAME = "apt.lab"
FIRST = 10
"""Host number 0 has .10, as in NVIDIA's own examples for two Sparks."""
MOST = 64


def management(index: int) -> str:
    """Where the controller reaches host number `index`."""
    return f"10.77.0.{FIRST + index}"


def fabric(index: int) -> dict[str, str]:
    """Netdev to address (with prefix length) of the cabled port, one network a rail."""
    return {dev: f"192.168.{100 + rail}.{FIRST + index}/24" for rail, dev in enumerate(CABLED)}
