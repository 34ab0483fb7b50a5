"""The demo: the default stack, and two logs of a real API server to replay through its template.

`attack.jsonl.gz` holds four recorded scenarios, seven minutes apart: someone tries a stolen token, explores the API,
changes aws-auth, and makes a stranger cluster-admin. `ordinary_day.jsonl.gz` holds ordinary work, three times, and a
full quota. Only the events' times were shifted; repeated events also have new audit ids.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["ATTACK", "CLUSTER", "ORDINARY_DAY", "synthesize"]

CLUSTER = "demo"
ATTACK = Path(__file__).parent / "attack.jsonl.gz"
ORDINARY_DAY = Path(__file__).parent / "ordinary_day.jsonl.gz"


def synthesize(folder: Path) -> Path:
    """Synthesize the default stack for a cluster called `demo` into a folder, and return the template's path.

    Raises:
        AuditConfigurationError: The app failed, most likely because Node.js is missing.
    """
    app = subprocess.run(
        [sys.executable, "-m", "eks_audit_constructs.cdk.app"],
        env={
            **os.environ,
            "CDK_OUTDIR": str(folder.resolve()),
            "CDK_CONTEXT_JSON": json.dumps({"cluster": CLUSTER}),
            "CDK_VALIDATION": "false",  # `make synth` validates the same template
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if app.returncode:
        raise AuditConfigurationError(
            "demo",
            value=app.stderr.strip().rsplit("\n", 1)[-1],
            limit="the default stack could not be synthesized",
            way_out="AWS CDK needs Node.js 22 or later: install it, or pip install 'eks-audit-constructs[node]'",
        )
    return folder / f"EksAudit-{CLUSTER}.template.json"
