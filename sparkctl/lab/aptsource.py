"""The apt source of the lab: a flat repository that really serves what bootstrap installs."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from sparkctl.lab import cgroups, nfs, record, services
from sparkctl.lab.golden import Golden
from sparkctl.lab.outer import call
from sparkctl.lab.places import Places


def ensure(where: Places, golden: Golden, mode: nfs.Mode) -> Path:
    """The directory to serve: Debian's own packages, or the stand-ins with the Debian packages they need."""
    home = where.cache / "apt" / f"{golden.digest}-{mode.value}-{_recipe()}"
    if (home / "Packages").exists():
        return home
    if not record.running().keys() - {where.run.name} and not cgroups.pids(where.cgroup / services.APT):
        shutil.rmtree(home.parent, ignore_errors=True)
    part = home.parent / f".part-{os.getpid()}"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    if mode is nfs.Mode.KERNEL:
        debs = list((golden.debs / "kernel").glob("*.deb"))
    else:
        replaced = {deb.name.split("_")[0] for deb in nfs.build(golden, part)}
        debs = [deb for deb in (golden.debs / "ganesha").glob("*.deb") if deb.name.split("_")[0] not in replaced]
    for deb in debs:
        # apt writes an epoch's colon as %3a in file names, and would ask the server for it decoded
        shutil.copyfile(deb, part / deb.name.replace("%3a", "."))
    (part / "Packages").write_text("\n".join(index_entry(deb) for deb in sorted(part.glob("*.deb"))))
    if not home.exists():
        part.rename(home)
    return home


def _recipe() -> str:
    """Changes with the stand-ins' sources."""
    content = hashlib.sha256(Path(nfs.__file__).read_bytes())
    for file in sorted(nfs.SOURCES.iterdir()):
        content.update(file.name.encode() + b"\0" + file.read_bytes())
    return content.hexdigest()[:12]


def index_entry(deb: Path) -> str:
    """One stanza of a Packages index (wiki.debian.org/DebianRepository/Format)."""
    control = call(["dpkg-deb", "--field", deb], doing=f"reading {deb.name}").strip()
    content = deb.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return f"{control}\nFilename: ./{deb.name}\nSize: {len(content)}\nSHA256: {digest}\n"
