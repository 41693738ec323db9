"""`sparkctl trust`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sparkctl.cli.app import EPILOG, new_app
from sparkctl.cli.session import Session

if TYPE_CHECKING:
    from sparkctl.cli.reach import Stack
    from sparkctl.ssh.trust import TrustItem

app = new_app()


@app.command(epilog=EPILOG)
def trust(
    context: typer.Context,
    forget: Annotated[str | None, typer.Option(metavar="HOST", help="Remove the pinned keys of one host.")] = None,
) -> int:
    """show and pin the hosts' SSH keys

    Compare each fingerprint with what the host itself says (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub).
    --yes pins what is shown. A key that has changed is never pinned over: forget the host by name first.

    \b
    sparkctl trust
    sparkctl trust --forget spark-2
    """
    session: Session = context.obj
    if forget is None:
        return _pin(session)
    session.no_dry_run()
    return _forget(session, forget)


def _forget(session: Session, host: str) -> int:
    from sparkctl.cli.reach import stack
    from sparkctl.ssh import trust as keys

    target = stack(session)
    gone = keys.forget(host, target.endpoints.values(), target.known_hosts)
    if not gone and host not in target.endpoints:
        # Keys of hosts that have left the inventory can be forgotten; a name that means nothing is a slip.
        target.cluster.host(host)
    said = [f"forgot {key}" for key in gone] or [f"no key was pinned for {host}"]
    session.answer({"forgotten": [{"host": host, "key": str(key)} for key in gone]}, said)
    return 0


def _pin(session: Session) -> int:
    from sparkctl.cli.reach import stack
    from sparkctl.ssh import trust as keys
    from sparkctl.ui.trust import trust_json, trust_lines

    target = stack(session)
    items = keys.inspect([target.endpoints[host] for host in target.hosts], target.known_hosts, others=target.endpoints)
    refusals = [item.refusal for item in items if item.refusal is not None]
    new = [item for item in items if item.state == "new"]
    out = session.terminal.out
    if not session.json:
        out.lines(trust_lines(items, limit=out.width, color=out.color))
    pinned: tuple[Any, ...] = ()
    if new and not session.options.dry_run:
        if _vouched(target, new):
            session.say("these are the keys that the lab made")
        else:
            session.confirm(f"pinning {'this key' if len(new) == 1 else f'these {len(new)} keys'}")
        pinned = keys.pin(new, target.known_hosts)
        session.say(f"pinned {len(pinned)} in {target.known_hosts.path}")
    value = trust_json(items, pinned)
    if refusals:
        session.fail(refusals, value)
        return refusals[0].exit_code
    session.answer(value, [])
    return 0


def _vouched(target: Stack, new: Sequence[TrustItem]) -> bool:
    """Whether the lab itself, past its network, says that it made these very keys."""
    from sparkctl.cli.lab_keys import made_by_the_lab

    return target.cluster.lab is not None and made_by_the_lab({item.host: item.key for item in new})
