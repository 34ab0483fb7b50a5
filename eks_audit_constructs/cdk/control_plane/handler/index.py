"""A custom resource that switches on the control-plane logging of an existing EKS cluster.

It reads the cluster first and sends only what differs. A log type is switched off only when SwitchOff names it, a log
group is never deleted, and a Delete changes nothing. It is no use to others who may invoke it: it acts only while its
own stack is being deployed, refuses more than the template asks, and responds to CloudFormation only.

Properties: ClusterName; LogTypes to switch on, SwitchOff to switch off; for the log group RetentionInDays (0: never
expire), KeepRetention ("true": RetentionInDays is only for a new log group), KmsKeyId, LogGroupClass, Tags,
DeletionProtection ("true") and FieldIndexes. Attributes: LogGroupName, LogGroupArn.
Environment: STACK_ID; RESPONSE_URLS, how CloudFormation's may start, with spaces between them; ASKED, the most that may
be asked, as a JSON list of objects with Clusters and with the values that the properties above may have.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any
from urllib.request import Request, urlopen

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError
from botocore.parsers import ResponseParserError

Json = Mapping[str, Any]
RESERVED = 60  # seconds kept for the response: a last call to EKS, and the response itself
SETTLING = 60  # seconds in which "access denied" may only mean that a new policy has not reached every server yet
FRESH = 86400  # seconds in which a log group without retention counts as new: no retention deletes anything from it yet
CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 1})  # `Work.call` retries
sleep, clock = time.sleep, time.time


class RefusedError(Exception):
    """A failure whose message tells the user what to do."""


def handler(event: Json, context: Any) -> None:
    """Do what CloudFormation requests, and always respond, but to nobody else."""
    if not str(event.get("ResponseURL")).startswith(tuple(os.environ["RESPONSE_URLS"].split())):
        print("Nothing done and nobody called: the event's response URL is not CloudFormation's.")
        return
    kind, stack = event.get("RequestType"), "not read"
    answer = {"Status": "SUCCESS", "PhysicalResourceId": event.get("PhysicalResourceId") or context.log_stream_name}
    try:
        if kind != "Delete":
            work = Work(event, context)
            answer["Data"] = {"LogGroupName": work.log_group, "LogGroupArn": work.log_group_arn}
            stack = work.stack_status()
            deploying = stack.endswith("_IN_PROGRESS") and not stack.startswith(("REVIEW_", "IMPORT_"))
            if kind not in ("Create", "Update") or not deploying:
                raise RefusedError(f"Only a deployment of this stack may ask to {kind}, and its status is {stack}.")
            work.refuse_beyond(json.loads(os.environ["ASKED"]))
            work.carry_out()
            # Named after the log group, so another cluster is a new resource, and the old one gets a Delete.
            answer["PhysicalResourceId"] = work.log_group
    except BaseException as error:
        unexpected = "" if isinstance(error, RefusedError | ClientError) else f"Unexpected {type(error).__name__}: "
        answer["Reason"] = f"{unexpected}{error}"
        # A failed rollback leaves the stack stuck, and there is nothing here to undo. An unknown status may be one.
        spared = kind == "Update" and stack in ("UPDATE_ROLLBACK_IN_PROGRESS", "unknown")
        answer["Status"] = "SUCCESS" if spared else "FAILED"
    # Never the event itself: anyone who reads its ResponseURL can respond in our place.
    print(kind, answer["PhysicalResourceId"], answer["Status"], answer.get("Reason", ""))
    respond(event, answer)


class Work:
    """One invocation: the wanted state, and the time left to reach it."""

    def __init__(self, event: Json, context: Any) -> None:
        self.wanted, former = event.get("ResourceProperties", {}), event.get("OldResourceProperties", {})
        if not self.wanted.get("ClusterName"):
            raise RefusedError("The event names no cluster.")
        self.name: str = self.wanted["ClusterName"]
        self.former = former if former.get("ClusterName") == self.name else {}
        self.on, self.off = values(self.wanted, "LogTypes"), values(self.wanted, "SwitchOff")
        _, partition, _, self.region, self.account, *_ = context.invoked_function_arn.split(":")
        self.log_group = f"/aws/eks/{self.name}/cluster"
        self.log_group_arn = f"arn:{partition}:logs:{self.region}:{self.account}:log-group:{self.log_group}"
        self.seconds_left: Callable[[], float] = lambda: context.get_remaining_time_in_millis() / 1000
        self.settled: float = self.seconds_left() - SETTLING

    def stack_status(self) -> str:
        """The status of the function's own stack, which no event can set."""
        try:
            [stack] = self.call("cloudformation", "describe_stacks", "Stacks", StackName=os.environ["STACK_ID"])
            return str(stack["StackStatus"])
        except Exception as error:
            print("Could not read the stack's status:", error)
            return "unknown"

    def refuse_beyond(self, asked: list[Json]) -> None:
        """Refuse what the template does not ask."""
        most = next((entry for entry in asked if self.name in entry["Clusters"]), None)
        if most is None:
            raise RefusedError(f"The template does not name the cluster {self.name}.")
        bounded = ("LogTypes", "SwitchOff", "KmsKeyId", "LogGroupClass", "DeletionProtection", "FieldIndexes")
        beyond = [name for name in bounded if not values(self.wanted, name) <= values(most, name)]
        if "RetentionInDays" in self.wanted:
            kept = values(most, "KeepRetention") <= values(self.wanted, "KeepRetention")
            if not kept or "RetentionInDays" not in most or days(self.wanted) < days(most):
                beyond.append("RetentionInDays")
        if beyond:
            raise RefusedError(f"{', '.join(beyond)}: more than the template asks for {self.name}.")

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
                if "AccessDenied" in code(error):
                    raise RefusedError(
                        f"{error}. Is eks:loggingType not known? logging_type_conditions=False"
                    ) from None
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
                errors = [f"{one.get('errorCode')}: {one.get('errorMessage')}" for one in update.get("errors", ())]
                raise RefusedError(f"EKS update {update['id']} ended as {update['status']}. {', '.join(errors)}")
            self.wait(delay, f"EKS update {update['id']} has not ended")
            update = self.call("eks", "describe_update", "update", name=self.name, updateId=update["id"])

    def read_cluster(self) -> Any:
        """The cluster, if its logging can be changed."""
        try:
            cluster = self.call("eks", "describe_cluster", "cluster", name=self.name)
        except ClientError as error:
            if code(error) != "ResourceNotFoundException":
                raise
            where, command = f"region {self.region} of account {self.account}", "aws eks list-clusters --region"
            raise RefusedError(f"No cluster {self.name} in {where}. Compare: {command} {self.region}") from None
        if cluster["status"] in ("DELETING", "FAILED"):
            raise RefusedError(f"Cluster {self.name} is {cluster['status']}: its logging cannot be changed.")
        return cluster

    def settle_log_group(self) -> None:
        """Create or adopt the log group, and apply its settings."""
        wanted, name, new = self.wanted, self.log_group, True
        settings = (("kmsKeyId", "KmsKeyId"), ("tags", "Tags"), ("logGroupClass", "LogGroupClass"))
        given = {argument: wanted[key] for argument, key in settings if wanted.get(key)}
        try:
            self.call("logs", "create_log_group", logGroupName=name, **given)
        except ClientError as error:
            if code(error) != "ResourceAlreadyExistsException":
                raise
            new = wanted.get("KeepRetention") == "true" and self.is_new()
            self.adopt()
        if "RetentionInDays" in wanted and (new or wanted.get("KeepRetention") != "true"):
            if number := int(wanted["RetentionInDays"]):
                self.call("logs", "put_retention_policy", logGroupName=name, retentionInDays=number)
            else:
                self.call("logs", "delete_retention_policy", logGroupName=name)
        if fields := wanted.get("FieldIndexes"):
            policy = json.dumps({"Fields": fields})
            self.call("logs", "put_index_policy", logGroupIdentifier=name, policyDocument=policy)
        if wanted.get("DeletionProtection") == "true":
            protection: Json = {"logGroupIdentifier": name, "deletionProtectionEnabled": True}
            self.call("logs", "put_log_group_deletion_protection", **protection)

    def is_new(self) -> bool:
        """Whether a log group that is there is EKS's of today or ours, from a call whose answer was lost."""
        groups = self.call("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=self.log_group)
        found = [one for one in groups if one["logGroupName"] == self.log_group]
        return not any("retentionInDays" in one or one["creationTime"] / 1000 < clock() - FRESH for one in found)

    def adopt(self) -> None:
        """Give a log group that is there its key and tags, and take off those of the deployment before."""
        wanted, group, arn = self.wanted, self.log_group, self.log_group_arn
        try:
            if wanted.get("KmsKeyId"):
                self.call("logs", "associate_kms_key", logGroupName=group, kmsKeyId=wanted["KmsKeyId"])
            elif self.former.get("KmsKeyId"):
                self.call("logs", "disassociate_kms_key", logGroupName=group)
        except ClientError as error:
            if "AccessDenied" not in code(error) or wanted.get("KmsKeyId"):
                raise
            hint = "The key stays on the log group unless remove_encryption_key=True lets the function take it off."
            raise RefusedError(f"{error}. {hint}") from None
        if wanted.get("Tags"):
            self.call("logs", "tag_resource", resourceArn=arn, tags=wanted["Tags"])
        if gone := sorted({*self.former.get("Tags", {})} - {*wanted.get("Tags", {})}):
            self.call("logs", "untag_resource", resourceArn=arn, tagKeys=gone)

    def call(self, service: str, operation: str, result: str = "ResponseMetadata", **arguments: Any) -> Any:
        """Call AWS, and retry transient errors while there is time."""
        waits = delays()
        while True:
            try:
                answer = getattr(client(service), operation)(**arguments)
                if result in answer:
                    return answer[result]
                trouble = f"its answer has no {result}"
            except (ClientError, ConnectionError, HTTPClientError, ResponseParserError) as error:
                if isinstance(error, ClientError) and not self.passes(error):
                    raise
                trouble = str(error)
            self.wait(next(waits), f"{operation}: {trouble}")

    def passes(self, error: ClientError) -> bool:
        """Whether the same call may succeed later."""
        name, status = code(error), int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        if "AccessDenied" in code(error) or "kms" in str(error).lower():  # a key, too, may not be usable yet
            return self.seconds_left() > self.settled
        # Aborted: something else is changing the same log group.
        return status == 429 or status >= 500 or "Throttl" in name or name == "OperationAbortedException"

    def wait(self, seconds: float, trouble: str) -> None:
        """Sleep, if there is time for it."""
        if self.seconds_left() - seconds < RESERVED:
            hint = f"Deploy again when `aws eks describe-cluster --name {self.name}` shows ACTIVE."
            raise RefusedError(f"Out of time (Lambda's limit is 15 minutes): {trouble}. EKS goes on with it. {hint}")
        sleep(seconds)


def delays() -> Iterator[float]:
    """Seconds to wait before each retry, growing to 15; random, so as not to stay in step with other callers."""
    longest = 1.0
    while True:
        yield longest * random.uniform(0.5, 1)
        longest = min(longest * 2, 15)


def values(properties: Json, name: str) -> set[str]:
    """The values of a property, which may be one or none."""
    found = properties.get(name) or ()
    return {found} if isinstance(found, str) else set(found)


def days(properties: Json) -> float:
    """The days of a retention, of which 0 is the longest."""
    return int(properties["RetentionInDays"]) or float("inf")


def code(error: ClientError) -> str:
    """The AWS error code."""
    return str(error.response["Error"]["Code"])


@cache
def client(service: str) -> Any:
    """The client of a service, reused by later invocations."""
    return boto3.client(service, config=CONFIG)


def respond(event: Json, answer: Json) -> None:
    """Send the response to CloudFormation, cut to what it takes. The URL is signed for an empty content type."""
    response = {**{name: event.get(name) for name in ("StackId", "RequestId", "LogicalResourceId")}, **answer}
    body = json.dumps(response, ensure_ascii=False).encode(errors="replace")
    if (excess := len(body) - 4096) > 0:
        reason = answer.get("Reason", "").encode(errors="replace")[:-excess].decode(errors="ignore")
        body = json.dumps({**response, "Reason": reason}, ensure_ascii=False).encode(errors="replace")
    for delay in (1, 2, 4):
        try:
            with urlopen(Request(event["ResponseURL"], body, {"Content-Type": ""}, method="PUT"), timeout=5):
                return
        except Exception as error:
            print("Could not send the response:", type(error).__name__)  # no more: the message may contain the URL
        sleep(delay)
    raise RuntimeError("CloudFormation did not accept the response")  # Lambda retries the whole event
