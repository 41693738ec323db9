"""`python -m sparkctl.lab.image`: what the lab runs inside its network namespace, where its registry is.

build --cache DIR | push --cache DIR --registry ADDRESS:PORT --ca FILE [--image REF] [--repository NAME] [--tag TAG].
Progress goes to stderr as `done<TAB>total<TAB>unit<TAB>title` lines, the digest to stdout.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sparkctl.errors import SparkctlError, StepFailed
from sparkctl.lab.image.building import BUILT, build, cached
from sparkctl.lab.image.pushing import push


class LineProgress:
    """Progress as lines that another process can read."""

    def step(self, title: str, done: float | None = None, total: float | None = None, unit: str = "") -> None:
        """Write one line."""
        numbers = "\t".join("" if value is None else f"{value:.1f}" for value in (done, total))
        sys.stderr.write(f"{numbers}\t{unit}\t{title}\n")
        sys.stderr.flush()


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sparkctl.lab.image", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("build", "push"):
        command = commands.add_parser(name)
        command.add_argument("--cache", type=Path, required=True)
        if name == "push":
            command.add_argument("--registry", required=True)
            command.add_argument("--ca", type=Path, required=True)
            command.add_argument("--image", default=BUILT)
            command.add_argument("--repository", default="nvidia/vllm")
            command.add_argument("--tag", default="25.11-py3")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit status."""
    chosen = _arguments().parse_args(argv)
    progress = LineProgress()
    try:
        if chosen.command == "build":
            digest = build(chosen.cache, progress).digest
        else:
            layout = cached(chosen.cache, chosen.image)
            if layout is None:
                raise StepFailed(f"pushing the lab's image: {chosen.image} is not in {chosen.cache}")
            digest = push(
                layout,
                registry=chosen.registry,
                ca=chosen.ca,
                repository=chosen.repository,
                tag=chosen.tag,
                progress=progress,
            )
    except SparkctlError as failure:
        sys.stderr.write(f"\t\t\terror: {failure.message}\n")
        return failure.exit_code
    sys.stdout.write(digest + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
