"""Hosts that are directories, with a fake docker, sudo, ss and nvidia-smi; everything else about them is real."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sparkctl.converge.events import Event
from sparkctl.converge.fleet import Fleet
from tests.support import fake_docker
from tests.support.local_door import LocalDoor

PROGRAMS = {
    "docker": f'#!/bin/sh\nexec {sys.executable} -S -E {fake_docker.__file__} "$@"\n',
    "sudo": '#!/bin/sh\nwhile case $1 in -n|--) ;; *) false;; esac; do shift; done\nexec "$@"\n',
    "ss": "#!/bin/sh\ncat listeners 2>/dev/null || true\n",
    "nvidia-smi": "#!/bin/sh\necho 'GPU 0: NVIDIA GB10 (UUID: GPU-1)'\n",
    "sleep": "#!/bin/sh\nexit 0\n",
    "chown": "#!/bin/sh\nexit 0\n",
}


def install(folder: Path) -> Path:
    """The fake programs, in a folder to be put first on PATH."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in PROGRAMS.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def doors(root: Path, hosts: Sequence[str]) -> dict[str, LocalDoor]:
    """A directory for each host, beside each other: that is how the fake docker finds Ray's other nodes."""
    return {host: LocalDoor(host, root / host) for host in hosts}


def fleet(opened: dict[str, LocalDoor], emit: Callable[[Event], None] = lambda event: None) -> Fleet:
    return Fleet(dict(opened), emit)
