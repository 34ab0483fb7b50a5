"""The real CDK CLI deploys, updates and destroys a stack in an emulator: no bootstrap, no assets, nothing left behind.

`make integration` sets up the emulator, ministack, in an environment of its own, as it pins botocore. It runs the
custom resource's function; EKS is the fake of the handler's tests, since the emulator's has no UpdateClusterConfig.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.apps import ROOT
from tests.cdk.control_plane.handler.fake_aws import FakeAws
from tests.depth import only_in_depth

MINISTACK = Path(os.environ.get("MINISTACK_VENV", ROOT / ".venv-ministack")) / "bin" / "ministack"
CDK = Path(os.environ.get("CDK_CLI", ROOT / "node_modules" / ".bin" / "cdk"))

LEFT_OUT = {
    "AWS::Logs::QueryDefinition": "ministack refuses a template that holds one",
}
"""Types of the default stack that are not deployed here, and why."""

pytestmark = [
    only_in_depth,
    pytest.mark.skipif(not MINISTACK.exists(), reason="no emulator: `make integration` sets it up"),
    pytest.mark.skipif(not CDK.exists(), reason="no CDK CLI: `make integration` sets it up"),
]


class Cloud:
    """The emulator, the fake EKS beside it, and the CLI."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self._folder = address, folder
        self._responses = f"{address.replace('127.0.0.1', 'localhost')}/_ministack/cfn-response/"
        self.eks = FakeAws()
        self._eks_address = self.eks.serve()
        self.environment = {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
        }

    def cdk(self, command: str, *arguments: str, retention: int = 365) -> subprocess.CompletedProcess[str]:
        """Run the CLI on the app; its own exit status counts."""
        app = f"{sys.executable} -m tests.integration.app"
        values = {"retention": retention, "eks": self._eks_address, "responses": self._responses}
        context = [f"--context={name}={value}" for name, value in values.items()]
        return subprocess.run(
            [CDK, command, "Audit", "--app", app, "--output", self._folder, *context, *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment, "CDK_VALIDATION": "false", "CDK_DISABLE_VERSION_CHECK": "1"},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.address,
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def log_group(self, name: str) -> dict[str, Any] | None:
        groups = self.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        return groups[0] if groups else None


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("ministack")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    own = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": port}
    with (folder / "log").open("w") as log:
        emulator = subprocess.Popen([MINISTACK], cwd=folder, env={**os.environ, **own}, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/_ministack/health", emulator)
        yield Cloud(address, folder / "cdk.out")
    finally:
        emulator.terminate()
        emulator.wait(timeout=10)
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(url: str, emulator: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        assert emulator.poll() is None, "the emulator has ended"
        try:
            urllib.request.urlopen(url, timeout=5)
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the emulator does not answer")


def test_deploy_update_and_destroy(cloud: Cloud, default_template: dict[str, Any]) -> None:
    cluster = cloud.eks.add_cluster("prod", "scheduler")
    cloud.eks.log_groups.clear()
    cloud.eks.update_takes = 0.3

    deployed = cloud.cdk("deploy", "--require-approval=never")
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    assert cluster.on == {"api", "audit", "scheduler"}
    group = cloud.log_group("/aws/eks/prod/cluster")
    assert group is not None
    assert group["retentionInDays"] == 365

    types = {one["ResourceType"] for one in summaries(cloud)}
    of_the_default = {one["Type"] for one in default_template["Resources"].values()}
    assert of_the_default - types == set(LEFT_OUT)
    assert {one["ResourceStatus"] for one in summaries(cloud)} == {"CREATE_COMPLETE"}

    updated = cloud.cdk("deploy", "--require-approval=never", retention=731)
    assert updated.returncode == 0, updated.stdout + updated.stderr
    group = cloud.log_group("/aws/eks/prod/cluster")
    assert group is not None
    assert group["retentionInDays"] == 731
    assert len(cluster.updates) == 1

    destroyed = cloud.cdk("destroy", "--force")
    assert destroyed.returncode == 0, destroyed.stdout + destroyed.stderr
    assert cluster.on == {"api", "audit", "scheduler"}
    assert cloud.log_group("/aws/eks/prod/cluster") is not None, "the logs have gone"
    assert not cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert not cloud.client("lambda").list_functions()["Functions"]


def test_a_cluster_that_does_not_exist_is_said_to_the_user(cloud: Cloud) -> None:
    cloud.eks.reset()
    deployed = cloud.cdk("deploy", "--require-approval=never")
    assert deployed.returncode != 0
    assert "No cluster prod in region" in deployed.stdout + deployed.stderr


def summaries(cloud: Cloud) -> list[dict[str, Any]]:
    found = cloud.client("cloudformation").list_stack_resources(StackName="Audit")["StackResourceSummaries"]
    return [one for one in found if "DELETE" not in one["ResourceStatus"]]
