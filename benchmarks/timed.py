"""Time one task in a fresh process, without its imports.

Prints the seconds and the process's peak memory in bytes.

python -m benchmarks.timed default              build and synthesize the app for the context
python -m benchmarks.timed twin TEMPLATE        build and synthesize its twin
python -m benchmarks.timed replay TEMPLATE LOG  replay a log
python -m benchmarks.timed count TEMPLATE LOG   only count what its filters match
python -m benchmarks.timed scan LOG             only split it into JSON objects, with DuckDB
python -m benchmarks.timed chdb LOG             count what one filter matches, with chDB
python -m benchmarks.timed polars LOG           the same with Polars
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

__all__ = ["main"]


def _default() -> None:
    from aws_cdk import App

    from eks_audit_constructs.cdk.app import build
    from eks_audit_constructs.cdk.control_plane import running  # noqa: F401  # otherwise imported when the stack is built

    def work() -> None:
        app = App(analytics_reporting=False)
        build(app)
        app.synth()

    _clock(work)


def _twin(template: str) -> None:
    from aws_cdk import App

    from benchmarks import twin

    content = twin.read(template)

    def work() -> None:
        app = App(analytics_reporting=False)
        twin.build(app, content)
        app.synth()

    _clock(work)


def _replay(template: str, log: str) -> None:
    from eks_audit_constructs.replay import replay
    from eks_audit_constructs.replay.counting import engine  # noqa: F401  # otherwise imported when replay() runs

    _clock(lambda: replay(template, [log]))


def _count(template: str, log: str) -> None:
    from eks_audit_constructs.audit_logs import logs
    from eks_audit_constructs.replay.counting import engine
    from eks_audit_constructs.replay.plan import plan
    from eks_audit_constructs.templates.template import read_template

    questions = plan(read_template(Path(template))).questions

    def work() -> None:
        with logs.opened([log]) as found:
            engine.count(found, questions, sizes=False)

    _clock(work)


def _scan(log: str) -> None:
    import duckdb

    _clock(lambda: duckdb.execute("select count(*) from read_ndjson_objects($1)", [log]).fetchall())


def _chdb(log: str) -> None:
    chdb = import_module("chdb")
    structure = "auditID String, stage String, responseStatus Tuple(code Nullable(Int64))"
    condition = "responseStatus.code = 403 and stage = 'ResponseComplete'"
    _clock(lambda: chdb.query(f"select count() from file('{log}', 'JSONEachRow', '{structure}') where {condition}"))


def _polars(log: str) -> None:
    polars = import_module("polars")
    code = polars.Struct({"code": polars.Int64})
    schema = {"auditID": polars.String, "stage": polars.String, "responseStatus": code}
    denied = polars.col("responseStatus").struct.field("code") == 403
    matches = denied & (polars.col("stage") == "ResponseComplete")
    events = polars.scan_ndjson(log, schema=schema, ignore_errors=True)
    _clock(lambda: events.filter(matches).select(polars.len()).collect())


def _clock(work: Callable[[], object]) -> None:
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(seconds, peak if sys.platform == "darwin" else peak * 1024)  # elsewhere in KiB


_WORK: dict[str, Callable[..., None]] = {
    "default": _default,
    "twin": _twin,
    "replay": _replay,
    "count": _count,
    "scan": _scan,
    "chdb": _chdb,
    "polars": _polars,
}


def main(what: str, *arguments: str) -> None:
    """Run one of the tasks."""
    _WORK[what](*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
