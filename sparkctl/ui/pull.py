"""How far a `docker pull` is, from the lines it prints where it has no terminal. Pure.

Without a terminal docker prints a line per layer and state, never bytes:
`4f4fb700ef54: Pulling fs layer`, `…: Download complete`, `…: Pull complete`, `…: Already exists`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_LAYER = re.compile(
    r"^(?P<id>[0-9a-f]{12}): "
    r"(?P<state>Pulling fs layer|Waiting|Verifying Checksum|Download complete|Pull complete|Already exists)$"
)
_DONE = {"Pull complete": 1.0, "Already exists": 1.0, "Download complete": 0.5, "Verifying Checksum": 0.4}


@dataclass(slots=True)
class PullProgress:
    """Layers by how far they are; a downloaded layer that is not unpacked counts half."""

    layers: dict[str, float] = field(default_factory=dict)

    def line(self, text: str) -> bool:
        """Take one line in; false where it says nothing of a layer."""
        found = _LAYER.match(text.strip())
        if found is None:
            return False
        share = _DONE.get(found["state"], 0.0)
        self.layers[found["id"]] = max(share, self.layers.get(found["id"], 0.0))
        return True

    @property
    def done(self) -> float:
        return sum(self.layers.values())

    @property
    def total(self) -> float:
        return float(len(self.layers))

    @property
    def text(self) -> str:
        complete = sum(share == 1.0 for share in self.layers.values())
        return f"{complete} of {len(self.layers)} layers"
