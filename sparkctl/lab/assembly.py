"""The making of a lab, step by step; each step finds what an interrupted one left and goes on from there."""

from __future__ import annotations

import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from sparkctl.errors import StepFailed, UsageError
from sparkctl.lab import (
    addresses,
    cgroups,
    disk,
    golden,
    hosts,
    keys,
    machine,
    namespaces,
    network,
    nfs,
    places,
    record,
    services,
    teardown,
    wiring,
)
from sparkctl.lab.golden import Golden
from sparkctl.lab.outer import call
from sparkctl.lab.places import Places
from sparkctl.lab.progress import Progress, Shared
from sparkctl.lab.record import Record

if TYPE_CHECKING:
    from sparkctl.lab.image import OciLayout


def decide(nodes: int, image: str | None, seen: machine.Kernel) -> tuple[Places, Record]:
    """The lab that runs, with what is asked for now; or a new one, once the remains of a crashed one are gone."""
    found = record.load()
    if found is None:
        where = Places()
        machine.check_room(where.cache)
        teardown.take_down(where)
        mode = nfs.choose(seen).value
        return where, Record(nodes, golden.digest(), str(where.cache), mode, time.time(), image)
    where, now = found
    if nodes < now.nodes:
        raise UsageError(f"starting a lab of {nodes} hosts: one of {now.nodes} runs", hint="sparkctl lab down")
    if golden.find(where, now.golden) is None:
        raise StepFailed("the running lab's golden root is gone from its cache", hint="sparkctl lab down")
    return where, replace(now, nodes=nodes, image=image or now.image)


def materials(where: Places, plan: Record, progress: Progress) -> tuple[Golden, OciLayout]:
    """Golden root and image, from the cache or made side by side."""
    shared, stop = Shared(progress), threading.Event()

    def take_root() -> Golden:
        return golden.find(where, plan.golden) or golden.ensure(where, shared, stop)

    with ThreadPoolExecutor(1, thread_name_prefix="golden root") as pool:
        root = pool.submit(take_root)
        try:
            # here, in the caller's thread: Ctrl-C arrives in it, and the build ends its programs then
            layout = _take_image(where, plan, shared)
            return root.result(), layout
        except BaseException:
            stop.set()
            raise


def _take_image(where: Places, plan: Record, progress: Progress) -> OciLayout:
    from sparkctl.lab import image

    if plan.image:
        return image.fetch(plan.image, where.cache, progress)
    return image.build(where.cache, progress)


def ground(where: Places, plan: Record) -> None:
    """Everything the hosts stand on: run directory, cgroup, keys, networks."""
    where.run.mkdir(mode=0o755, parents=True, exist_ok=True)
    if not os.path.ismount(where.run):
        options = "size=75%,mode=0755,nosuid"
        call(["mount", "-t", "tmpfs", "-o", options, "sparkctl-lab", where.run], doing="mounting the lab's directory")
    plan.save(where)
    disk.prepare(where)
    cgroups.prepare(where)
    keys.make(where)
    names = tuple(hosts.name(index) for index in range(plan.nodes))
    new = wiring.extend(network.read(where), names) if where.wiring.exists() else wiring.wire(names)
    network.lay(where, new)


def tidy_registry(where: Places, layout: OciLayout) -> None:
    """Empty the registry's store where it has gathered old images; what is wanted now is pushed again."""
    files = (file.lstat() for file in where.registry.rglob("*") if file.is_file())
    if record.running().keys() - {where.run.name} or cgroups.pids(where.cgroup / services.REGISTRY):
        return
    if sum(seen.st_size for seen in files) > 2 * layout.size:
        shutil.rmtree(where.registry)


def push(where: Places, layout: OciLayout, progress: Progress) -> str:
    """Put the image into the lab's registry, from within the lab's network; its digest. Raises StepFailed."""
    from sparkctl.lab import image

    def work() -> str:
        return image.push(layout, registry=f"{addresses.SERVICES}:443", ca=where.ca, progress=progress)

    return namespaces.within(places.CONTROLLER, work)
