"""How the running lab is: asked of the kernel and of the hosts, not of any memory of ours."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sparkctl.lab import addresses, hosts, network, nfs, services, wiring
from sparkctl.lab.places import Places
from sparkctl.lab.record import CableStatus, HostStatus, LabStatus, Record


def look(where: Places, now: Record) -> LabStatus:
    """Ask every host, and the registry."""
    names = [hosts.name(index) for index in range(now.nodes)]
    with ThreadPoolExecutor(max(len(names), 1)) as pool:
        states = list(pool.map(lambda index: hosts.state(where, names[index], index), range(len(names))))
    seen = [HostStatus(name, addresses.management(index), states[index]) for index, name in enumerate(names)]
    plugged = network.read(where) if where.wiring.exists() else wiring.wire(tuple(names))
    cables = tuple(
        CableStatus(cable.name, cable.ends, tuple(end for end in cable.ends if end in plugged.cut))
        for cable in plugged.cables
    )
    complete = where.inventory.exists()
    answering = complete and services.answers(services.REGISTRY)
    return LabStatus(
        state="starting" if not complete else "up" if set(states) == {"up"} and answering else "degraded",
        hosts=tuple(seen),
        cables=cables,
        registry=f"https://{addresses.REGISTRY_NAME} ({'answers' if answering else 'does not answer'})",
        image=now.digest,
        since=now.since,
        inventory=str(where.inventory),
        stand_ins=_stand_ins(now),
    )


def _stand_ins(now: Record) -> tuple[str, ...]:
    standing = ("GPU: nvidia-smi and the container hook", "RDMA: none", "image: vLLM and Ray on CPU, served as nvcr.io")
    return (*standing, *(("NFS: ganesha and a FUSE client",) if now.nfs == nfs.Mode.STAND_IN.value else ()))
