"""`python -m sparkctl` and the `sparkctl` script: nothing but the way into the command line."""

from __future__ import annotations

import sys


def main() -> int:
    from sparkctl.cli.main import main as run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
