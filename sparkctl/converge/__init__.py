"""Plan and converge flows over a fleet of hosts."""

from sparkctl.converge.events import Emit, Event, Kind, Outcome
from sparkctl.converge.execute import converge, plan
from sparkctl.converge.fleet import Fleet
from sparkctl.converge.journal import Journal
from sparkctl.converge.plan import Plan, Verdict, to_json
from sparkctl.converge.report import Report

__all__ = [
    "Emit",
    "Event",
    "Fleet",
    "Journal",
    "Kind",
    "Outcome",
    "Plan",
    "Report",
    "Verdict",
    "converge",
    "plan",
    "to_json",
]
