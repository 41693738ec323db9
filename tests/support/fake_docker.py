"""A fake `docker`: keeps containers in a file of the directory it is run in, and runs nothing.

What is asked inside containers (Ray's table, completions, versions) it answers from the containers of all hosts, which
are the directories beside its own. `fault` files in a host's directory make it fail as the real one does.
It is started hundreds of times, so it imports little (no pathlib).
"""

# ruff: noqa: PTH109, PTH119, PTH120, PTH208

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

HERE = os.getcwd()
IMAGE = "sha256:" + "1" * 64


def read(name: str, host: str = HERE) -> str | None:
    try:
        with open(f"{host}/{name}") as file:
            return file.read()
    except FileNotFoundError:
        return None


def load(host: str = HERE) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(read("docker.json", host) or "{}")
    return found


def save(containers: dict[str, dict[str, Any]]) -> None:
    with open("docker.json", "w") as file:
        json.dump(containers, file)


def fault(name: str) -> str | None:
    return read(f"fault-{name}")


def hosts() -> list[str]:
    beside = os.path.dirname(HERE)
    return [f"{beside}/{name}" for name in sorted(os.listdir(beside))]


def fail(said: str, code: int = 1) -> None:
    print(said, file=sys.stderr)
    sys.exit(code)


TAKES = {
    *("--name", "--label", "--env", "--mount", "--volume", "--entrypoint", "--gpus", "--network", "--ipc", "--pid"),
    *("--ulimit", "--log-opt", "--restart", "--volumes-from", "--device", "--cap-add", "--shm-size", "--cpus"),
}


def run(words: list[str]) -> None:
    found: dict[str, list[str]] = {}
    while words and words[0].startswith("--"):
        word = words.pop(0)
        found.setdefault(word, []).append(words.pop(0) if word in TAKES else "")
    image, args = words[0], words[1:]
    if (said := fault("run")) is not None:
        fail(said, 125)
    if "--rm" in found:
        inside(args)
        return
    name = found["--name"][0]
    containers = load()
    if any(container["name"] == name for container in containers.values()):
        fail(f'docker: Error: Conflict. The container name "/{name}" is already in use by container', 125)
    number = str(sum(name.startswith("ran-") for name in os.listdir(HERE)))
    open(f"ran-{number}", "w").close()
    ident = f"{number}{os.path.basename(HERE).encode().hex()}{'0' * 64}"[:64]
    labels = dict(label.split("=", 1) for label in found.get("--label", []))
    containers[ident] = {
        "id": ident,
        "name": name,
        "image": image,
        "image_id": IMAGE,
        "labels": labels,
        "args": args,
        "env": found.get("--env", []),
        "state": {"Status": "running", "ExitCode": 0, "StartedAt": f"2026-11-21T10:00:{number:0>2}Z"},
    }
    if fault("exits") is not None:
        containers[ident]["state"].update(Status="exited", ExitCode=1)
    save(containers)
    print(ident)


def ps(words: list[str]) -> None:
    filters = [word.removeprefix("--filter=") for word in words if word.startswith("--filter=")]
    filters += [words[i + 1] for i, word in enumerate(words) if word == "--filter"]
    names = [value.removeprefix("name=") for value in filters if value.startswith("name=")]
    labels = [value.removeprefix("label=") for value in filters if value.startswith("label=")]
    for container in load().values():
        carried = {f"{name}={value}" for name, value in container["labels"].items()}
        if (not names or any(re.search(name, "/" + container["name"]) for name in names)) and set(labels) <= carried:
            print(container["id"])


def inspect(words: list[str]) -> None:
    form = words[words.index("--format") + 1]
    wanted = [word for word in words if word != form and not word.startswith("--") and word != "container"]
    for want in wanted:
        match = [one for one in load().values() if want in (one["id"], one["name"])]
        if not match:
            fail(f"Error: No such container: {want}")
        state = match[0]["state"]
        if form.startswith("{{.State.Running"):
            running = "true" if state["Status"] == "running" else "false"
            print(f"{running} {match[0]['image_id']}" if "Image" in form else running)
        elif "{{.State.Status" in form:
            print(f"it {state['Status']} at once with code {state['ExitCode']}")
        else:
            shown = {key: match[0][key] for key in ("id", "image", "image_id", "state", "labels")}
            print(json.dumps({**shown, "name": "/" + match[0]["name"]}))


def stop_or_rm(words: list[str], gone: bool) -> None:
    containers = load()
    for want in words:
        match = [key for key, one in containers.items() if want in (key, one["name"])]
        if not match:
            fail(f"Error response from daemon: No such container: {want}")
        if gone:
            del containers[match[0]]
        else:
            containers[match[0]]["state"]["Status"] = "exited"
        save(containers)
        print(want)


def named(name: str) -> dict[str, Any]:
    match = [one for one in load().values() if one["name"] == name]
    if not match:
        fail(f"Error response from daemon: No such container: {name}")
    if match[0]["state"]["Status"] != "running":
        fail(f"Error response from daemon: container {match[0]['id']} is not running")
    return match[0]


def inside(words: list[str]) -> None:
    said = " ".join(words)
    if "NODES " in said:
        print("NODES " + json.dumps(table()))
    elif "IMAGE " in said:
        versions = {"python": "3.12.3", "ray": fault("ray") or "2.60.0", "vllm": "0.33.0"}
        print("IMAGE " + json.dumps({**versions, "arch": "aarch64", "gpus": 1}))
    elif "READY " in said:
        name, prompts = words[words.index("-c") + 3], words[words.index("-c") + 7 :]
        answers = [{"kind": "chat", "status": 200, "seconds": 0.1, "text": "hello", "tokens": 3} for _ in prompts]
        print("READY " + json.dumps({"models": [name], "completions": answers, "trouble": ""}))


def table() -> dict[str, Any]:
    """Ray's nodes: the running containers of all hosts."""
    nodes = []
    found = [(host, one) for host in hosts() for one in load(host).values() if one["state"]["Status"] == "running"]
    for host, one in found:
        if one["name"] == "sparkctl-ray" and read("fault-join", host) is None:
            address, head = one["args"][one["args"].index("--node-ip-address") + 1], "--head" in one["args"]
            nodes.append({"id": one["id"][:8], "ip": address, "alive": True, "gpus": 1.0, "head": head})
    serving = any(one["name"] == "sparkctl-serve" for _, one in found)
    return {"ray": "2.60.0", "gpus_free": 0.0 if serving else float(len(nodes)), "nodes": nodes}


def main(words: list[str]) -> None:
    if (said := fault("docker")) is not None:
        fail(said)
    verb = words.pop(0)
    if verb == "run":
        run(words)
    elif verb == "ps":
        ps(words)
    elif verb == "inspect":
        inspect(words)
    elif verb == "image":
        if (said := fault("image")) is not None:
            fail(said)
        if "--format" in words:
            print(words[words.index("--format") + 1].replace("{{.Id}}", IMAGE))
        else:
            layers = fault("layers") or "sha256:aa"
            print(json.dumps([{"Id": IMAGE, "RootFS": {"Layers": [layers]}, "Architecture": "arm64", "Size": 1}]))
    elif verb == "stop":
        stop_or_rm([word for word in words if not word.startswith("--") and not word.isdigit()], gone=False)
    elif verb == "rm":
        stop_or_rm([word for word in words if not word.startswith("--")], gone=True)
    elif verb == "exec":
        named(words[0])
        if words[1] == "test":
            sys.exit(0 if fault("model") is None else 1)
        inside(words[1:])
    elif verb == "logs":
        print(fault("log") or "")


if __name__ == "__main__":
    main(sys.argv[1:])
