"""Pages for the tests: a replay, written and read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eks_audit_constructs.audit_logs import logs
from eks_audit_constructs.replay import replay
from eks_audit_constructs.replay.html import write
from tests.replay.builders import alarm, event, metric_filter, write_log, write_template

__all__ = ["GET", "HOSTILE", "data_of", "hostile_page", "write_page"]

GET = '{ $.verb = "get" }'
HOSTILE = "</script><img src=x onerror=alert(1)><!--<script>\u202egpj.exe"
"""What an attacker may call himself."""


def write_page(folder: Path, template: Path, *paths: Path) -> Path:
    result = replay(template, paths)
    with logs.opened(paths) as found:
        write(result, found, folder / "report.html")
    return folder / "report.html"


def hostile_page(folder: Path) -> Path:
    """A page on which every text that can come from elsewhere is hostile."""
    fields: dict[str, Any] = {
        "verb": "get",
        "user": {"username": HOSTILE},
        "sourceIPs": [HOSTILE],
        "userAgent": HOSTILE,
        "requestURI": HOSTILE,
        "objectRef": {"resource": HOSTILE, "namespace": HOSTILE, "name": HOSTILE},
        "responseStatus": {"code": HOSTILE},
    }
    template = write_template(
        folder,
        F=metric_filter(GET, MetricName=HOSTILE),
        Wrong=metric_filter(f"[{HOSTILE}]"),
        A=alarm(AlarmName=f"loud {HOSTILE}", MetricName=HOSTILE, AlarmDescription=f"**{HOSTILE}** {HOSTILE}"),
        Broken={"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {"AlarmName": HOSTILE}},
        Query={"Type": "AWS::Logs::QueryDefinition", "Properties": {"Name": "loud", "QueryString": HOSTILE}},
    )
    log = write_log(folder, *[event("06:00:00", **fields)] * 3, HOSTILE, name="<b>log.jsonl")
    return write_page(folder, template, log)


def data_of(page: str) -> Any:
    """The events that the page holds."""
    return json.loads(page.split('id="data">', 1)[1].split("</script>", 1)[0])
