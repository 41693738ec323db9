from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkctl.ssh.plain import excerpt, plain


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("plain text\twith tab\n", "plain text\twith tab\n"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hcleared", "cleared"),
        ("\x1b]0;window title\x07shown", "shown"),
        ("\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("\x1b]52;c;ZWNobyBwd25lZA==\x07clipboard", "clipboard"),
        ("\x1b]0;no end\nnext line", "\nnext line"),
        ("\x1bP1$r0m\x1b\\dcs", "dcs"),
        ("\x9b31mC1\x9b0m", "C1"),
        ("\x1b(Bcharset\x1bc", "charset"),
        ("bell\x07 back\x08space \x00nul", "bell backspace nul"),
        ("user\u202egnp.exe\u202c", "usergnp.exe"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("10%\r20%\r\n30%", "10%\n20%\n30%"),
        ("Grüße, 世界 🚀", "Grüße, 世界 🚀"),
        ("\udcff lone", " lone"),
    ],
)
def test_what_may_be_shown(said: str, shown: str) -> None:
    assert plain(said) == shown


@given(st.text(alphabet=st.characters(), max_size=200) | st.text(alphabet="\x1b[]0;m\x07\x9b\n\\PX^_abc", max_size=60))
def test_nothing_shown_can_steer_a_terminal(said: str) -> None:
    shown = plain(said)
    assert not [one for one in shown if unicodedata.category(one) in ("Cc", "Cs") and one not in "\t\n"]
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
    assert plain(shown) == shown


def test_an_excerpt_is_the_end_and_bounded() -> None:
    text = "\n".join(f"line {number}" for number in range(100)) + "\n" + "x" * 1000 + "\n\n"
    lines = excerpt(text, lines=3, width=50).split("\n")
    assert lines[:2] == ["line 98", "line 99"]
    assert len(lines[2]) == 50
    assert lines[2].endswith("…")
