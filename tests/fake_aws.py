"""CloudWatch Logs, S3 and STS as far as the command line calls them, served over HTTP on this machine.

Filter patterns are evaluated by our own reference; `lies` holds lines about which the answer is turned round.
`fault` is asked before each call whether it should go wrong, and how.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from eks_audit_constructs import aws as aws_module
from eks_audit_constructs.conditions.evaluation import MISSING, predicate
from eks_audit_constructs.conditions.pattern_parser import parse

__all__ = ["FakeAws", "Fault", "LogEvent", "serving"]

ACCOUNT, REGION = "111122223333", "eu-west-1"
SECRET = "s3cr3t-t0k3n"


@dataclass(frozen=True, slots=True)
class Fault:
    """An error as a service reports it."""

    code: str
    message: str = "No."
    status: int = 400


THROTTLED = Fault("ThrottlingException", "Rate exceeded")


@dataclass(frozen=True, slots=True)
class LogEvent:
    """A log event; its time is in milliseconds since 1970."""

    at: int
    message: str
    stream: str = "kube-apiserver-audit-1"


@dataclass(kw_only=True)
class FakeAws:
    """One account. What was called is in `calls`, with the request."""

    groups: dict[str, list[LogEvent]] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    """By bucket and key, with a slash between them."""
    page: int = 100
    lies: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    """Filter patterns that are none to it."""
    fault: Callable[[int, str], Fault | None] = lambda number, call: None
    calls: list[tuple[str, Any]] = field(default_factory=list)

    def called(self, name: str) -> list[Any]:
        return [request for call, request in self.calls if call == name]

    def test_metric_filter(self, request: Any) -> Any:
        pattern, messages = request["filterPattern"], request["logEventMessages"]
        if not 1 <= len(messages) <= 50 or len(pattern) > 1024 or pattern in self.refused:
            return Fault("InvalidParameterException", "Invalid metric filter pattern")
        test = predicate(parse(pattern))
        return {
            "matches": [
                {"eventNumber": number, "eventMessage": message, "extractedValues": {}}
                for number, message in enumerate(messages, start=1)
                if test(message.encode(), _parsed(message)) is not (message in self.lies)
            ]
        }

    def filter_log_events(self, request: Any) -> Any:
        group = request.get("logGroupName") or request["logGroupIdentifier"]
        if group not in self.groups:
            return Fault("ResourceNotFoundException", "The specified log group does not exist.")
        found = sorted(
            (
                event
                for event in self.groups[group]
                if request["startTime"] <= event.at <= request["endTime"]
                and event.stream.startswith(request.get("logStreamNamePrefix", ""))
            ),
            key=lambda event: event.at,
        )
        start = int(request.get("nextToken", "0"))
        end = start + self.page
        return {
            "events": [
                {"timestamp": event.at, "message": event.message, "logStreamName": event.stream, "eventId": "1"}
                for event in found[start:end]
            ],
            "searchedLogStreams": [],
            **({"nextToken": str(end)} if end < len(found) else {}),
        }

    def list_objects(self, bucket: str, query: dict[str, list[str]]) -> str | Fault:
        prefix = query.get("prefix", [""])[0]
        keys = sorted(name.removeprefix(f"{bucket}/") for name in self.objects if name.startswith(f"{bucket}/{prefix}"))
        if not any(name.startswith(f"{bucket}/") for name in self.objects):
            return Fault("NoSuchBucket", "The specified bucket does not exist", status=404)
        start = int(query.get("continuation-token", ["0"])[0])
        rest = len(keys) > start + self.page
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-23T06:00:00.000Z</LastModified>"
            f"<ETag>&quot;{etag(self.objects[f'{bucket}/{key}'])}&quot;</ETag>"
            f"<Size>{len(self.objects[f'{bucket}/{key}'])}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for key in keys[start : start + self.page]
        )
        more = f"<NextContinuationToken>{start + self.page}</NextContinuationToken>" if rest else ""
        return f"<ListBucketResult><IsTruncated>{str(rest).lower()}</IsTruncated>{more}{entries}</ListBucketResult>"


def etag(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


@contextmanager
def serving(monkeypatch: pytest.MonkeyPatch, folder: Path, *, attempts: int = 2) -> Iterator[FakeAws]:
    """The services, and an environment in which boto3 finds them."""
    fake = FakeAws()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Request,), {"fake": fake}))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": SECRET,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": str(folder / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "no-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(aws_module, "_ATTEMPTS", attempts)
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()


class _Request(BaseHTTPRequestHandler):
    fake: FakeAws
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        target = self.headers.get("X-Amz-Target", "")
        name = target.removeprefix("Logs_20140328.")
        request = json.loads(body) if target else parse_qs(body.decode())
        fault = self._called(name or request["Action"][0], request)
        if not target:
            identity = f"<Account>{ACCOUNT}</Account><Arn>arn:aws:iam::{ACCOUNT}:user/x</Arn><UserId>U</UserId>"
            answer = f"<GetCallerIdentityResult>{identity}</GetCallerIdentityResult>"
            if fault:
                self._send(fault.status, f"<ErrorResponse><Error>{_xml(fault)}</Error></ErrorResponse>")
            else:
                self._send(200, f"<GetCallerIdentityResponse>{answer}</GetCallerIdentityResponse>")
            return
        operations = {
            "TestMetricFilter": self.fake.test_metric_filter,
            "FilterLogEvents": self.fake.filter_log_events,
        }
        outcome = fault or operations[name](request)
        if isinstance(outcome, Fault):
            self._send(outcome.status, json.dumps({"__type": outcome.code, "message": outcome.message}))
        else:
            self._send(200, json.dumps(outcome))

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        bucket, _, key = unquote(url.path).removeprefix("/").partition("/")
        outcome: str | bytes | Fault | None
        if "list-type" in query:
            outcome = self._called("ListObjectsV2", query) or self.fake.list_objects(bucket, query)
        else:
            outcome = self._called("GetObject", key) or self.fake.objects.get(f"{bucket}/{key}")
            outcome = outcome or Fault("NoSuchKey", status=404)
            wanted = self.headers.get("If-Match")
            if isinstance(outcome, bytes) and wanted not in (None, f'"{etag(outcome)}"'):
                outcome = Fault("PreconditionFailed", "the object is another one by now", status=412)
        if isinstance(outcome, Fault):
            self._send(outcome.status, f"<Error>{_xml(outcome)}</Error>")
        elif isinstance(outcome, bytes):
            self._send(200, outcome, ETag=f'"{etag(outcome)}"')
        else:
            self._send(200, outcome)

    def _called(self, name: str, request: Any) -> Fault | None:
        self.fake.calls.append((name, request))
        return self.fake.fault(len(self.fake.calls), name)

    def _send(self, status: int, body: str | bytes, **headers: str) -> None:
        content = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


def _xml(fault: Fault) -> str:
    return f"<Code>{fault.code}</Code><Message>{escape(fault.message)}</Message>"


def _parsed(message: str) -> object:
    try:
        value = json.loads(message)
    except ValueError:
        return MISSING
    return value if isinstance(value, dict) else MISSING
