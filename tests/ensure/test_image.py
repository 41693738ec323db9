"""Images: progress, registries, and what docker's complaints mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkctl.ensure.image import Image, Progress, pull_progress, registry_of
from sparkctl.facts.docker import ImageState

PULL = """25.11-py3: Pulling from nvidia/vllm
4f4fb700ef54: Pulling fs layer
a1b2c3d4e5f6: Pulling fs layer
0123456789ab: Already exists
4f4fb700ef54: Waiting
a1b2c3d4e5f6: Verifying Checksum
a1b2c3d4e5f6: Download complete
a1b2c3d4e5f6: Pull complete
4f4fb700ef54: Download complete
Digest: sha256:abc
""".splitlines()


def test_a_pull_is_told_by_its_layers() -> None:
    assert pull_progress([]) == Progress(0, 0, "")
    assert pull_progress(PULL[:1]) == Progress(0, 0, "")
    assert pull_progress(PULL[:4]) == Progress(1, 3, "1 of 3 layers loaded, 1 unpacked")
    assert pull_progress(PULL) == Progress(2, 3, "3 of 3 layers loaded, 2 unpacked")
    done = [*PULL, "4f4fb700ef54: Pull complete", "Status: Downloaded newer image for nvcr.io/nvidia/vllm:25.11-py3"]
    assert pull_progress(done) == Progress(3, 3, "Downloaded newer image for nvcr.io/nvidia/vllm:25.11-py3")


@given(st.lists(st.text(max_size=40), max_size=20))
def test_no_output_breaks_the_progress(lines: list[str]) -> None:
    progress = pull_progress(lines)
    assert 0 <= progress.done <= progress.total


REFERENCE = "nvcr.io/nvidia/vllm:99.99-py3"


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (
            "manifest for nvcr.io/nvidia/vllm:99.99-py3 not found: manifest unknown: manifest unknown",
            f"image tag does not exist: {REFERENCE}",
        ),
        (
            'daemon: Get "https://nvcr.io/v2/": dial tcp 10.77.0.2:443: connect: connection refused',
            "the registry nvcr.io does not answer",
        ),
        (
            'daemon: Get "https://nvcr.io/v2/": context deadline exceeded (Client.Timeout exceeded)',
            "the registry nvcr.io does not answer",
        ),
        (
            'daemon: Get "https://nvcr.io/v2/": dial tcp: lookup nvcr.io: no such host',
            "the name of the registry nvcr.io does not resolve",
        ),
        ("failed to register layer: write /usr/lib/x: no space left on device", "the disk is full"),
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
            "this user may not talk to docker",
        ),
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", "docker is not running"),
        (
            "daemon: pull access denied for x, repository does not exist or may require 'docker login'",
            f"nvcr.io wants a login for {REFERENCE}",
        ),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", "is not trusted here"),
        ("no matching manifest for linux/arm64/v8 in the manifest list entries", "this kind of processor"),
    ],
)
def test_what_docker_says_is_explained(said: str, cause: str) -> None:
    explained = Image(REFERENCE).explain(said)
    assert explained is not None and cause in explained.cause and explained.hint
    assert Image(REFERENCE).explain("Status: Downloaded newer image") is None


def test_an_image_that_is_there_is_not_pulled_again() -> None:
    assert not Image(REFERENCE).diff(ImageState("sha256:1", (), (), "arm64", 1))
    assert [str(a) for a in Image(REFERENCE).apply(None, Image(REFERENCE).diff(None))] == [
        f"docker pull -- {REFERENCE}"
    ]


@pytest.mark.parametrize(
    ("reference", "registry"),
    [
        ("nvcr.io/nvidia/vllm:1", "nvcr.io"),
        ("vllm/vllm-openai", "docker.io"),
        ("ubuntu", "docker.io"),
        ("localhost/x", "localhost"),
        ("reg:5000/x", "reg:5000"),
    ],
)
def test_the_registry_of_a_reference(reference: str, registry: str) -> None:
    assert registry_of(reference) == registry
