"""Write a log, and read it."""

from __future__ import annotations

from pathlib import Path

from eks_audit_constructs.audit_logs.events import events
from eks_audit_constructs.audit_logs.logs import Fetched, Log, Source, opened
from tests.replay.builders import alarm, metric_filter, write_template

__all__ = ["path_of", "read", "template", "written"]


def written(folder: Path, content: str | bytes, name: str = "audit.log") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def path_of(log: Source) -> Path:
    return log.path if isinstance(log, Fetched) else Path(log)


def template(folder: Path) -> Path:
    denied = metric_filter(
        '{ ($.responseStatus.code = 403) && ($.stage = "ResponseComplete") }',
        group="/aws/eks/demo/cluster",
        DefaultValue=0,
    )
    rings = alarm(Period=300, Threshold=5)
    (folder / "template").mkdir(exist_ok=True)
    return write_template(folder / "template", Denied=denied, Rings=rings)


def read(*paths: Path) -> tuple[list[Log], list[bytes], list[str]]:
    """The logs, the lines in them, and what was said."""
    said: list[str] = []
    with opened(paths, say=said.append) as logs:
        return logs, [event.line for log in logs for event in events(log)], said
