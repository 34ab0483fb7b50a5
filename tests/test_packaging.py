"""What is shipped: the public surface, the floors of the house, the pins, and a command that needs no Node."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import eks_audit_constructs

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "eks_audit_constructs"
CDK = {"aws_cdk", "constructs", "jsii"}

WITH_CDK = ["cdk"]
WITHOUT_CDK = [
    "__main__",
    "cli",
    "demo",
    "check",
    "verify",
    "tuning",
    "insights",
    "replay",
    "duck",
    "reports",
    "templates",
    "audit_logs",
    "sigma",
    "catalog",
    "audit_events",
    "recordings",
    "conditions",
    "arguments",
    "extras",
    "aws",
    "files",
    "errors",
]
FLOORS = [*WITH_CDK, *WITHOUT_CDK]
"""From the roof down: a module imports only from those after it."""


def modules() -> Iterator[tuple[str, Path]]:
    """Each source file of the package, with the floor's module it belongs to."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).with_suffix("").parts[0]
        if module != "__init__":  # the roof itself: it offers what all floors have
            yield module, path


def imports(path: Path) -> Iterator[str]:
    """The dotted names that a file of ours imports, relative ones made absolute."""
    here = path.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*here[: -node.level]] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


PUBLIC = [
    "AlarmTopic",
    "AuditAlarms",
    "AuditConfigurationError",
    "AuditExport",
    "AuditQueries",
    "AwsError",
    "ControlPlaneLogging",
    "Detection",
    "Detections",
    "EksAudit",
    "EksAuditError",
    "EksAuditStack",
    "Expression",
    "Guard",
    "LogError",
    "QueryError",
    "Sample",
    "SavedQuery",
    "Severity",
    "Silence",
    "TemplateError",
    "all_of",
    "any_of",
    "catalog",
    "field",
    "insights",
    "message_contains",
    "replay",
    "sigma",
    "tuning",
]


def test_the_public_surface_is_the_documented_one() -> None:
    assert eks_audit_constructs.__all__ == PUBLIC


@pytest.mark.parametrize("name", ["insights.run", "replay.replay", "sigma.read", "sigma.write", "tuning.tune"])
def test_what_the_guides_call_is_there(name: str) -> None:
    module, function = name.split(".")
    assert callable(getattr(getattr(eks_audit_constructs, module), function))


def test_every_public_name_is_there() -> None:
    assert eks_audit_constructs.__all__ == sorted(set(eks_audit_constructs.__all__))
    for name in eks_audit_constructs.__all__:
        assert getattr(eks_audit_constructs, name) is not None
    assert set(eks_audit_constructs.__all__) <= set(dir(eks_audit_constructs))


def test_a_name_that_is_not_public_is_refused_as_python_does() -> None:
    with pytest.raises(AttributeError, match="no_such_construct"):
        getattr(eks_audit_constructs, "no_such_construct")  # noqa: B009 - a type checker would rightly object


def test_every_module_has_its_floor() -> None:
    assert {module for module, _ in modules()} == set(FLOORS)


@pytest.mark.parametrize(("module", "path"), [pytest.param(*found, id=str(found[1].stem)) for found in modules()])
def test_a_floor_rests_only_on_floors_below(module: str, path: Path) -> None:
    allowed = FLOORS[FLOORS.index(module) :]
    for name in imports(path):
        package, *rest = name.split(".")
        if package == PACKAGE.name and rest:
            assert rest[0] in allowed, f"{path.name} imports {name}"
        if module in WITHOUT_CDK:
            assert package not in CDK, f"{path.name} imports {name}"


def test_in_the_cdk_room_aws_cdk_goes_by_no_other_name() -> None:
    """`cdk` is our own package there."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert all(alias.asname != "cdk" for alias in node.names), path.name


@pytest.mark.parametrize("module", WITHOUT_CDK)
def test_below_the_line_no_cdk_is_loaded(module: str) -> None:
    assert loaded_with(f"eks_audit_constructs.{module}").isdisjoint(CDK)


def test_the_constructs_do_load_the_cdk() -> None:
    assert "aws_cdk" in loaded_with("eks_audit_constructs.cdk.stack")


def loaded_with(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize("arguments", [["--help"], ["detections"]])
def test_the_command_runs_without_node(arguments: list[str], tmp_path: Path) -> None:
    environment = os.environ | {"PATH": str(tmp_path), "JSII_NODE": str(tmp_path / "node")}
    command = Path(sys.executable).with_name("eks-audit")
    done = subprocess.run([command, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_package_says_that_it_is_typed() -> None:
    assert files(eks_audit_constructs).joinpath("py.typed").is_file()


def test_the_cdk_cli_is_pinned_to_one_release_of_its_second_major() -> None:
    pin = json.loads((ROOT / "package.json").read_text())["devDependencies"]["aws-cdk"]
    assert re.fullmatch(r"2\.\d+\.\d+", pin)
    lock = json.loads((ROOT / "package-lock.json").read_text())
    assert lock["packages"]["node_modules/aws-cdk"]["version"] == pin


def test_the_feature_flags_are_those_that_the_cdk_recommends(recommended_flags: dict[str, Any]) -> None:
    [bundle] = Path(str(files("aws_cdk._jsii"))).glob("aws-cdk-lib@*.jsii.tgz")
    with tarfile.open(bundle) as archive:
        listed = archive.extractfile("package/recommended-feature-flags.json")
        assert listed is not None
        recommended = json.load(listed)
    assert recommended_flags  # a newer CDK may recommend more; what we set must be what it recommends
    assert {flag: recommended.get(flag) for flag in recommended_flags} == recommended_flags


def test_python_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    oldest = project["project"]["requires-python"].removeprefix(">=")
    assert f"Programming Language :: Python :: {oldest}" in project["project"]["classifiers"]
    assert project["tool"]["mypy"]["python_version"] == project["tool"]["pyright"]["pythonVersion"] == oldest
    assert project["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
