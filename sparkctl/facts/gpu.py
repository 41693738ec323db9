"""The GPU, as nvidia-smi tells it. GB10 answers `[N/A]` to memory questions."""

from __future__ import annotations

from dataclasses import dataclass

from sparkctl.facts.base import Fact, FactUnavailable, Output, require


@dataclass(frozen=True, slots=True)
class Gpu:
    """`memory` is MiB, None on machines with unified memory (a Spark)."""

    name: str
    driver: str
    memory: int | None
    compute: str | None


_QUERY = "nvidia-smi --query-gpu=name,driver_version,memory.total,compute_cap --format=csv,noheader,nounits"


def parse_gpus(output: Output) -> tuple[Gpu, ...]:
    """Raises FactUnavailable where there is no driver to ask."""
    if output.code == 127:
        raise FactUnavailable("nvidia-smi is not installed", hint="sudo ubuntu-drivers install")
    found: list[Gpu] = []
    for line in require(output).splitlines():
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split(",")]
        cells += [""] * (4 - len(cells))
        name, driver, memory, compute = cells[:4]
        compute_known = compute[:1].isdecimal()
        found.append(Gpu(name, driver, int(memory) if memory.isdecimal() else None, compute if compute_known else None))
    return tuple(found)


GPUS: Fact[tuple[Gpu, ...]] = Fact("gpus", _QUERY, parse_gpus)


def parse_gpu_list(output: Output) -> tuple[str, ...]:
    if output.code == 127:
        raise FactUnavailable("nvidia-smi is not installed", hint="sudo ubuntu-drivers install")
    return tuple(line.strip() for line in require(output).splitlines() if line.startswith("GPU "))


GPU_LIST: Fact[tuple[str, ...]] = Fact("gpu-list", "nvidia-smi -L", parse_gpu_list)
"""One line a GPU (`GPU 0: NVIDIA GB10 (UUID: …)`), with no query that a driver may answer with N/A."""
