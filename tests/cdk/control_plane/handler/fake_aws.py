"""EKS, CloudWatch Logs and CloudFormation as far as the handler calls them, served over HTTP on this machine.

It behaves as the services do where it matters: updates take time, only one runs at a time, one that changes nothing is
refused, a repeated token is the same update, EKS makes a log group that is missing. Time is `FakeAws.now`: it passes
when somebody sleeps, and a little with each call. What was called is in `calls`, what CloudFormation was told in
`responses`; `fault` is asked before each call whether it should go wrong. With a `role`, calls that its
statements do not allow are refused.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.iam import Decision, decide

REGION, ACCOUNT = "eu-west-1", "111122223333"
LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
SECRET = "X-Amz-Signature=5ec4e7"
STACK_ID = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/Audit/1"
LONG_AGO = -1e9
READ_TIMEOUT = 1.0
"""Seconds, real ones, after which the handler is made to give up on an answer."""


class Fault(Enum):
    """What can go wrong with a call."""

    SERVER_ERROR = "an HTTP 500"
    THROTTLED = "a throttled call"
    RESET = "a connection cut before the call is carried out"
    REPLY_LOST = "a connection cut after the call is carried out"
    MALFORMED = "an answer that cannot be read, after the call is carried out"
    HANGS = "no answer at all, after the call is carried out"
    DENIED = "access denied"


@dataclass(kw_only=True)
class Update:
    """An asynchronous update of a cluster."""

    id: str
    ends_at: float
    ends_as: str
    logging: list[dict[str, Any]]
    status: str = "InProgress"


@dataclass(kw_only=True)
class Cluster:
    """An EKS cluster."""

    name: str
    status: str = "ACTIVE"
    on: set[str] = field(default_factory=set)
    updates: dict[str, Update] = field(default_factory=dict)


@dataclass(kw_only=True)
class LogGroup:
    """A log group."""

    retention: int | None = None
    key: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    made_by: str = "EKS"
    log_group_class: str = "STANDARD"
    protected: bool = False
    indexes: list[str] = field(default_factory=list)
    made_at: float = field(default=LONG_AGO, compare=False)


class AwsError(Exception):
    """An error as the services report it."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class FakeAws:
    """One Region of one account. Start with `serve`, begin anew with `reset`."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.now = 0.0
        self.clusters: dict[str, Cluster] = {}
        self.log_groups: dict[str, LogGroup] = {}
        self.stack_status = "UPDATE_IN_PROGRESS"
        self.calls: list[str] = []
        self.role: list[dict[str, Any]] | None = None
        self.used: set[tuple[str, str]] = set()
        self.key_usable_at = 0.0
        self.lengths: list[int] = []
        self.responses: list[dict[str, Any]] = []
        self.update_takes = 90.0
        self.update_ends_as = "Successful"
        self.update_forgets = False
        self.complaint = "EKS may not write"
        self.fault: Callable[[int, str], Fault | None] = lambda number, call: None
        self.before: Callable[[str], None] = lambda call: None

    def add_cluster(self, name: str, *on: str, status: str = "ACTIVE") -> Cluster:
        """A cluster with these log types on, and the log group that EKS makes for them."""
        cluster = self.clusters[name] = Cluster(name=name, on=set(on), status=status)
        self._log(cluster, LONG_AGO)
        return cluster

    def run_update(self, cluster: Cluster, takes: float, logging: list[dict[str, Any]] | None = None) -> None:
        """Start an update as somebody else would."""
        self._start(cluster, f"other-{len(cluster.updates)}", takes, "Successful", logging or [])

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self._settle()

    def serve(self) -> str:
        """Serve in a thread that ends with the process; answers with the address."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Request,), {"aws": self}))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    def answer(self, method: str, path: str, target: str, body: bytes) -> Any:
        """Carry out a call to a service."""
        self.sleep(0.1)
        arguments: dict[str, Any] = {}
        if target:
            call, arguments = target.split(".")[1], json.loads(body)
            return call, lambda: self._logs(call, arguments)
        if path == "/":
            query = parse_qs(body.decode())
            return query["Action"][0], lambda: self._describe_stacks(query["StackName"][0])
        _, _, name, *rest = path.split("/")
        match method, rest:
            case "GET", []:
                return "DescribeCluster", lambda: self._describe_cluster(name)
            case "GET", ["updates", id]:
                return "DescribeUpdate", lambda: self._describe_update(name, id)
            case "POST", ["update-config"]:
                return "UpdateClusterConfig", lambda: self._update(name, json.loads(body))
        raise AssertionError(f"{method} {path}")

    def _allowed(self, action: str, resource: str, context: dict[str, bool] | None = None) -> None:
        self.used.add((action, resource))
        if self.role is not None and decide(self.role, action, resource, context) is not Decision.ALLOWED:
            raise AwsError("AccessDeniedException", f"not authorized to perform: {action} on resource: {resource}")

    # EKS

    def _cluster(self, action: str, name: str, context: dict[str, bool] | None = None) -> Cluster:
        self._allowed(f"eks:{action}", f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{name}", context)
        if name not in self.clusters:
            raise AwsError("ResourceNotFoundException", f"No cluster found for name: {name}.", 404)
        return self.clusters[name]

    def _describe_cluster(self, name: str) -> dict[str, Any]:
        cluster = self._cluster("DescribeCluster", name)
        off = [one for one in LOG_TYPES if one not in cluster.on]
        entries = [{"types": sorted(cluster.on), "enabled": True}, {"types": off, "enabled": False}]
        logging = {"clusterLogging": [entry for entry in entries if entry["types"]]}
        return {"cluster": {"name": name, "status": self._status(cluster), "logging": logging}}

    def _status(self, cluster: Cluster) -> str:
        running = any(update.status == "InProgress" for update in cluster.updates.values())
        return "UPDATING" if running and cluster.status == "ACTIVE" else cluster.status

    def _update(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        logging, token = body["logging"]["clusterLogging"], body["clientRequestToken"]
        named = {kind: entry["enabled"] for entry in logging for kind in entry["types"]}
        context = {f"eks:loggingType/{kind}": enabled for kind, enabled in named.items()}
        cluster = self._cluster("UpdateClusterConfig", name, context)
        if set(body) != {"logging", "clientRequestToken"}:
            raise AwsError("InvalidParameterException", "Only one type of update can be allowed.")
        if token in cluster.updates:
            return self._shown(cluster.updates[token])
        if self._status(cluster) != "ACTIVE":
            message = f"Cannot LoggingUpdate because cluster {name} currently has update in progress"
            raise AwsError("ResourceInUseException", message, 409)
        if not set(named) <= set(LOG_TYPES):
            raise AwsError("InvalidParameterException", f"Unsupported log type: {named}")
        if all((kind in cluster.on) is enabled for kind, enabled in named.items()):
            raise AwsError("InvalidParameterException", "No changes needed for the logging config provided")
        self._start(cluster, token, self.update_takes, self.update_ends_as, logging)
        return self._shown(cluster.updates[token])

    def _start(self, cluster: Cluster, id: str, takes: float, ends_as: str, logging: list[dict[str, Any]]) -> None:
        cluster.updates[id] = Update(id=id, ends_at=self.now + takes, ends_as=ends_as, logging=logging)

    def _describe_update(self, name: str, id: str) -> dict[str, Any]:
        cluster = self._cluster("DescribeUpdate", name)
        if id not in cluster.updates:
            raise AwsError("ResourceNotFoundException", f"No update found for id: {id}", 404)
        return self._shown(cluster.updates[id])

    def _shown(self, update: Update) -> dict[str, Any]:
        errors = [{"errorCode": "AccessDenied", "errorMessage": self.complaint}]
        return {
            "update": {
                "id": update.id,
                "status": update.status,
                "type": "LoggingUpdate",
                "errors": errors if update.status == "Failed" else [],
            }
        }

    def _settle(self) -> None:
        for cluster in self.clusters.values():
            for update in cluster.updates.values():
                if update.status == "InProgress" and update.ends_at <= self.now:
                    update.status = update.ends_as
                    if update.status == "Successful" and not self.update_forgets:
                        self._apply(cluster, update.logging)

    def _apply(self, cluster: Cluster, logging: list[dict[str, Any]]) -> None:
        for entry in logging:
            if entry["enabled"]:
                cluster.on |= set(entry["types"])
            else:
                cluster.on -= set(entry["types"])
        self._log(cluster, self.now)

    def _log(self, cluster: Cluster, at: float) -> None:
        if cluster.on:
            self.log_groups.setdefault(f"/aws/eks/{cluster.name}/cluster", LogGroup(made_at=at))

    # CloudWatch Logs

    def _logs(self, call: str, arguments: dict[str, Any]) -> dict[str, Any]:
        base = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:"
        if call == "DescribeLogGroups":
            self._allowed("logs:DescribeLogGroups", f"{base}:log-stream:")
            return {"logGroups": [*self._described(arguments["logGroupNamePrefix"])]}
        name = arguments.get("logGroupName") or arguments.get("logGroupIdentifier")
        name = name or arguments["resourceArn"].removeprefix(base)
        # IAM is asked about the group itself only where it is tagged.
        self._allowed(f"logs:{call}", f"{base}{name}" if "resourceArn" in arguments else f"{base}{name}:log-stream:")
        if arguments.get("kmsKeyId"):
            self._allowed("logs:AssociateKmsKey", f"{base}{name}:log-stream:")
            if self.now < self.key_usable_at:
                message = "The specified KMS key does not exist or is not allowed to be used with LogGroup"
                raise AwsError("InvalidParameterException", f"{message} '{base}{name}'")
        if call == "CreateLogGroup":
            if arguments.get("tags"):
                self._allowed("logs:TagResource", f"{base}{name}")
            if name in self.log_groups:
                raise AwsError("ResourceAlreadyExistsException", "The specified log group already exists")
            self.log_groups[name] = LogGroup(
                key=arguments.get("kmsKeyId"),
                tags=arguments.get("tags", {}),
                log_group_class=arguments.get("logGroupClass", "STANDARD"),
                made_by="the handler",
                made_at=self.now,
            )
            return {}
        if name not in self.log_groups:
            raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
        group = self.log_groups[name]
        match call:
            case "PutRetentionPolicy":
                group.retention = arguments["retentionInDays"]
            case "DeleteRetentionPolicy":
                group.retention = None
            case "AssociateKmsKey":
                group.key = arguments["kmsKeyId"]
            case "DisassociateKmsKey":
                group.key = None
            case "TagResource":
                group.tags.update(arguments["tags"])
            case "UntagResource":
                for key in arguments["tagKeys"]:
                    group.tags.pop(key, None)
            case "PutIndexPolicy":
                group.indexes = json.loads(arguments["policyDocument"])["Fields"]
            case "PutLogGroupDeletionProtection":
                group.protected = arguments["deletionProtectionEnabled"]
            case _:
                raise AwsError("UnknownOperationException", f"{call} is none of the handler's business")
        return {}

    def _described(self, prefix: str) -> Iterator[dict[str, Any]]:
        for name, group in sorted(self.log_groups.items()):
            if name.startswith(prefix):
                retention = {} if group.retention is None else {"retentionInDays": group.retention}
                yield {"logGroupName": name, "creationTime": int(group.made_at * 1000), **retention}

    # CloudFormation

    def _describe_stacks(self, asked: str) -> str:
        self._allowed("cloudformation:DescribeStacks", asked)
        assert asked == STACK_ID, asked
        return (
            '<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult>'
            "<Stacks><member><StackName>Audit</StackName><CreationTime>2026-01-01T00:00:00Z</CreationTime>"
            f"<StackStatus>{self.stack_status}</StackStatus></member></Stacks>"
            "</DescribeStacksResult></DescribeStacksResponse>"
        )


class _Request(BaseHTTPRequestHandler):
    aws: FakeAws
    protocol_version = "HTTP/1.1"

    def _carry_out(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        if url.path == "/response":
            self._respond(url.query, body)
            return
        call, carry_out = self.aws.answer(self.command, url.path, self.headers.get("X-Amz-Target", ""), body)
        self.aws.before(call)
        fault = self.aws.fault(len(self.aws.calls), call)
        self.aws.calls.append(call)
        match fault:
            case Fault.SERVER_ERROR:
                self._send(500, b"{}")
            case Fault.THROTTLED:
                # One is known by its name only, the other by its status.
                logs, others = ("ThrottlingException", 400), ("TooManyRequestsException", 429)
                name, status = logs if self._is_logs else others
                self._fail(AwsError(name, "Rate exceeded", status))
            case Fault.DENIED:
                self._fail(AwsError("AccessDeniedException", f"User is not authorized to perform: {call}"))
            case Fault.RESET:
                self._cut()
            case _:
                self._answer(carry_out, fault)

    def _answer(self, carry_out: Callable[[], Any], fault: Fault | None) -> None:
        try:
            answer = carry_out()
        except AwsError as error:
            self._fail(error)
            return
        match fault:
            case Fault.REPLY_LOST:
                self._cut()
            case Fault.MALFORMED:
                self._send(200, b'{"cluster": ')
            case Fault.HANGS:
                time.sleep(2 * READ_TIMEOUT)
                self._cut()
            case _:
                self._send(200, answer.encode() if isinstance(answer, str) else json.dumps(answer).encode())

    do_GET = do_POST = do_PUT = _carry_out  # noqa: N815 - the names http.server looks for

    @property
    def _is_logs(self) -> bool:
        return "X-Amz-Target" in self.headers

    def _respond(self, query: str, body: bytes) -> None:
        fault = self.aws.fault(len(self.aws.calls), "Respond")
        self.aws.calls.append("Respond")
        if fault in (Fault.RESET, Fault.HANGS):
            self._cut()
        elif fault in (Fault.SERVER_ERROR, Fault.THROTTLED, Fault.DENIED):
            self._send(503, b"")
        else:  # a response that arrived and is sent again is none that CloudFormation would see
            # S3 refuses what was signed otherwise.
            assert query == SECRET, query
            assert not self.headers.get("Content-Type"), self.headers
            self.aws.responses.append(json.loads(body))
            self.aws.lengths.append(len(body))
            self._send(200, b"")

    def _fail(self, error: AwsError) -> None:
        if self.path == "/" and not self._is_logs:  # CloudFormation's protocol, which also has its own name for it
            code = error.code.replace("AccessDeniedException", "AccessDenied")
            xml = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{error.message}</Message></Error>"
            self._send(error.status, f"<ErrorResponse>{xml}</ErrorResponse>".encode())
            return
        body = json.dumps({"__type": error.code, "message": error.message})
        self._send(error.status, body.encode(), {"x-amzn-ErrorType": error.code})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        lines = {"Content-Length": str(len(body)), **(headers or {})}
        head = f"HTTP/1.1 {status} -\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.wfile.write(head.encode() + b"\r\n" + body)  # in one piece, or TCP waits between the two

    def _cut(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Be quiet."""
