"""The image's middle layer: Ray and vLLM for CPU with all they need, slimmed and compiled."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from sparkctl.errors import StepFailed
from sparkctl.lab.image import pip_sources, recipe
from sparkctl.lab.image.base_layer import compile_bytecode
from sparkctl.lab.image.children import Children, discard

_TIMEOUT = 3600.0
_DATA_SCHEME = ("bin", "lib", "share", "etc", "opt", "man", "include")
_PACKAGES = f"usr/local/lib/python{recipe.PYTHON}/dist-packages"
_STRIPPED_FROM = 1_000_000
"""Bytes; stripping smaller files saves next to nothing."""
_ELF = b"\x7fELF"


def find_uv() -> str:
    """uv, from the environment that sparkctl runs in or from PATH. Raises StepFailed."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("uv")
    if found is None:
        raise StepFailed(
            "building the lab's image: uv is not installed",
            hint="install sparkctl with its lab extra: `pip install 'sparkctl[lab]'`",
        )
    return found


def install_argv(uv: str, target: Path, overrides: Path, cache: Path, torch_index: bool) -> list[str]:
    """uv's command line: packages for the image's Python and glibc, whatever this machine's are."""
    return [
        *(uv, "pip", "install", "--target", str(target), "--cache-dir", str(cache), "--link-mode", "hardlink"),
        *("--python", sys.executable, "--python-version", recipe.PYTHON, "--only-binary", ":all:", "--no-progress"),
        *("--python-platform", f"{platform.machine()}-manylinux_{recipe.GLIBC}"),
        *("--override", str(overrides), "--constraints", str(recipe.PAYLOAD / "constraints.txt")),
        *(("--torch-backend", "cpu") if torch_index else ()),
        *recipe.REQUIREMENTS,
    ]


def build(root: Path, cache: Path, children: Children, say: Callable[[str], None]) -> None:
    """Install and slim the packages under `root`. Raises StepFailed that names what could not be had."""
    target = root / _PACKAGES
    target.parent.mkdir(parents=True)
    overrides = root.with_name("overrides.txt")
    overrides.write_text("".join(f"{name}; sys_platform == 'never'\n" for name in recipe.EXCLUDED), encoding="utf-8")
    sources = pip_sources.of_this_machine()
    tag = "cp" + recipe.PYTHON.replace(".", "")
    torch_index = not pip_sources.holds_cpu_torch(sources.find_links, tag, platform.machine())
    say("resolving Ray and vLLM")
    children.run(
        install_argv(find_uv(), target, overrides, cache, torch_index),
        doing=f"installing {' and '.join(recipe.REQUIREMENTS)} into the lab's image",
        timeout=_TIMEOUT,
        env=sources.environment(),
        on_line=lambda line: say(line) if line.startswith(("Resolved", "Prepared", "Installed")) else None,
        cause_in=cause,
        hint=_hint(torch_index),
    )
    discard(cache)
    _move_data(target, root / "usr/local")
    say("slimming the packages")
    _drop(target, root / "usr/local")
    _strip(root, children)


def cause(said: str) -> str | None:
    """Which package uv could not get, and why."""
    missing = re.search(r"there (?:is|are) no versions? of ([^\s{]+?)(?:\{[^}]*\})?(==[^\s{]+|(?=\s))", said)
    if missing:
        return f"{missing[1]}{missing[2]} is in none of the package indexes asked"
    if unknown := re.search(r"Because (\S+) was not found in the package registry", said):
        return f"{unknown[1]} is in none of the package indexes asked"
    if failed := re.search(r"Failed to (?:fetch|download)(?: distribution)?:? `?(\S+?)`?$", said, re.MULTILINE):
        reasons = re.findall(r"^\s*cause: (.+)$", said, re.MULTILINE)
        return f"{failed[1]} could not be had" + (f" ({reasons[-1]})" if reasons else "")
    return None


def compile_packages(base: Path, root: Path, children: Children) -> None:
    """Compile the installed packages with the Python of the layer below."""
    skip = "|".join(recipe.NOT_COMPILED)
    compile_bytecode(base, root, ["/" + _PACKAGES], children, jobs=os.cpu_count() or 1, skip=skip)


def _hint(torch_index: bool) -> str:
    ready = "or give a ready CPU image: `--image REF`"
    if torch_index:
        return f"open PyTorch's own package index, or put a CPU wheel of torch into pip's find-links, {ready}"
    return f"see that `pip download {recipe.REQUIREMENTS[0]}` works here, {ready}"


def _move_data(target: Path, local: Path) -> None:
    """Move what `--target` put beside the packages to /usr/local, and give scripts to Debian's Python."""
    for name in _DATA_SCHEME:
        source = target / name
        if source.is_dir() and not (source / "__init__.py").exists():
            shutil.copytree(source, local / name, symlinks=True, dirs_exist_ok=True, copy_function=shutil.move)
            shutil.rmtree(source)
    for script in (local / "bin").glob("*"):
        data = script.read_bytes()
        first, newline, rest = data.partition(b"\n")
        if first.startswith(b"#!") and b"python" in first:
            script.write_bytes(b"#!/usr/bin/python3" + newline + rest)


def _drop(target: Path, local: Path) -> None:
    """Remove what serving never touches, but for what must stay."""
    kept = {target / name for name in recipe.KEPT}
    unwanted = [path for name in recipe.DROPPED for path in target.glob(name)]
    unwanted += [path for name in recipe.DROPPED_LIBRARIES for path in local.glob(name)]
    for path in unwanted:
        inside = {keep for keep in kept if keep.is_relative_to(path)}
        if not inside:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            continue
        for file in [found for found in path.rglob("*") if not found.is_dir() and found not in inside]:
            file.unlink()


def _strip(root: Path, children: Children) -> None:
    """Drop the symbols of large programs and libraries (vLLM's own shrink to a fifth)."""
    for path in _large_elf_files(root):
        children.run(
            # a file that strip cannot handle stays as it is
            ["sh", "-c", 'strip --strip-unneeded -- "$1" || true', "sh", path],
            doing=f"stripping {path.name}",
            timeout=300.0,
        )


def _large_elf_files(root: Path) -> Iterator[Path]:
    for directory, _, names in os.walk(root):
        for name in names:
            path = Path(directory, name)
            # auditwheel's libraries carry patched headers that strip is known to break (patchelf issue 10)
            vendored = path.parent.name.endswith(".libs")
            if vendored or path.is_symlink() or path.stat().st_size < _STRIPPED_FROM:
                continue
            with path.open("rb") as file:
                if file.read(len(_ELF)) == _ELF:
                    yield path
