"""The image's lowest layer: a minimal Debian with Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sparkctl.lab import debian
from sparkctl.lab.image import recipe
from sparkctl.lab.image.children import Children

_TIMEOUT = 1800.0
_CLEANING = (
    'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/log/*',
    'rm -rf "$1"/var/cache/debconf/*-old "$1"/var/cache/ldconfig/*',
    # neither this machine's mirrors nor its proxy belong into an image
    'rm -rf "$1"/etc/apt/sources.list.d "$1"/etc/apt/apt.conf.d/99mmdebstrap && : > "$1"/etc/apt/sources.list',
    # the machine's own id is docker's to give; /workspace is where NVIDIA's image starts
    'rm -f "$1"/etc/machine-id && mkdir -p "$1"/workspace',
)


def build(root: Path, children: Children, say: Callable[[str], None]) -> None:
    """Make the root with mmdebstrap and compile its Python. Raises StepFailed."""
    conf = root.with_name("apt.conf")
    run = debian.bootstrap(recipe.SUITE, root, recipe.BASE_PACKAGES, conf, _CLEANING)

    def tell(line: str) -> None:
        if line.startswith("I: "):
            say(line[3:].rstrip("."))

    children.run(
        run.argv,
        doing=f"making the image's Debian {recipe.SUITE}",
        timeout=_TIMEOUT,
        stdin=run.stdin or None,
        on_line=tell,
        cause_in=debian.cause,
        hint="see that `apt-get update` works here, or give a ready CPU image: `--image REF`",
    )
    conf.unlink(missing_ok=True)
    compile_bytecode(root, root, [f"/usr/lib/python{recipe.PYTHON}"], children, jobs=1)


def compile_bytecode(
    base: Path, root: Path, directories: Sequence[str], children: Children, *, jobs: int, skip: str = "(?!)"
) -> None:
    """Compile modules under `root` with the Python of `base`, which therefore need not be this machine's.

    The bytecode is `unchecked-hash`: tar changes every date, so bytecode checked by date would be stale in each
    container. Its interpreter runs by its own loader: no chroot, no mount, nothing to clean up.
    """
    loader = next(found for part in ("lib", "lib64") for found in sorted((base / part).glob("ld-linux-*.so.*")))
    triplet = f"{recipe.Machine.here().uname}-linux-gnu"
    libraries = f"{base}/lib/{triplet}:{base}/usr/lib/{triplet}"
    python = [str(loader), "--library-path", libraries, f"{base}/usr/bin/python{recipe.PYTHON}", "-S"]
    options = ["-q", "-f", "-j", str(jobs), "--invalidation-mode", "unchecked-hash", "-x", skip]
    places = ["-s", str(root), "-p", "/", *(f"{root}{name}" for name in directories)]
    children.run(
        # compileall ends with 1 for a single file in Python 2's grammar, so its status says nothing
        ["sh", "-c", '"$@" || true', "sh", *python, "-m", "compileall", *options, *places],
        doing="compiling the image's Python modules",
        timeout=_TIMEOUT,
        env={"PYTHONHOME": str(base / "usr"), "PYTHONDONTWRITEBYTECODE": "1"},
    )
