"""The five cdk-nag packs that everything here is held to."""

from __future__ import annotations

from aws_cdk import App, Stack
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R4Checks, NIST80053R5Checks, PCIDSS321Checks

PACKS = (AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R4Checks, NIST80053R5Checks, PCIDSS321Checks)


def violations(stack: Stack) -> set[tuple[str, str]]:
    """What the packs find in the stack and nobody acknowledged: rule and construct path."""
    app = stack.node.root
    assert isinstance(app, App)
    found = set()
    for pack in PACKS:
        for violation in pack(app).validate_scope(stack).violations:
            for resource in violation.violating_resources or []:
                found.add((violation.rule_name, str(resource.construct_path)))
    return found
