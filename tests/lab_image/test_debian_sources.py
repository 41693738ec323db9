"""apt's own configuration becomes mmdebstrap's."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparkctl.lab import debian

DEB822 = """\
# a comment
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: https://other.example/apt
Suites: nodistro
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""
ONE_LINE = """\
deb [arch=amd64 trusted=yes] http://mirror.example/debian bookworm main non-free # the mirror
deb-src http://mirror.example/debian bookworm main
deb cdrom:[Debian 12]/ bookworm main
#deb http://off.example/debian bookworm main
deb https://packages.example/apt cloud-bookworm main
nonsense
"""


def test_a_debian_machine_lends_its_mirrors_to_another_suite() -> None:
    lines = debian.for_suite("trixie", debian.parse_deb822(DEB822), "bookworm")
    key = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "
    assert lines == [
        f"deb {key}http://mirror.example/debian trixie main",
        f"deb {key}http://mirror.example/debian trixie-updates main",
        "deb http://mirror.example/debian-security trixie-security main",
    ]


def test_one_line_sources_keep_only_what_still_holds() -> None:
    lines = debian.for_suite("bookworm", debian.parse_one_line(ONE_LINE), "bookworm")
    assert lines == ["deb [trusted=yes] http://mirror.example/debian bookworm main"]


@pytest.mark.parametrize("text", ["", "deb http://x.example/debian bookworm contrib\n", "deb http://x sid main\n"])
def test_without_the_release_itself_the_default_is_right(text: str) -> None:
    assert debian.for_suite("bookworm", debian.parse_one_line(text), "bookworm") == []


def test_security_alone_is_no_archive_to_install_from() -> None:
    only = debian.parse_one_line("deb http://x.example/debian-security bookworm-security main\n")
    assert debian.for_suite("bookworm", only, "bookworm") == []


def test_a_key_inside_the_file_is_left_out() -> None:
    text = "Types: deb\nURIs: http://m.example/d\nSuites: bookworm\nComponents: main\n"
    text += "Signed-By:\n -----BEGIN PGP\n .\n xx\n"
    assert debian.for_suite("bookworm", debian.parse_deb822(text), "bookworm") == [
        "deb http://m.example/d bookworm main"
    ]


def test_files_are_read_in_apts_order_and_only_apts_kinds(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("deb http://first.example/ bookworm main\n")
    (tmp_path / "sources.list.d/b.sources").write_text(DEB822)
    (tmp_path / "sources.list.d/a.list").write_text("deb http://second.example/ bookworm main\n")
    (tmp_path / "sources.list.d/c.list.save").write_text("deb http://never.example/ bookworm main\n")
    uris = list(dict.fromkeys(source.uri for source in debian.own_sources(tmp_path)))
    assert uris[:3] == ["http://first.example/", "http://second.example/", "http://mirror.example/debian"]
    assert not [uri for uri in uris if "never" in uri]


def test_os_release_quotes_are_no_part_of_the_name() -> None:
    assert debian.release('ID="debian"\nVERSION_CODENAME=bookworm\n# x\n') == ("debian", "bookworm")
    assert debian.release("") == ("", "")


def test_only_the_way_to_the_archive_is_taken_from_apts_settings() -> None:
    dump = 'Acquire::http::Proxy "http://p:3128";\nAcquire::Languages "de";\nDPkg::Pre-Install-Pkgs:: "/x";\n'
    dump += 'Acquire::https::Proxy::h "DIRECT";\n'
    assert debian.proxy_settings(dump) == [
        'Acquire::http::Proxy "http://p:3128";',
        'Acquire::https::Proxy::h "DIRECT";',
    ]


def test_the_command_names_no_mirror(tmp_path: Path) -> None:
    conf = tmp_path / "apt.conf"
    argv = debian.mmdebstrap_argv("trixie", tmp_path / "r", ["a", "b"], apt_conf=conf, mirror=True, hooks=["echo $1"])
    assert argv[-3:] == ("trixie", str(tmp_path / "r"), "-")
    assert "--include=a,b" in argv and "--customize-hook=echo $1" in argv and f"--aptopt={conf}" in argv
    assert not [word for word in argv if "://" in word]
    assert debian.mmdebstrap_argv("trixie", tmp_path / "r", [], apt_conf=conf, mirror=False)[-1] == str(tmp_path / "r")


def test_apts_first_error_is_the_cause() -> None:
    said = "Err:1 http://m.example bookworm InRelease\n  Temporary failure resolving 'm.example'\n"
    said += "E: Failed to fetch http://m.example/InRelease  Temporary failure resolving 'm.example'\n"
    said += "E: mmdebstrap failed to run\n"
    assert debian.cause(said) == "Failed to fetch http://m.example/InRelease Temporary failure resolving 'm.example'"
    assert debian.cause("E: setup failed: E: apt-get\nE: Unable to locate package x\n") == "Unable to locate package x"
    assert debian.cause("I: success\n") is None
