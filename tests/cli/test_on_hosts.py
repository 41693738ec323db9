"""The commands that talk to hosts, typed as a user types them, against two real sshds with a stand-in for docker."""

from __future__ import annotations

import io
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest

from sparkctl.cli.main import main
from tests.support.sshd import WHY_NOT, Farm, eventually, free_port, marked_processes

DOCKER = """#!/bin/sh
case "$1" in
ps) echo 0123456789abcdef ;;
inspect) printf '{"id":"0123456789abcdef","name":"/sparkctl-ray","image":"i","image_id":"x",'
  printf '"state":{"Status":"running"},"labels":{"sparkctl.cluster":"loop"}}\\n' ;;
logs) printf 'ray says \\033[2Jhello\\n'; echo 'and [bold]more' >&2 ;;
exec) shift; echo "inside: $*" ;;
esac
"""


class Said(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@dataclass
class Place:
    """Two hosts, an inventory that names them, and a home of our own."""

    folder: Path
    farm: Farm

    @property
    def env(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_STATE_HOME": str(self.folder / "state"),
        }

    def type(self, *words: str) -> Said:
        """Run a command line within this process, which saves the start of another."""
        out, err = io.StringIO(), io.StringIO()
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
        with (
            patch.dict(os.environ, self.env, clear=True),
            patch.object(sys, "stdin", io.StringIO()),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = main(["-i", str(self.folder / "loop.yml"), *words])
        for number, handler in handlers.items():
            signal.signal(number, handler)
        assert "Traceback" not in out.getvalue() + err.getvalue()
        return Said(code, out.getvalue(), err.getvalue())

    def become(self, *words: str, stdin: str = "") -> Said:
        """Run a command line that replaces its process."""
        argv = [sys.executable, "-m", "sparkctl", "-i", str(self.folder / "loop.yml"), *words]
        env = {**self.env, "PYTHONPATH": str(Path(__file__).parents[2])}
        done = subprocess.run(argv, capture_output=True, text=True, input=stdin, env=env, timeout=60, check=False)
        return Said(done.returncode, done.stdout, done.stderr)

    def json(self, *words: str) -> tuple[int, dict[str, Any]]:
        done = self.type("-o", "json", *words)
        assert done.stderr == "", done.stderr
        return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    with tempfile.TemporaryDirectory(prefix="sparkctl-cli-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        shims = folder / "bin"
        shims.mkdir()
        (shims / "docker").write_text(DOCKER)
        (shims / "docker").chmod(0o755)
        farm = Farm(folder / "sshd")
        path = f"SetEnv PATH={shims}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        servers = [farm.start(f"spark-{n}", path) for n in (1, 2)]
        hosts = "".join(f"  {s.name}: {{address: 127.0.0.1, port: {s.port}}}\n" for s in servers)
        (folder / "loop.yml").write_text(
            f"cluster: loop\nhead: spark-1\nssh: {{user: {farm.user}, identity_file: {farm.identity}}}\nhosts:\n{hosts}"
        )
        yield Place(folder, farm)
        farm.stop()


@pytest.fixture(scope="module")
def trusted(place: Place) -> Place:
    first = place.type("exec", "--", "true")
    assert first.returncode == 4
    assert "host key is not pinned yet" in first.stderr
    assert f"fix: sparkctl -i {place.folder}/loop.yml trust" in first.stderr
    unasked = place.type("trust")
    assert unasked.returncode == 2 and "SHA256:" in unasked.stdout
    done = place.type("trust", "--yes")
    assert (done.returncode, done.stdout.count(" new "), done.stdout.count("SHA256:")) == (0, 2, 2)
    return place


def test_trust_twice_pins_nothing_more_and_keeps_the_file_to_ourselves(trusted: Place) -> None:
    code, said = trusted.json("trust")
    assert (code, [host["state"] for host in said["hosts"]]) == (0, ["pinned", "pinned"])
    assert not any(host["newly_pinned"] for host in said["hosts"])
    (known,) = trusted.folder.glob("config/sparkctl/clusters/loop/known_hosts")
    assert stat.S_IMODE(known.stat().st_mode) == 0o600


def test_forget_then_trust_one_host_again(trusted: Place) -> None:
    assert trusted.type("trust", "--forget", "spark-2").stdout.startswith("forgot ssh-ed25519 SHA256:")
    assert "no key was pinned" in trusted.type("trust", "--forget", "spark-2").stdout
    slip = trusted.type("trust", "--forget", "sprak-2")
    assert (slip.returncode, "did you mean spark-2?" in slip.stderr) == (2, True)
    code, said = trusted.json("trust", "--hosts", "spark-2", "-y")
    assert (code, [host["newly_pinned"] for host in said["hosts"]]) == (0, [True])


def test_a_changed_key_is_not_pinned_over(trusted: Place) -> None:
    (known,) = trusted.folder.glob("config/sparkctl/clusters/loop/known_hosts")
    before = known.read_text()
    port = trusted.farm.running[1].port
    other = trusted.farm.running[0].host_key
    lines = [line for line in before.splitlines() if f":{port} " not in line]
    known.write_text("\n".join([*lines, f"[127.0.0.1]:{port} {other.kind} {other.line().split()[2]}"]) + "\n")
    try:
        done = trusted.type("trust", "--yes")
        assert done.returncode == 4
        assert "its host key is not the pinned one" in done.stderr
        assert "trust --forget spark-2" in done.stderr
        assert trusted.json("exec", "--", "true")[1]["error"]["code"] == "host-key"
    finally:
        known.write_text(before)


def test_exec_keeps_words_and_hosts_apart(trusted: Place) -> None:
    done = trusted.type("exec", "--", "printf", "%s|", "a b", "$(id)", "-v", "\x1b[2J")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()) == ["spark-1 | a b|$(id)|-v||", "spark-2 | a b|$(id)|-v||"]


def test_exec_on_one_host_is_its_output_alone(trusted: Place) -> None:
    assert trusted.type("exec", "--hosts", "spark-2", "--", "echo", "hi").stdout == "hi\n"


def test_exec_says_which_host_failed_and_how(trusted: Place) -> None:
    port = trusted.farm.running[0].port
    done = trusted.type("exec", "--", "sh", "-c", f'case "$SSH_CONNECTION" in *" {port}") exit 3; esac')
    assert done.returncode == 5
    assert "on spark-1: exit code 3" in done.stderr and "spark-2" not in done.stderr
    code, said = trusted.json("exec", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert code == 1
    assert [(h["code"], h["stdout"], h["stderr"]) for h in said["hosts"]] == [(7, "out\n", "err\n")] * 2


def test_exec_ends_at_its_deadline(trusted: Place) -> None:
    done = trusted.type("exec", "--hosts", "spark-1", "--timeout", "1", "--", "sleep", "30")
    assert done.returncode == 1
    assert "did not end in time" in done.stderr


def test_a_dry_exec_runs_nothing(trusted: Place) -> None:
    mark = trusted.folder / "mark"
    done = trusted.type("exec", "--dry-run", "--", "touch", str(mark))
    assert (done.returncode, done.stdout) == (0, f"spark-1: touch {mark}\nspark-2: touch {mark}\n")
    assert not mark.exists()


def test_logs_are_prefixed_printable_and_not_markup(trusted: Place) -> None:
    done = trusted.type("logs")
    assert done.returncode == 0
    assert {"spark-1 ray | ray says hello", "spark-2 ray | and [bold]more"} <= set(done.stdout.splitlines())
    code, said = trusted.json("logs", "spark-2", "--only", "ray")
    assert (code, [(entry["host"], entry["container"]) for entry in said["logs"]]) == (0, [("spark-2", "sparkctl-ray")])


def test_a_log_that_breaks_off_is_not_a_whole_one(trusted: Place) -> None:
    docker = trusted.folder / "bin" / "docker"
    docker.write_text(DOCKER.replace(">&2 ;;", ">&2; exit 1 ;;"))
    try:
        code, said = trusted.json("logs", "spark-2", "--only", "ray")
    finally:
        docker.write_text(DOCKER)
    assert code == 1
    assert said["error"]["message"] == "reading the log of sparkctl-ray on spark-2: docker ended with exit code 1"


def test_logs_of_what_is_not_there(trusted: Place) -> None:
    done = trusted.type("logs", "--only", "serve")
    assert done.returncode == 1
    assert "no serve container of loop" in done.stderr and "serve --model" in done.stderr
    assert trusted.type("logs", "--only", "vllm").returncode == 2
    assert trusted.type("logs", "spark-9").returncode == 2
    assert trusted.type("logs", "-f", "-o", "json").returncode == 2


def test_shell_runs_in_the_container_through_ssh_with_our_keys(trusted: Place) -> None:
    done = trusted.become("shell", "spark-1")
    assert (done.returncode, done.stdout) == (0, "inside: -i sparkctl-ray bash\n")
    assert trusted.become("shell", "spark-2", "--outside", stdin="echo $((6*7))\n").stdout == "42\n"


def test_history_begins_empty(trusted: Place) -> None:
    assert trusted.type("history").stdout == "no runs yet\n"
    assert trusted.json("history")[1]["runs"] == []


def test_inventory_check_tells_all_with_places(trusted: Place) -> None:
    assert "loop is fine: spark-1, spark-2" in trusted.type("inventory", "check").stdout
    broken = trusted.folder / "broken.yml"
    broken.write_text("cluster: x\nhead: nosuch\nhosts:\n  a: {adress: 10.0.0.1}\n")
    code, said = trusted.json("inventory", "check", str(broken))
    assert (code, said["ok"], said["schema"]) == (3, False, "sparkctl.inventory-check/v1")
    assert len(said["errors"]) >= 2
    assert all(set(error) == {"path", "line", "column", "message", "hint"} for error in said["errors"])
    text = trusted.type("inventory", "check", str(broken))
    assert text.returncode == 3 and f"{broken}:4:" in text.stdout
    assert trusted.type("inventory", "check", "/no/such.yml").returncode == 3


def test_inventory_show_holds_every_default(trusted: Place) -> None:
    code, said = trusted.json("inventory", "show")
    assert code == 0 and said["schema"] == "sparkctl.inventory-show/v1"
    assert "9000" in trusted.type("inventory", "show").stdout


def test_inventory_show_keeps_to_the_hosts_asked_for(trusted: Place) -> None:
    code, said = trusted.json("inventory", "show", "--hosts", "spark-2")
    assert (code, list(said["hosts"])) == (0, ["spark-2"])
    assert trusted.type("inventory", "show", "--hosts", "spark-9").returncode == 2


def test_ctrl_c_ends_a_command_at_once_with_a_sentence(trusted: Place) -> None:
    argv = [sys.executable, "-m", "sparkctl", "-i", str(trusted.folder / "loop.yml"), "exec", "--"]
    env = {**trusted.env, "PYTHONPATH": str(Path(__file__).parents[2])}
    mark = "sparkctl-test-marker"
    script = f"echo begun; sleep 60; : {mark}"
    with subprocess.Popen(
        [*argv, "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    ) as child:
        assert child.stdout is not None and child.stderr is not None
        assert {child.stdout.readline(), child.stdout.readline()} == {"spark-1 | begun\n", "spark-2 | begun\n"}
        began = time.monotonic()
        child.send_signal(signal.SIGINT)
        child.wait(timeout=20)
        said = child.stderr.read()
    assert (child.returncode, time.monotonic() - began < 10) == (130, True), said
    assert said.startswith("error: interrupted: ")
    assert len(said.splitlines()) == 2, said
    assert eventually(lambda: not marked_processes(mark), 15), "it goes on on a host"


def test_status_of_a_cluster_that_is_down_and_of_a_host_that_is_off(trusted: Place) -> None:
    code, said = trusted.json("status")
    assert (code, said["schema"], [host["name"] for host in said["hosts"]]) == (
        0,
        "sparkctl.status/v1",
        ["spark-1", "spark-2"],
    )
    assert all(host["reachable"] for host in said["hosts"])
    assert said["state"] in ("down", "degraded") and said["endpoint"] is None
    off = trusted.farm.running[1]
    off.freeze(listener=True)
    try:
        code, said = trusted.json("status")
    finally:
        off.thaw()
    assert (code, [host["reachable"] for host in said["hosts"]]) == (4, [True, False])
    assert said["error"]["host"] == "spark-2"
    assert trusted.type("status", "--watch", "-o", "json").returncode == 2


def test_smoke_where_nothing_is_served(trusted: Place) -> None:
    done = trusted.type("smoke")
    assert done.returncode == 1
    assert "no model is served" in done.stderr and "serve --model" in done.stderr


def test_smoke_of_what_is_not_there(trusted: Place) -> None:
    code, said = trusted.json("smoke", "--url", f"http://127.0.0.1:{free_port()}")
    assert (code, said["ok"], said["checks"][0]["name"]) == (4, False, "models")
    assert said["error"]["code"] == "unreachable" and "refused" in said["error"]["message"]
    assert said["error"]["hint"].startswith("curl ")


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://x", "http://", "http://x:99999999", "http://[x"])
def test_smoke_of_what_is_no_address(trusted: Place, url: str) -> None:
    done = trusted.type("smoke", "--url", url)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--url takes an http" in done.stderr
