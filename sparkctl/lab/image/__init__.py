"""The image that the lab's registry hands out as `nvcr.io/nvidia/vllm`: built here, or a ready one fetched."""

from __future__ import annotations

from sparkctl.lab.image.build import REQUIRED_TOOLS, build
from sparkctl.lab.image.layout import Blob, OciLayout

__all__ = ["REQUIRED_TOOLS", "Blob", "OciLayout", "build"]
