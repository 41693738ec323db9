"""The image that the lab's registry hands out as `nvcr.io/nvidia/vllm`: built here, or a ready one fetched."""

from __future__ import annotations

from sparkctl.lab.image.building import BUILT, REQUIRED_TOOLS, build
from sparkctl.lab.image.fetching import fetch
from sparkctl.lab.image.layout import Blob, OciLayout
from sparkctl.lab.image.pushing import push

__all__ = ["BUILT", "REQUIRED_TOOLS", "Blob", "OciLayout", "build", "fetch", "push"]
