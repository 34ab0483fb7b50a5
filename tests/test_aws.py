"""Something between this machine and AWS answers with a page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from eks_audit_constructs import aws
from tests.cli.answers import answer
from tests.fake_aws import serving

PAGE = b"<!DOCTYPE html><html><head>\n<title>\nSign in\x1b to the network</title></head><body>Hello.</body></html>"
COMMANDS = [
    ["verify", "--only", "aws-auth-changed"],
    ["replay", "s3://bucket/prefix"],
    ["replay", "--log-group", "/aws/eks/x/cluster", "--since", "1h"],
    ["replay", "--log-group", "arn:aws:logs:eu-west-1:111122223333:log-group:x", "--since", "1h"],
]


@contextmanager
def answering(
    monkeypatch: pytest.MonkeyPatch, folder: Path, status: int, headers: dict[str, str], page: bytes = PAGE
) -> Iterator[list[str]]:
    """A server that answers everything with a page; yields the requests."""
    requests: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response_only(status)
            for name, value in {**headers, "Content-Length": str(len(page))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(page)

        do_POST = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        with serving(monkeypatch, folder):
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
            yield requests
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("status", [200, 403, 503, 511])
def test_a_page_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int, command: list[str]) -> None:
    sent = {"Content-Type": "text/html; charset=utf-8", "Server": "squid/5.7"}
    with answering(monkeypatch, tmp_path, status, sent) as requests:
        done = answer(*command)

    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    for said in (
        f"status {status}",
        "text/html",
        "squid/5.7",
        "not of AWS",
        "Sign in to the network, or check HTTPS_PROXY",
    ):
        assert said in done.err
    assert len(requests) == (2 if status == 503 else 1), "only what may pass is tried again"


def test_its_title_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with answering(monkeypatch, tmp_path, 200, {"Content-Type": "text/html"}):
        assert r"Sign in\\x1b to the network" in answer(*COMMANDS[0]).err


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_redirection_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str]) -> None:
    with answering(monkeypatch, tmp_path, 302, {"Location": "http://login.example/"}, b""):
        done = answer(*command)

    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "status 302" in done.err
    assert "not of AWS" in done.err


def test_an_object_may_be_a_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sent = {"Content-Type": "text/html", "x-amz-request-id": "1"}
    with answering(monkeypatch, tmp_path, 200, sent), aws.asking("x", permission="s3:GetObject"):
        assert aws.client("s3").get_object(Bucket="b", Key="k")["Body"].read() == PAGE
