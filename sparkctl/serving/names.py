"""The names that everything about a served model agrees on."""

from __future__ import annotations

RAY, SERVE = "sparkctl-ray", "sparkctl-serve"
"""Names of the containers: Ray's on every node, vLLM's on the head."""

HEAD_ROLE, WORKER_ROLE, SERVE_ROLE, PROBE_ROLE = "head", "worker", "serve", "probe"

RAY_PORT = 6379
"""Where Ray's GCS listens on the head (the default of `ray start`)."""

DASHBOARD_PORT = 8265
"""On loopback only: the dashboard executes code for whoever reaches it (CVE-2023-48022)."""

JOIN_SECONDS = 120.0
"""Until a node must have joined. Measured 4.5 s quiet and 24 s under load; a version mismatch hangs for ever."""

READY_SECONDS = 1800.0
"""Until vLLM must have answered: starts of 4 to 15 minutes are usual for large models."""
