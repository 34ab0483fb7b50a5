"""The same thirty events in the shapes that people have them in."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

__all__ = ["EVENTS", "GROUP", "LINES", "SHAPES", "STREAM", "TIMES", "WITH_STREAM", "iso", "packed"]

GROUP, STREAM = "/aws/eks/demo/cluster", "kube-apiserver-audit-01"
_START = datetime(2026, 11, 23, 9, tzinfo=UTC)


def _event(number: int) -> dict[str, Any]:
    at = f"{_START + timedelta(seconds=10 * number):%Y-%m-%dT%H:%M:%S.%f}Z"
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"a-{number:04}",
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/shop/secrets?fieldSelector=a%3Db,c",
        "verb": "get",
        "user": {
            "username": "dana@example.com",
            "groups": ["dev", "system:authenticated"],
            "extra": {"ö": ["; \\ \t"]},
        },
        "responseStatus": {"metadata": {}, "code": 403 if number % 2 else 200},
        "requestReceivedTimestamp": at,
        "stageTimestamp": at,
    }


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


EVENTS = [_event(number) for number in range(30)]
LINES = [compact(event) for event in EVENTS]
TIMES = [int((_START + timedelta(seconds=10 * number)).timestamp() * 1000) for number in range(30)]
"""Milliseconds since 1970."""
_BOTH = [*zip(LINES, TIMES, strict=True)]


def iso(at: int, form: str = "%Y-%m-%dT%H:%M:%S") -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime(form)


def text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def jsonl(values: Iterable[Any]) -> str:
    return text(json.dumps(value) for value in values)


def packed(content: str) -> str:
    return base64.b64encode(gzip.compress(content.encode(), mtime=0)).decode()


def api_events(**more: Any) -> list[dict[str, Any]]:
    return [{"timestamp": at, "message": line, "ingestionTime": at + 900, **more} for line, at in _BOTH]


def filtered() -> list[dict[str, Any]]:
    return api_events(logStreamName=STREAM, eventId="1")


def envelope(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    about = {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": GROUP, "logStream": STREAM}
    return {**about, "subscriptionFilters": ["all"], "logEvents": [*events]}


def results() -> list[list[dict[str, str]]]:
    def row(line: str, at: int) -> list[dict[str, str]]:
        found = {
            "@timestamp": f"{iso(at, '%Y-%m-%d %H:%M:%S')}.000",
            "@message": line,
            "@logStream": STREAM,
            "@ptr": "C",
        }
        return [{"field": name, "value": value} for name, value in found.items()]

    return [row(line, at) for line, at in _BOTH]


def failed(**more: Any) -> str:
    records = (packed(json.dumps(envelope([event]))) for event in api_events())
    about = {"attemptsMade": 4, "arrivalTimestamp": 1, "errorCode": "Lambda.FunctionError", "errorMessage": "x"}
    return jsonl({**about, **more, "rawData": record} for record in records)


def table(columns: list[str], rows: Iterable[list[Any]], **options: Any) -> str:
    written = io.StringIO()
    csv.writer(written, **options).writerows([columns, *rows])
    return written.getvalue()


def insights_rows() -> list[list[str]]:
    return [[f"{iso(at, '%Y-%m-%d %H:%M:%S')}.123", line, STREAM, f"1:{GROUP}"] for line, at in _BOTH]


def cri(line: str, at: int) -> list[str]:
    begin = f"{iso(at)}.123456789Z stderr"
    return [f"{begin} P {line[:100]}", f"{begin} P {line[100:200]}", f"{begin} F {line[200:]}"]


def docker(line: str, at: int) -> list[dict[str, str]]:
    pieces = line[:150], f"{line[150:]}\n"
    return [{"log": piece, "stream": "stdout", "time": f"{iso(at)}.123456789Z"} for piece in pieces]


def loki() -> dict[str, Any]:
    stream = {"stream": {"job": "audit"}, "values": [[f"{at}000000", line] for line, at in _BOTH]}
    return {"status": "success", "data": {"resultType": "streams", "result": [stream], "stats": {}}}


def otel() -> dict[str, Any]:
    records = [{"timeUnixNano": f"{at}000000", "body": {"stringValue": line}} for line, at in _BOTH]
    return {"resourceLogs": [{"resource": {}, "scopeLogs": [{"scope": {}, "logRecords": records}]}]}


def untyped() -> list[dict[str, Any]]:
    return [{name: value for name, value in event.items() if name not in ("kind", "apiVersion")} for event in EVENTS]


def awslogs(line: str, at: int) -> str:
    return f"{GROUP} {STREAM}   {iso(at)}.000Z {iso(at + 60_000)}.000Z {line}"


LIST = {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}}
CONTROL = "CWL CONTROL MESSAGE: Checking health of destination Firehose."

WITH_STREAM: dict[str, Callable[[], str]] = {
    "filter-log-events": lambda: json.dumps({"events": filtered(), "searchedLogStreams": []}, indent=4),
    "filter-log-events --query events": lambda: json.dumps(filtered(), indent=4),
    "filter-log-events | jq .events[]": lambda: text(json.dumps(event, indent=2) for event in filtered()),
    "filter-log-events | jq -c .events[]": lambda: jsonl(filtered()),
    "filter-log-events --output text": lambda: text(
        [
            *(f"EVENTS\t{'3' * 56}\t{at}\t{STREAM}\t{line}\t{at}" for line, at in _BOTH),
            f"SEARCHEDLOGSTREAMS\t{STREAM}\tTrue",
        ]
    ),
    "filter-log-events, stream and message as text": lambda: text(f"{STREAM}\t{line}" for line in LINES),
    "subscription": lambda: jsonl(envelope([event]) for event in api_events()),
    "Firehose failures": failed,
    "Firehose failures of format conversion": lambda: failed(errorCode=None, ErrorCode="DataFormatConversion"),
    "Lambda test events": lambda: jsonl({"awslogs": {"data": packed(line)}, "logStream": STREAM} for line in LINES),
    "query results": lambda: json.dumps(
        {"results": results(), "statistics": {"recordsMatched": 30.0}, "status": "Complete"}
    ),
    "query results --output text": lambda: (
        "CWLI\tComplete\n"
        + text(f"RESULTS\t{item['field']}\t{item['value']}" for row in results() for item in row)
        + "STATISTICS\t1.0\t30.0\t30.0\n"
    ),
    "Insights CSV": lambda: table(["@timestamp", "@message", "@logStream", "@log"], insights_rows()),
    "Insights CSV, semicolons": lambda: table(
        ["@timestamp", "@message", "@logStream", "@log"], insights_rows(), delimiter=";", quoting=csv.QUOTE_ALL
    ),
    "aws logs tail": lambda: text(f"{iso(at)}.000000+00:00 {STREAM} {line}" for line, at in _BOTH),
    "aws logs tail --format json": lambda: text(
        f"{iso(at)}+00:00 {STREAM} \n{json.dumps(json.loads(line), indent=4, ensure_ascii=False)}" for line, at in _BOTH
    ),
    "awslogs": lambda: text(f"{GROUP} {STREAM}     {line}" for line in LINES),
    "awslogs --timestamp --ingestion-time": lambda: text(awslogs(line, at) for line, at in _BOTH),
    "awslogs --no-group --timestamp": lambda: text(f"{STREAM} {iso(at)}.000Z {line}" for line, at in _BOTH),
    "Filebeat, aws-cloudwatch": lambda: jsonl(
        {"@timestamp": f"{iso(at)}.000Z", "message": line, "awscloudwatch": {"log_group": GROUP, "log_stream": STREAM}}
        for line, at in _BOTH
    ),
}
"""Shapes that name the log stream."""

SHAPES: dict[str, Callable[[], str]] = {
    **WITH_STREAM,
    "lines": lambda: text(LINES),
    "lines with spaces": lambda: jsonl(EVENTS),
    "export": lambda: text(f"{iso(at)}.123Z {line}" for line, at in _BOTH),
    "kubectl logs --timestamps": lambda: text(f"{iso(at)}.123456789Z {line}" for line, at in _BOTH),
    "pretty": lambda: text(json.dumps(event, indent=2, ensure_ascii=False) for event in EVENTS),
    "array": lambda: json.dumps(EVENTS, indent=4, ensure_ascii=False),
    "one after the other": lambda: "".join(LINES),
    "messages as text": lambda: "\t".join(LINES) + "\n",
    "EventList": lambda: json.dumps({**LIST, "items": EVENTS}, ensure_ascii=False),
    "EventList, sorted": lambda: json.dumps(
        {"apiVersion": "audit.k8s.io/v1", "items": EVENTS, "kind": "EventList"}, indent=2, ensure_ascii=False
    ),
    "EventLists of a webhook": lambda: text(compact({**LIST, "items": [item]}) for item in untyped()),
    "get-log-events": lambda: json.dumps(
        {"events": api_events(), "nextForwardToken": "f/1", "nextBackwardToken": "b/1"}
    ),
    "get-log-events --output text": lambda: text(["b/1\tf/1", *(f"EVENTS\t{at}\t{line}\t{at}" for line, at in _BOTH)]),
    "time and message as text": lambda: text(f"{at}\t{line}" for line, at in _BOTH),
    "message and time as text": lambda: text(f"{line}\t{at}" for line, at in _BOTH),
    "--output table": lambda: text(f"|  {at} | {line}  |" for line, at in _BOTH),
    "aws logs tail --format short": lambda: text(f"{iso(at)} {line}" for line, at in _BOTH),
    "log events CSV": lambda: table(["timestamp", "message"], ([at, line] for line, at in _BOTH), lineterminator="\n"),
    "timestamp and message": lambda: jsonl({"timestamp": at, "message": line} for line, at in _BOTH),
    "Fluent Bit": lambda: jsonl(
        {"date": at / 1000, "log": line, "kubernetes": {"pod_name": "x"}} for line, at in _BOTH
    ),
    "Fluent Bit, array": lambda: json.dumps([{"date": at / 1000, "log": line} for line, at in _BOTH]),
    "one key": lambda: jsonl({"log": line} for line in LINES),
    "one key, not a text": lambda: jsonl({"audit": event} for event in EVENTS),
    "Vector": lambda: jsonl(
        {"file": "/var/log/audit.log", "message": line, "source_type": "file", "timestamp": f"{iso(at)}.5Z"}
        for line, at in _BOTH
    ),
    "Docker": lambda: jsonl(piece for line, at in _BOTH for piece in docker(line, at)),
    "Loki's logcli": lambda: jsonl({"labels": {}, "line": line, "timestamp": f"{iso(at)}.5Z"} for line, at in _BOTH),
    "Loki's logcli, default": lambda: text(f'{iso(at)}Z {{job="audit", pod="a"}} {line}' for line, at in _BOTH),
    "Loki's API": lambda: json.dumps(loki()),
    "ECS": lambda: jsonl(
        {"@timestamp": f"{iso(at)}.5Z", "ecs": {"version": "8"}, "event": {"original": line}} for line, at in _BOTH
    ),
    "FireLens": lambda: jsonl(
        {"container_name": "a", "source": "stdout", "log": line, "ecs_cluster": "b"} for line in LINES
    ),
    "Elasticsearch": lambda: json.dumps(
        {"took": 1, "hits": {"hits": [{"_source": {"message": line}} for line in LINES]}}
    ),
    "Splunk": lambda: jsonl({"preview": False, "result": {"_raw": line, "_time": "x"}} for line in LINES),
    "AKS": lambda: jsonl({"category": "kube-audit", "properties": {"log": f"{line}\n"}} for line in LINES),
    "OpenTelemetry": lambda: json.dumps(otel()),
    "Kinesis records": lambda: json.dumps(
        {"Records": [{"Data": packed(line)} for line in LINES], "MillisBehindLatest": 0}
    ),
    "CRI": lambda: text(piece for line, at in _BOTH for piece in cri(line, at)),
    "kubectl logs --prefix": lambda: text(f"[pod/kube-apiserver-cp/kube-apiserver] {line}" for line in LINES),
    "journalctl": lambda: text(f"{iso(at, '%b %d %H:%M:%S')} cp k3s[731]: {line}" for line, at in _BOTH),
    "control message first": lambda: text([CONTROL, *LINES]),
    "control message within": lambda: text([*LINES[:20], CONTROL, *LINES[20:]]),
    "control message without line ends": lambda: "".join([CONTROL, *LINES[:20], CONTROL, *LINES[20:]]),
}
