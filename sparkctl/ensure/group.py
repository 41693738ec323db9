"""The login user's membership in a group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparkctl.ensure.base import Change, Diff
from sparkctl.facts.base import Fact
from sparkctl.facts.os import GroupState, group_state
from sparkctl.ssh.command import Action, Command, Reconnect


@dataclass(frozen=True, slots=True)
class GroupMember:
    """The user that we log in as shall be in `group`, and this very session shall have it. Root needs no group.

    A session keeps the groups it began with, so a membership that is only in the database costs a new login and
    nothing else.
    """

    group: str
    needs: tuple[str, ...] = ()
    hint: str | None = None

    @property
    def key(self) -> str:
        return f"group.{self.group}"

    @property
    def fact(self) -> Fact[GroupState]:
        return group_state(self.group)

    def diff(self, seen: GroupState) -> Diff:
        if seen.uid == 0 or seen.in_login:
            return Diff()
        if not seen.exists:
            return Diff(refuse=f"there is no group {self.group}", hint=self.hint)
        if seen.user in seen.members:
            return Diff((Change(f"this login in group {self.group}", "no", "yes"),))
        return Diff((Change(f"{seen.user} in group {self.group}", "no", "yes"),))

    def apply(self, seen: GroupState, diff: Diff) -> Sequence[Action]:
        join = Command(("usermod", "-aG", self.group, "--", seen.user), sudo=True, mutates=True)
        member = seen.user in seen.members
        return [*([] if member else [join]), Reconnect(f"for the group {self.group}")]
