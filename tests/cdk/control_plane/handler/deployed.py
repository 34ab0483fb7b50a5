"""CloudFormation's and Lambda's side: builds the events, runs the handler in its time limit, takes the response.

The handler is the one in a template: its inline code, with the template's environment.
"""

from __future__ import annotations

import json
import os
import random
from types import ModuleType
from typing import Any

from eks_audit_constructs.cdk.control_plane.wish import Wish, asked
from tests.cdk.control_plane.handler.fake_aws import ACCOUNT, REGION, SECRET, STACK_ID, FakeAws

LIFETIME = 15 * 60
CHANCE = random.Random()
"""The handler's, the same for each invocation: a run with a fault is the run without it up to the fault."""


def module(code: str) -> ModuleType:
    """The handler as Lambda imports it."""
    made = ModuleType("index")
    exec(compile(code, "index.py", "exec"), made.__dict__)
    return made


class Lambda:
    """The function as deployed, against a fake service."""

    def __init__(self, aws: FakeAws, address: str, code: ModuleType) -> None:
        self.aws, self.code = aws, code
        self.response_url = f"{address}/response?{SECRET}"
        self.role: list[dict[str, Any]] | None = None
        self._requests = 0
        self._ends = 0.0
        self.lifetime = LIFETIME
        self.invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:Audit-Handler"
        self.log_stream_name = "2026/01/01/[$LATEST]1"

    def get_remaining_time_in_millis(self) -> int:
        return int((self._ends - self.aws.now) * 1000)

    def template_asks(self, *wishes: dict[str, Any]) -> None:
        """Deploy the function of a template with custom resources of these properties."""
        without_tags = ({name: value for name, value in one.items() if name != "Tags"} for one in wishes)
        os.environ["ASKED"] = json.dumps(asked(Wish(properties=one) for one in without_tags))

    def event(self, kind: str, physical_id: str | None, **fields: Any) -> dict[str, Any]:
        self._requests += 1
        return {
            "RequestType": kind,
            "ResponseURL": self.response_url,
            "StackId": STACK_ID,
            "RequestId": f"request-{self._requests}",
            "ResourceType": "Custom::EksControlPlaneLogging",
            "LogicalResourceId": "AuditLogging",
            **({} if physical_id is None else {"PhysicalResourceId": physical_id}),
            **fields,
        }

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        """Run the handler; answers with its one response."""
        before = len(self.aws.responses)
        self.run(event)
        [response] = self.aws.responses[before:]
        assert self.aws.now < self._ends, "Lambda would have ended the handler"
        assert {"StackId", "RequestId", "LogicalResourceId"} <= response.keys()
        assert self.aws.lengths[-1] <= 4096, "CloudFormation takes 4,096 bytes"
        assert "Error(" not in response.get("Reason", ""), "a trace of Python's"
        return response

    def run(self, event: dict[str, Any]) -> None:
        """Run the handler, which may not respond."""
        self._ends = self.aws.now + self.lifetime
        CHANCE.seed(0)
        self.code.handler(event, self)

    def create(self, **properties: Any) -> dict[str, Any]:
        """What CloudFormation does for a template with such a custom resource: the function is deployed before it."""
        self.template_asks(properties)
        return self.invoke(self.event("Create", None, ResourceProperties=properties))

    def update(self, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        self.template_asks(new)
        fields = {"ResourceProperties": new, "OldResourceProperties": old}
        return self.invoke(self.event("Update", physical_id, **fields))

    def delete(self, physical_id: str, **properties: Any) -> dict[str, Any]:
        return self.invoke(self.event("Delete", physical_id, ResourceProperties=properties))
