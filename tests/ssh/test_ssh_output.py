from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from sparkctl.ssh.output import LINE_BYTES, NOISE_BYTES, AfterMark, Kept, Lines

CHUNKS = st.lists(st.binary(max_size=40), max_size=30)


@given(CHUNKS, st.integers(2, 64))
def test_the_head_and_the_tail_are_kept_and_the_rest_is_counted(chunks: list[bytes], limit: int) -> None:
    kept = Kept(limit)
    for chunk in chunks:
        kept.feed(chunk)
    whole, half = b"".join(chunks), limit // 2
    if len(whole) <= 2 * half:
        assert kept.left_out == 0
        assert kept.text() == whole.decode("utf-8", "replace")
    else:
        assert kept.left_out == len(whole) - 2 * half
        head, tail = whole[:half].decode("utf-8", "replace"), whole[-half:].decode("utf-8", "replace")
        assert kept.text() == f"{head}\n… {kept.left_out} bytes left out …\n{tail}"


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=6))
def test_lines_do_not_depend_on_how_the_stream_was_cut(data: bytes, cuts: list[int]) -> None:
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    pieces = [data[a:b] for a, b in itertools.pairwise(places)]
    whole, cut = Lines(), Lines()
    expected = [*whole.feed(data), *whole.rest()]
    assert [*(line for piece in pieces for line in cut.feed(piece)), *cut.rest()] == expected


def test_a_progress_bar_is_seen_as_it_grows_and_escapes_are_not() -> None:
    lines = Lines()
    assert list(lines.feed(b"10%\r\x1b[32m20%\r")) == ["10%", "20%"]
    assert list(lines.feed(b"\ndone\nrest")) == ["done"]
    assert list(lines.rest()) == ["rest"]


def test_a_line_without_end_is_handed_on_in_pieces() -> None:
    lines = Lines()
    pieces = list(lines.feed(b"x" * (3 * LINE_BYTES)))
    assert sum(map(len, pieces)) + sum(map(len, lines.rest())) == 3 * LINE_BYTES
    assert max(map(len, pieces)) <= LINE_BYTES


def test_what_the_login_shell_said_before_is_not_the_commands_output() -> None:
    start = AfterMark("mark-1")
    assert start.feed(b"Welcome!\nmark-2 77\nno newline, then mar") == b""
    assert start.feed(b"k-1 12") == b""
    assert start.feed(b"34\noutput") == b"output"
    assert start.pid == 1234
    assert start.before == b"Welcome!\nmark-2 77\nno newline, then "
    assert start.feed(b"mark-1 99\n") == b"mark-1 99\n"


def test_endless_noise_before_the_command_does_not_fill_the_memory() -> None:
    start = AfterMark("mark-1")
    for _ in range(100):
        assert start.feed(b"y" * 10_000) == b""
    assert len(start.before) <= NOISE_BYTES
    assert start.feed(b"mark-1 5\nok") == b"ok"
