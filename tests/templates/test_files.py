"""What is taken for a template, where a log was wanted."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from eks_audit_constructs import demo
from eks_audit_constructs.templates.assembly import template_files
from eks_audit_constructs.templates.files import is_template

JSON = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}, indent=1)
YAML = """
AWSTemplateFormatVersion: 2010-09-09
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties: {TopicName: !Sub "${AWS::StackName}-topic"}
"""
EVENT = json.dumps({"kind": "Event", "objectRef": {"resource": "pods"}, "requestObject": {"Resources": {}}})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("stack.json", JSON),
        ("stack.json", f"\ufeff{JSON}"),
        ("stack.yaml", YAML),
        ("stack", 'Resources: # all of them\n  Topic: {Type: "AWS::SNS::Topic"}\n'),
        ("demo.template.json", "not even JSON"),
        ("demo.template.yaml", ""),
    ],
)
def test_is_a_template(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert is_template(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("audit.jsonl", EVENT),
        ("audit.jsonl", f"{EVENT}\n{EVENT}\n"),
        ("page.json", json.dumps({"events": [{"message": JSON}]})),
        ("page.json", json.dumps({"events": [{"message": YAML}]})),
        ("list.json", f"[{JSON}]"),
        ("other.json", json.dumps({"Resources": [1, 2]})),
        ("server.log", "Resources:\nI1123 06:02:00.000000 quota.go:1] all resources\n"),
        ("audit", '{"Resources'),
        ("empty", ""),
    ],
)
def test_is_none(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert not is_template(tmp_path / name)


def test_what_is_no_text_is_none(tmp_path: Path) -> None:
    (tmp_path / "packed").write_bytes(gzip.compress(JSON.encode(), 0))
    assert not is_template(tmp_path / "packed")
    assert not is_template(demo.ATTACK)
    assert not is_template(tmp_path / "missing")
    assert not is_template(Path("-"))
    assert not is_template(Path("x" * 5000))


def test_a_large_log_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "large.json").write_text(JSON + " " * 4_000_000)
    assert not is_template(tmp_path / "large.json")


def test_cdk_out(tmp_path: Path) -> None:
    (tmp_path / "demo.template.json").write_text(JSON)
    assert not is_template(tmp_path), "a folder that a template happens to be in"
    (tmp_path / "manifest.json").write_text("{}")
    assert is_template(tmp_path)
    assert template_files(tmp_path) == [tmp_path / "demo.template.json"]
    assert template_files(tmp_path / "demo.template.json") == [tmp_path / "demo.template.json"]


def test_cdk_out_of_stages(tmp_path: Path) -> None:
    (tmp_path / "assembly-Prod").mkdir()
    (tmp_path / "assembly-Prod" / "demo.template.json").write_text(JSON)
    (tmp_path / "manifest.json").write_text("{}")
    assert is_template(tmp_path)


def test_a_folder_of_logs_with_a_manifest_is_none(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "audit.jsonl").write_text(EVENT)
    assert not is_template(tmp_path)
