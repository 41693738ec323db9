"""The commands there are, as data: what `sparkctl --help` prints without importing a single command.

Kept true by tests/cli/test_overview.py, which imports every command and compares. Why: docs/decisions/0001.
"""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING

from sparkctl import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NamedTuple

    class Entry(NamedTuple):
        """One command of the overview; `module` defines `app`, `parts` are the sub-commands of a group."""

        name: str
        module: str
        summary: str
        parts: tuple[str, ...] = ()

else:
    # typing.NamedTuple costs 4 ms of the start-up budget, this costs none.
    Entry = namedtuple("Entry", "name module summary parts", defaults=((),))

GROUPS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "prepare",
        (
            Entry("inventory", "sparkctl.cli.inventory", "check and show the list of hosts", ("check", "show")),
            Entry("trust", "sparkctl.cli.trust", "show and pin the hosts' SSH keys"),
            Entry("bootstrap", "sparkctl.cli.bootstrap", "make the hosts ready: SSH mesh, docker, fabric, NFS, image"),
        ),
    ),
    (
        "serve",
        (
            Entry("up", "sparkctl.cli.up", "start Ray on all hosts and prove that all have joined"),
            Entry("serve", "sparkctl.cli.serve", "serve a model until a real completion came back"),
            Entry("stop", "sparkctl.cli.stop", "end serving, leave Ray up"),
            Entry("down", "sparkctl.cli.down", "take everything of ours down, nothing of anyone else's"),
        ),
    ),
    (
        "look",
        (
            Entry("status", "sparkctl.cli.status", "what runs where"),
            Entry("smoke", "sparkctl.cli.smoke", "test the served API with real requests"),
            Entry("logs", "sparkctl.cli.logs", "what the containers said"),
            Entry("exec", "sparkctl.cli.exec", "run a command on the hosts"),
            Entry("shell", "sparkctl.cli.shell", "a shell in a host's container"),
            Entry("history", "sparkctl.cli.history", "past runs on this cluster"),
            Entry(
                "playbook", "sparkctl.cli.playbook", "list, show and check serving recipes", ("list", "show", "check")
            ),
        ),
    ),
    (
        "try it without a Spark",
        (
            Entry(
                "lab",
                "sparkctl.cli.lab",
                "virtual Sparks on this machine",
                (
                    *("up", "down", "status", "demo", "shell", "fault"),
                    *("kill", "power-on", "power-off", "cut", "mend", "freeze", "thaw"),
                ),
            ),
        ),
    ),
)

GLOBAL_OPTIONS = """\
  -i, --inventory FILE|NAME  the hosts; default: $SPARKCTL_INVENTORY, then
                             inventories/default.yml; `lab` is the running lab
  --hosts PATTERN            only these hosts: names or wildcards, by comma
  -o, --output text|json     what stdout holds; progress is always on stderr
  --dry-run                  print what would be done, with its commands
  --detailed-exitcode        with --dry-run: exit 10 when changes are pending
  -y, --yes                  do not ask
  --color auto|always|never  colour; NO_COLOR is honoured
  -v, --verbose              more: the commands run, and each unchanged step
  -h, --help                 this, or the help of a command
  --version                  the version"""

EXIT_CODES = """\
  0 ok  1 a step failed  2 usage  3 bad configuration  4 unreachable or not
  authenticated  5 partly done  6 locked by another controller  10 changes are
  pending  70 a bug in sparkctl  130 interrupted"""


def entries() -> tuple[Entry, ...]:
    return tuple(entry for _, group in GROUPS for entry in group)


def find(name: str) -> Entry | None:
    return next((entry for entry in entries() if entry.name == name), None)


def schema(words: Sequence[str]) -> str:
    """The name that a command's JSON goes by: `sparkctl.inventory-check/v1`."""
    entry = next((entry for word in words if (entry := find(word))), None)
    if entry is None:
        return "sparkctl.error/v1"
    part = next((word for word in words[list(words).index(entry.name) + 1 :] if word in entry.parts), None)
    return f"sparkctl.{entry.name}{f'-{part}' if part else ''}/v1"


def render() -> str:
    """The text of `sparkctl --help`, within 80 columns."""
    parts = [
        f"sparkctl {__version__}",
        "turns a stack of NVIDIA DGX Sparks into one LLM server, and proves it",
        "",
        "usage: sparkctl [OPTIONS] COMMAND [ARGS]...",
        "",
        "new here?  sparkctl lab demo  serves a model on two virtual Sparks",
    ]
    for title, group in GROUPS:
        parts += ["", f"{title}:", *(f"  {entry.name:<11}{entry.summary}" for entry in group)]
    parts += ["", "options, before or after the command:", GLOBAL_OPTIONS]
    parts += ["", "exit codes:", EXIT_CODES, "", "`sparkctl COMMAND --help` tells the rest, with examples."]
    return "\n".join(parts)
