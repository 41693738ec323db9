"""A recorded run and hostile events, for the tests of both views."""

from __future__ import annotations

from hypothesis import strategies as st

from sparkctl.converge.events import Event, Kind, Outcome

RUN = [
    Event(Kind.RUN_STARTED, 0.0, data={"phases": ["docker", "image"]}),
    Event(Kind.PHASE_STARTED, 1.0, phase="docker", data={"hosts": ["spark-1", "s2"]}),
    Event(
        Kind.STEP_STARTED, 1.1, host="spark-1", phase="docker", step="package.docker", text="version: absent -> 26.1"
    ),
    Event(Kind.STEP_STARTED, 1.1, host="s2", phase="docker", step="package.docker", text="version: absent -> 26.1"),
    Event(Kind.ACTION, 1.1, host="spark-1", step="package.docker", text="sudo -n -- apt-get install -y docker.io"),
    Event(Kind.LINE, 1.2, host="spark-1", step="package.docker", text="Reading package lists..."),
    Event(Kind.LINE, 3.0, host="spark-1", step="package.docker", text="Unpacking docker.io"),
    Event(Kind.LINE, 12.0, host="spark-1", step="package.docker", text="Setting up docker.io"),
    Event(Kind.STEP_DONE, 13.1, host="spark-1", step="package.docker", outcome=Outcome.CHANGED),
    Event(Kind.STEP_DONE, 13.1, host="spark-1", step="group.docker", outcome=Outcome.OK),
    Event(Kind.HOST_LOST, 14.0, host="s2", text="no answer within 10 s", outcome=Outcome.UNREACHABLE),
    Event(Kind.STEP_DONE, 14.0, host="s2", step="package.docker", outcome=Outcome.UNKNOWN, text="the host was lost"),
    Event(Kind.GATE_WAITING, 15.0, step="docker answers", text="spark-1 to answer", data={"waited": 0.0}),
    Event(Kind.GATE_WAITING, 16.0, step="docker answers", text="spark-1 to answer", data={"waited": 1.0}),
    Event(Kind.GATE_WAITING, 26.0, step="docker answers", text="spark-1 to pull", data={"waited": 11.0}),
    Event(Kind.GATE_DONE, 27.0, step="docker answers", text="26.1 on spark-1", outcome=Outcome.OK),
    Event(Kind.PHASE_DONE, 27.0, phase="docker"),
    Event(Kind.PHASE_STARTED, 27.0, phase="image", data={"hosts": ["spark-1"]}),
    Event(Kind.GATE_DONE, 28.0, step="equal images", text="they differ", outcome=Outcome.FAILED),
    Event(Kind.RUN_DONE, 28.0, data={"exit_code": 1}),
]

texts = st.text(max_size=40) | st.sampled_from(["\x1b[2J", "\x1b]0;x\x07", "\r\n", "\u202e", "[/red]", "\x9b31m"])
events = st.builds(
    Event,
    kind=st.sampled_from(Kind),
    seconds=st.floats(0, 1e4),
    host=st.none() | texts,
    phase=st.none() | texts,
    step=st.none() | texts,
    text=texts,
    outcome=st.none() | st.sampled_from(Outcome),
    data=st.fixed_dictionaries(
        {},
        optional={
            "phases": st.lists(texts, max_size=3),
            "hosts": st.lists(texts, max_size=3),
            "done": st.none() | st.floats(0, 9),
            "total": st.none() | st.floats(0, 9),
            "waited": st.floats(0, 99),
        },
    ),
)
