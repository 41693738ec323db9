"""pip's configuration, as pip reads it and as uv is told."""

from __future__ import annotations

import http.server
import threading
from pathlib import Path

import pytest

from sparkctl.lab.image.pip_sources import PipSources, configuration_files, holds_cpu_torch, read


def _file(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_nothing_configured_says_nothing_to_uv(tmp_path: Path) -> None:
    found = read({}, [tmp_path / "absent"])
    assert found == PipSources()
    assert found.environment() == {}


def test_files_and_variables_merge_as_in_pip(tmp_path: Path) -> None:
    weak = _file(tmp_path / "a", "[global]\nindex-url = https://weak/simple\ncert = /ca.pem\nfind_links = /old\n")
    strong = _file(
        tmp_path / "b", "[install]\nindex-url = https://strong/simple\nextra-index-url =\n  https://x/s\n  file:///y\n"
    )
    found = read({"PIP_FIND_LINKS": "/wheels https://page/"}, [weak, strong])
    assert found == PipSources(
        "https://strong/simple", ("https://x/s", "file:///y"), ("/wheels", "https://page/"), False, "/ca.pem"
    )
    assert found.environment() == {
        "UV_DEFAULT_INDEX": "https://strong/simple",
        "UV_INDEX": "https://x/s file:///y",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/wheels,https://page/",
        "SSL_CERT_FILE": "/ca.pem",
    }


@pytest.mark.parametrize("text", ["no section\n", "[global]\nx", "\x00\xff", "[global]\nindex-url\n = %(x)s\n"])
def test_a_broken_file_is_passed_over(tmp_path: Path, text: str) -> None:
    good = _file(tmp_path / "good", "[global]\nno-index = true\n")
    assert read({}, [_file(tmp_path / "bad", text), good]).no_index


def test_the_files_are_pips_weakest_first(tmp_path: Path) -> None:
    files = configuration_files({"PIP_CONFIG_FILE": "/own.conf"}, tmp_path / "venv", tmp_path / "home")
    names = [str(file).removeprefix(str(tmp_path)) for file in files]
    assert names == [
        *("/etc/xdg/pip/pip.conf", "/etc/pip.conf", "/home/.pip/pip.conf", "/home/.config/pip/pip.conf"),
        *("/venv/pip.conf", "/own.conf"),
    ]
    assert configuration_files({"PIP_CONFIG_FILE": "/dev/null"}, tmp_path, tmp_path) == []


@pytest.mark.parametrize(
    ("wheel", "there"),
    [
        ("torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl", True),
        ("torch-2.13.0+cpu-cp312-cp312-manylinux_2_28_x86_64.whl", False),
        ("torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_aarch64.whl", False),
        ("torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl", False),
        ("torchvision-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl", False),
    ],
)
def test_torch_for_cpu_is_found_in_a_directory_by_its_name(tmp_path: Path, wheel: str, there: bool) -> None:
    (tmp_path / wheel).touch()
    assert holds_cpu_torch((str(tmp_path),), "cp311", "x86_64") is there
    assert holds_cpu_torch((tmp_path.as_uri(),), "cp311", "x86_64") is there


def test_torch_for_cpu_is_found_on_a_page_whose_links_are_quoted() -> None:
    page = b'<a href="torch-2.13.0%2Bcpu-cp311-cp311-manylinux_2_28_x86_64.whl#sha256=00">torch</a>'

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(page)

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    place = f"http://127.0.0.1:{server.server_address[1]}/"
    try:
        assert holds_cpu_torch((place,), "cp311", "x86_64")
        assert not holds_cpu_torch((place,), "cp313", "x86_64")
    finally:
        server.shutdown()
        server.server_close()


def test_places_that_cannot_be_read_hold_nothing() -> None:
    assert not holds_cpu_torch(("/absent", "http://127.0.0.1:1/", "ftp://x", "file:///absent"), "cp311", "x86_64")
