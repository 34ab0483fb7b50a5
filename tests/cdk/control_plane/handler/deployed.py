"""CloudFormation's and Lambda's side: builds the events, runs the handler in its time limit, takes the response."""

from __future__ import annotations

import random
from typing import Any

from eks_audit_constructs.cdk.control_plane.handler import index
from tests.cdk.control_plane.handler.fake_aws import ACCOUNT, REGION, SECRET, FakeAws

LIFETIME = 15 * 60
CHANCE = random.Random()
"""The handler's, the same for each invocation: a run with a fault is the run without it up to the fault."""


class Lambda:
    """The function as deployed, against a fake service."""

    def __init__(self, aws: FakeAws, address: str) -> None:
        self.aws = aws
        self._address = address
        self._requests = 0
        self._ends = 0.0
        self.lifetime = LIFETIME
        self.invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:Audit-Handler"
        self.log_stream_name = "2026/01/01/[$LATEST]1"

    def get_remaining_time_in_millis(self) -> int:
        return int((self._ends - self.aws.now) * 1000)

    def event(self, kind: str, physical_id: str | None, **fields: Any) -> dict[str, Any]:
        self._requests += 1
        return {
            "RequestType": kind,
            "ResponseURL": f"{self._address}/response?{SECRET}",
            "StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/Audit/1",
            "RequestId": f"request-{self._requests}",
            "ResourceType": "Custom::EksControlPlaneLogging",
            "LogicalResourceId": "AuditLogging",
            **({} if physical_id is None else {"PhysicalResourceId": physical_id}),
            **fields,
        }

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        """Run the handler; answers with its one response."""
        before = len(self.aws.responses)
        self._ends = self.aws.now + self.lifetime
        CHANCE.seed(0)
        index.handler(event, self)
        [response] = self.aws.responses[before:]
        assert self.aws.now < self._ends, "Lambda would have ended the handler"
        assert {"StackId", "RequestId", "LogicalResourceId"} <= response.keys()
        assert len(str(response)) < 4096, "CloudFormation takes 4,096 bytes"
        return response

    def create(self, **properties: Any) -> dict[str, Any]:
        return self.invoke(self.event("Create", None, ResourceProperties=properties))

    def update(self, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        fields = {"ResourceProperties": new, "OldResourceProperties": old}
        return self.invoke(self.event("Update", physical_id, **fields))

    def delete(self, physical_id: str, **properties: Any) -> dict[str, Any]:
        return self.invoke(self.event("Delete", physical_id, ResourceProperties=properties))
