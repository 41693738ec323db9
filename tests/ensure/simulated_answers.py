"""What the fake Spark answers to each of our facts, in the format of the real programs."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import yaml

from sparkctl.ensure.mount import escape_path
from sparkctl.facts.base import Fact, FactUnavailable, Missing, Output
from tests.ensure.simulated_host import Entry, SimulatedHost


def value(host: SimulatedHost, fact: Fact[Any]) -> Any:
    """The fact's value on `host`, through the fact's own parser; `Missing` where it cannot be known."""
    try:
        return fact.parse(answer(host, fact.name))
    except FactUnavailable as unavailable:
        return Missing(unavailable.reason, unavailable.hint)


def answer(host: SimulatedHost, name: str) -> Output:
    kind, _, rest = name.partition(" ")
    if not rest:
        kind, _, rest = name.partition(".") if name.startswith(("service.", "file.")) else (name, "", "")
        kind += "." if rest else ""
    return _ANSWERS[kind](host, rest)


def _frames(parts: dict[str, Output]) -> Output:
    return Output(0, "".join(f"\x1dB {name}\n{out.stdout}\n\x1dE {name} {out.code}\n" for name, out in parts.items()))


def _path(host: SimulatedHost, path: str) -> str:
    return host.home + path[1:] if path.startswith("~/") else path


def _file(host: SimulatedHost, path: str) -> Output:
    path = _path(host, path)
    entry = host.files.get(path) or host.directories.get(path)
    return Output(0, f"{path}\n{_described(entry)}")


def _described(entry: Entry | None) -> str:
    if entry is None or entry.kind == "link":
        return "absent\n" if entry is None else "link\n"
    stat = f"{entry.mode:o} {entry.owner}\n"
    if entry.kind == "directory":
        return f"directory\n{stat}"
    digest = hashlib.sha256(entry.content).hexdigest()
    return f"file\n{stat}{digest}  -\n{base64.encodebytes(entry.content).decode()}"


def _directory(host: SimulatedHost, path: str) -> Output:
    path = _path(host, path)
    entry = host.directories.get(path)
    said = f"{path}\n{host.user}\n"
    if entry is None:
        return Output(0, said + "absent\n")
    below = "".join(f"{name}\n" for name in host.files if name.startswith(path + "/"))
    return Output(0, f"{said}directory\n{entry.mode:o} {entry.owner.partition(':')[0]}\n{below}")


def _unit(host: SimulatedHost, unit: str) -> Output:
    state = host.units.get(unit)
    if state is None:
        said = "LoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\nNeedDaemonReload=no\n"
        return Output(0, said)
    reload = "yes" if state.need_reload else "no"
    return Output(
        0,
        f"LoadState={state.load}\nActiveState={state.active}\nSubState=x\nUnitFileState={state.file_state}\n"
        f"NeedDaemonReload={reload}\nResult=success\n",
    )


def _group(host: SimulatedHost, group: str) -> Output:
    entry = f"{group}:x:999:{','.join(host.groups[group])}" if group in host.groups else "absent"
    return Output(0, f"{host.user}\n{host.uid}\n{' '.join(host.login_groups)}\n{entry}\n")


def _login(host: SimulatedHost, _: str) -> Output:
    return Output(0, f"{host.user}\n{host.uid}\n{host.uid}\n{host.home}\n{' '.join(host.login_groups)}\n")


def _packages(host: SimulatedHost, names: str) -> Output:
    said = ""
    for name in names.split():
        status = host.packages.get(name)
        said += f"dpkg\t{name}\t{f'install ok {status}' if status else ''}\t1.0\n"
        if status != "installed":
            said += f"apt\t{name}\t{'1.0' if name in host.candidates else '(none)'}\n"
    return Output(0, said)


def _links(host: SimulatedHost, _: str = "") -> Output:
    return Output(
        0,
        json.dumps(
            [
                {
                    "ifname": name,
                    "flags": [*(["UP"] if nic.up else []), *([] if nic.carrier else ["NO-CARRIER"])],
                    "mtu": nic.mtu,
                    "addr_info": [
                        {"family": "inet", "local": a.split("/")[0], "prefixlen": int(a.split("/")[1])}
                        for a in nic.addresses
                    ],
                }
                for name, nic in host.nics.items()
            ]
        ),
    )


def _netplan(host: SimulatedHost, _: str) -> Output:
    merged = yaml.safe_dump({"network": {"version": 2, "ethernets": host.network()}})
    files = "".join(
        f"{path}\n{entry.mode:o} {entry.owner}\n{base64.b64encode(entry.content).decode()}\n"
        for path, entry in host.files.items()
        if path.startswith("/etc/netplan/")
    )
    said = f"present\n{merged}" if host.has_netplan else "absent\n"
    return _frames({"merged": Output(0, said), "files": Output(0, files), "links": _links(host)})


def _export(host: SimulatedHost, path: str) -> Output:
    if host.packages.get("nfs-kernel-server") != "installed":
        live = Output(127, "")
    else:
        live = Output(0, "".join(f"{w}\n\t\t{c}({o})\n" for (w, c), o in host.exports.items()))
    return _frames({"file": _file(host, path), "live": live})


def _mounted(host: SimulatedHost, where: str) -> Output:
    if where not in host.mounts:
        return Output(1, "")
    source, fstype, options = host.mounts[where]
    systems = [{"source": source, "fstype": fstype, "options": options}]
    return Output(0, json.dumps({"filesystems": systems}))


def _mount(host: SimulatedHost, where: str) -> Output:
    unit = f"{escape_path(where)}.mount"
    below = Output(0, "mounted\n") if where in host.mounts else _directory(host, where)
    return _frames(
        {
            "mounted": _mounted(host, where),
            "alive": Output(0, f"{host.alive}\n"),
            "unit": _unit(host, unit),
            "file": _file(host, f"/etc/systemd/system/{unit}"),
            "below": below,
        }
    )


def _key(host: SimulatedHost, _: str) -> Output:
    return Output(0, f"{host.home}\n" + (f"public\n{host.key} a comment\n" if host.key else "absent\n"))


def _host_key(host: SimulatedHost, _: str) -> Output:
    return Output(
        0, f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{host.name.encode().hex().ljust(44, 'B')} root@{host.name}\n"
    )


def _image(host: SimulatedHost, reference: str) -> Output:
    if host.uid and "docker" not in host.login_groups:
        return Output(1, "", "permission denied while trying to connect to the Docker daemon socket")
    if reference not in host.images:
        return Output(1, "[]\n", f"Error response from daemon: No such image: {reference}")
    image = {"Id": "sha256:1", "RootFS": {"Layers": host.images[reference]}, "Architecture": "arm64", "Size": 10}
    return Output(0, json.dumps([image]))


_ANSWERS = {
    "file": _file,
    "file.": lambda host, path: _frames({"file": _file(host, path), "owed": Output(0, "no\n")}),
    "directory": _directory,
    "service.": _unit,
    "group": _group,
    "login": _login,
    "session": lambda host, _: Output(0, f"192.168.1.5 50000 {host.session} 22\n"),
    "packages": _packages,
    "links": _links,
    "netplan": _netplan,
    "export": _export,
    "mount": _mount,
    "mounted": _mounted,
    "listing": lambda host, _: Output(0, "0123  -\n"),
    "ssh-key": _key,
    "ssh-public-key": _key,
    "ssh-host-key": _host_key,
    "image": _image,
    "system": lambda host, _: Output(0, f"aarch64\n6.17.0-1014-nvidia\n{host.name}\n== os\nID=ubuntu\n== dgx\n"),
    "peer-login": lambda host, _: Output(0, "dan\n"),
}
