"""sparkctl: turns a stack of NVIDIA DGX Sparks into one LLM server, and proves it."""

__version__ = "0.1.0"
