"""A custom resource that switches on the control-plane logging of an existing EKS cluster.

It reads the cluster first and sends only what differs. A log type is switched off only when SwitchOff names it, a log
group is never deleted, and deleting the resource changes nothing. It runs inline in AWS Lambda: one file, boto3 only.

Properties: ClusterName; LogTypes to switch on, SwitchOff to switch off; for the log group RetentionInDays (0: never
expire), KeepRetention ("true": RetentionInDays is only for a new log group), KmsKeyId, LogGroupClass and Tags.
Attributes: LogGroupName, LogGroupArn.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.request import Request, urlopen

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError
from botocore.parsers import ResponseParserError

Json = Mapping[str, Any]

LOG_TYPES = {"api", "audit", "authenticator", "controllerManager", "scheduler"}
RESERVED = 60
"""Seconds kept for the response: a last call to EKS, one to CloudFormation, and the response itself."""
SETTLING = 60
"""Seconds in which "access denied" may only mean that a new policy has not reached every server yet."""

# All retries are in `Work.call`, which knows how much time is left.
CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 1})
sleep = time.sleep


class RefusedError(Exception):
    """A failure whose message tells the user what to do."""


def handler(event: Json, context: Any) -> None:
    """Do what CloudFormation requests, and always respond."""
    kind = event.get("RequestType")
    answer = {"Status": "SUCCESS", "PhysicalResourceId": event.get("PhysicalResourceId") or context.log_stream_name}
    try:
        if kind != "Delete":
            work = Work(event, context)
            answer["Data"] = {"LogGroupName": work.log_group, "LogGroupArn": work.log_group_arn}
            work.carry_out()
            # Named after the log group, so another cluster is a new resource, and the old one gets a Delete.
            answer["PhysicalResourceId"] = work.log_group
    except BaseException as error:
        answer["Reason"] = (str(error) if isinstance(error, RefusedError | ClientError) else repr(error))[:1000]
        # A failed rollback leaves the stack stuck, and there is nothing here to undo.
        answer["Status"] = "SUCCESS" if kind == "Update" and rolling_back(event) else "FAILED"
    # Never the event itself: anyone who reads its ResponseURL can respond in our place.
    print(kind, answer["PhysicalResourceId"], answer["Status"], answer.get("Reason", ""))
    respond(event, answer)


class Work:
    """One invocation: the wanted state, and the time left to reach it.

    Raises:
        RefusedError: A log type is unknown, or is to be both on and off.
    """

    def __init__(self, event: Json, context: Any) -> None:
        wanted, former = event["ResourceProperties"], event.get("OldResourceProperties", {})
        self.name: str = wanted["ClusterName"]
        self.on, self.off = (set(wanted.get(key, ())) for key in ("LogTypes", "SwitchOff"))
        self.retention = wanted.get("RetentionInDays")
        self.keep = wanted.get("KeepRetention") == "true"
        settings = {"kmsKeyId": "KmsKeyId", "tags": "Tags", "logGroupClass": "LogGroupClass"}
        self.settings = {name: wanted[key] for name, key in settings.items() if wanted.get(key)}
        self.had_key = former.get("ClusterName") == self.name and "KmsKeyId" in former
        _, partition, _, self.region, self.account, *_ = context.invoked_function_arn.split(":")
        self.log_group = f"/aws/eks/{self.name}/cluster"
        self.log_group_arn = f"arn:{partition}:logs:{self.region}:{self.account}:log-group:{self.log_group}"
        self.context = context
        self.settled = self.remaining() - SETTLING
        if unknown := (self.on | self.off) - LOG_TYPES:
            raise RefusedError(f"EKS has no log type {listed(unknown)}; it has {listed(LOG_TYPES)}.")
        if both := self.on & self.off:
            raise RefusedError(f"{listed(both)}: in both LogTypes and SwitchOff. Remove it from one of them.")

    def carry_out(self) -> None:
        """Set up the log group, then the cluster: EKS uses a log group that exists."""
        if self.on or self.off:
            self.read_cluster()  # before creating a log group for a cluster that does not exist
        for delay in delays():
            try:
                self.settle_log_group()
                break
            except ClientError as error:
                if code(error) != "ResourceNotFoundException":  # deleted in the meantime
                    raise
            self.wait(delay, f"{self.log_group} keeps being deleted")
        if self.on or self.off:
            self.switch()

    def switch(self) -> None:
        """Send the difference, wait, and read again until there is none: others may change the cluster too."""
        for delay in delays():
            cluster = self.read_cluster()
            logging = cluster.get("logging", {}).get("clusterLogging", ())
            enabled = {one for entry in logging if entry["enabled"] for one in entry["types"]}
            switch = {True: sorted(self.on - enabled), False: sorted(self.off & enabled)}
            difference = [{"types": types, "enabled": on} for on, types in switch.items() if types]
            if not difference:
                return
            try:
                if cluster["status"] not in ("CREATING", "PENDING"):
                    logging = {"clusterLogging": difference}
                    self.finish(self.call("eks", "update_cluster_config", "update", name=self.name, logging=logging))
            except ClientError as error:
                if code(error) == "InvalidParameterException" and "No changes needed" in str(error):
                    return
                # In use: another update is running. Not found: deleted since, which the next read reports.
                if code(error) not in ("ResourceInUseException", "ResourceNotFoundException"):
                    raise
            self.wait(delay, f"{self.name} is {cluster['status']}, and still needs {difference}")

    def finish(self, update: Json) -> None:
        """Wait until an update ends."""
        for delay in delays():
            if update["status"] == "Successful":
                return
            if update["status"] != "InProgress":
                errors = [f"{one['errorCode']}: {one['errorMessage']}" for one in update.get("errors", ())]
                raise RefusedError(f"EKS update {update['id']} ended as {update['status']}. {listed(errors)}")
            self.wait(delay, f"EKS update {update['id']} has not ended")
            update = self.call("eks", "describe_update", "update", name=self.name, updateId=update["id"])

    def read_cluster(self) -> Any:
        """The cluster, if its logging can be changed."""
        try:
            cluster = self.call("eks", "describe_cluster", "cluster", name=self.name)
        except ClientError as error:
            if code(error) != "ResourceNotFoundException":
                raise
            raise RefusedError(
                f"No cluster {self.name} in region {self.region} of account {self.account}. Check the name, and that "
                f"the stack is deployed to the cluster's region: aws eks list-clusters --region {self.region}"
            ) from None
        if cluster["status"] in ("DELETING", "FAILED"):
            raise RefusedError(f"Cluster {self.name} is {cluster['status']}: its logging cannot be changed.")
        return cluster

    def settle_log_group(self) -> None:
        """Create or adopt the log group, and apply its settings."""
        group = {"logGroupName": self.log_group}
        keep = False
        try:
            self.call("logs", "create_log_group", **group, **self.settings)
        except ClientError as error:
            if code(error) != "ResourceAlreadyExistsException":
                raise
            keep = self.keep
            if "kmsKeyId" in self.settings:
                self.call("logs", "associate_kms_key", **group, kmsKeyId=self.settings["kmsKeyId"])
            elif self.had_key:
                self.call("logs", "disassociate_kms_key", **group)
            if "tags" in self.settings:
                self.call("logs", "tag_resource", resourceArn=self.log_group_arn, tags=self.settings["tags"])
        if self.retention is None or keep:
            return
        if days := int(self.retention):
            self.call("logs", "put_retention_policy", **group, retentionInDays=days)
        else:
            self.call("logs", "delete_retention_policy", **group)

    def call(self, service: str, operation: str, result: str = "ResponseMetadata", **arguments: Any) -> Any:
        """Call AWS, and retry transient errors while there is time."""
        waits = delays()
        while True:
            try:
                return getattr(client(service), operation)(**arguments)[result]
            except (ClientError, ConnectionError, HTTPClientError, ResponseParserError, KeyError) as error:
                if isinstance(error, ClientError) and not self.passes(error):
                    raise
                self.wait(next(waits), f"{operation}: {error}")

    def passes(self, error: ClientError) -> bool:
        """Whether the same call may succeed later."""
        name, status = code(error), int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        if name == "AccessDeniedException":
            return self.remaining() > self.settled
        # Aborted: something else is changing the same log group.
        return status == 429 or status >= 500 or "Throttl" in name or name == "OperationAbortedException"

    def remaining(self) -> float:
        """Seconds left for this invocation."""
        return int(self.context.get_remaining_time_in_millis()) / 1000

    def wait(self, seconds: float, trouble: str) -> None:
        """Sleep, if there is time for it."""
        if self.remaining() - seconds < RESERVED:
            raise RefusedError(
                f"Out of time (Lambda's limit is 15 minutes): {trouble}. EKS will finish what it has started: deploy "
                f"again when `aws eks describe-cluster --name {self.name}` shows ACTIVE."
            )
        sleep(seconds)


def delays() -> Iterator[float]:
    """Seconds to wait before each retry, growing to 15; random, so as not to stay in step with other callers."""
    longest = 1.0
    while True:
        yield longest * random.uniform(0.5, 1)
        longest = min(longest * 2, 15)


def listed(names: Any) -> str:
    """The names, sorted and separated by commas."""
    return ", ".join(sorted(names))


def code(error: ClientError) -> str:
    """The AWS error code."""
    return str(error.response["Error"]["Code"])


@cache
def client(service: str) -> Any:
    """The client of a service, reused by later invocations."""
    return boto3.client(service, config=CONFIG)


def rolling_back(event: Json) -> bool:
    """Whether the stack is rolling back an update, which the event does not show."""
    try:
        [stack] = client("cloudformation").describe_stacks(StackName=event["StackId"])["Stacks"]
        return bool(stack["StackStatus"] == "UPDATE_ROLLBACK_IN_PROGRESS")
    except Exception as error:
        print("Could not read the stack's status:", error)
        return False


def respond(event: Json, answer: Json) -> None:
    """Send the response to CloudFormation."""
    names = ("StackId", "RequestId", "LogicalResourceId")
    body = json.dumps({**{name: event.get(name) for name in names}, **answer}).encode()
    for delay in (1, 2, 4):
        try:
            # The URL is signed for an empty content type.
            with urlopen(Request(event["ResponseURL"], body, {"Content-Type": ""}, method="PUT"), timeout=5):
                return
        except Exception as error:
            print("Could not send the response:", type(error).__name__)  # no more: the message may contain the URL
        sleep(delay)
    raise RuntimeError("CloudFormation did not accept the response")  # Lambda retries the whole event
