"""The default stack written by hand with L1 constructs only, as the baseline for the library.

Its texts (patterns, queries, descriptions) are read from the default template, the only argument:

    python -m benchmarks.twin cdk.out/EksAudit-demo.template.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aws_cdk import App, BootstraplessSynthesizer, CfnOutput, CfnResource, RemovalPolicy, Stack, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns

__all__ = ["build", "read"]

Properties = Mapping[str, Any]


def read(template: str) -> dict[str, Any]:
    """Read a template from a file."""
    content: dict[str, Any] = json.loads(Path(template).read_text(encoding="utf-8"))
    return content


def build(app: App, template: Mapping[str, Any]) -> Stack:
    """Add a stack with the resources of the template.

    Raises:
        KeyError: The template has a resource of a type that the twin does not support.
    """
    stack = Stack(
        app,
        "Twin",
        description=template["Description"],
        synthesizer=BootstraplessSynthesizer(),
        analytics_reporting=False,
    )
    made: dict[str, CfnResource] = {}
    rank = {type_name: position for position, type_name in enumerate(_WRITERS)}
    for logical_id, resource in sorted(template["Resources"].items(), key=lambda item: rank[item[1]["Type"]]):
        construct = made[logical_id] = _WRITERS[resource["Type"]](stack, logical_id, resource["Properties"], made)
        for before in resource.get("DependsOn", []):
            construct.add_resource_dependency(made[before])
    [topic] = (resource for resource in made.values() if isinstance(resource, sns.CfnTopic))
    outputs = template["Outputs"]
    CfnOutput(
        stack,
        "LogGroupName",
        description=outputs["LogGroupName"]["Description"],
        value=outputs["LogGroupName"]["Value"],
    )
    CfnOutput(stack, "AlarmTopicArn", description=outputs["AlarmTopicArn"]["Description"], value=topic.ref)
    return stack


def _log_group(stack: Stack, id: str, properties: Properties, _: Mapping[str, CfnResource]) -> CfnResource:
    group = logs.CfnLogGroup(stack, id, retention_in_days=properties["RetentionInDays"])
    group.apply_removal_policy(RemovalPolicy.DESTROY)
    return group


def _policy(stack: Stack, id: str, properties: Properties, _: Mapping[str, CfnResource]) -> CfnResource:
    return iam.CfnManagedPolicy(
        stack,
        id,
        description=properties["Description"],
        path=properties["Path"],
        policy_document=properties["PolicyDocument"],
    )


def _role(stack: Stack, id: str, properties: Properties, made: Mapping[str, CfnResource]) -> CfnResource:
    return iam.CfnRole(
        stack,
        id,
        assume_role_policy_document=properties["AssumeRolePolicyDocument"],
        managed_policy_arns=[made[one["Ref"]].ref for one in properties["ManagedPolicyArns"]],
    )


def _function(stack: Stack, id: str, properties: Properties, made: Mapping[str, CfnResource]) -> CfnResource:
    role = made[properties["Role"]["Fn::GetAtt"][0]]
    assert isinstance(role, iam.CfnRole)
    log_group = made[properties["LoggingConfig"]["LogGroup"]["Ref"]]
    variables = properties["Environment"]["Variables"]
    return lambda_.CfnFunction(
        stack,
        id,
        code=lambda_.CfnFunction.CodeProperty(zip_file=properties["Code"]["ZipFile"]),
        description=properties["Description"],
        environment=lambda_.CfnFunction.EnvironmentProperty(
            variables={name: Token.as_string(value) for name, value in variables.items()}
        ),
        handler=properties["Handler"],
        logging_config=lambda_.CfnFunction.LoggingConfigProperty(log_group=log_group.ref),
        memory_size=properties["MemorySize"],
        role=role.attr_arn,
        runtime=properties["Runtime"],
        timeout=properties["Timeout"],
    )


def _logging(stack: Stack, id: str, properties: Properties, made: Mapping[str, CfnResource]) -> CfnResource:
    function = made[properties["ServiceToken"]["Fn::GetAtt"][0]]
    assert isinstance(function, lambda_.CfnFunction)
    logging = CfnResource(
        stack,
        id,
        type="Custom::EksControlPlaneLogging",
        properties={**properties, "ServiceToken": function.attr_arn},
    )
    logging.apply_removal_policy(RemovalPolicy.DESTROY)
    return logging


def _key(stack: Stack, id: str, properties: Properties, _: Mapping[str, CfnResource]) -> CfnResource:
    key = kms.CfnKey(
        stack,
        id,
        description=properties["Description"],
        enable_key_rotation=properties["EnableKeyRotation"],
        key_policy=properties["KeyPolicy"],
    )
    key.apply_removal_policy(RemovalPolicy.DESTROY)
    return key


def _topic(stack: Stack, id: str, properties: Properties, made: Mapping[str, CfnResource]) -> CfnResource:
    key = made[properties["KmsMasterKeyId"]["Fn::GetAtt"][0]]
    assert isinstance(key, kms.CfnKey)
    return sns.CfnTopic(stack, id, kms_master_key_id=key.attr_arn)


def _topic_policy(stack: Stack, id: str, properties: Properties, made: Mapping[str, CfnResource]) -> CfnResource:
    return sns.CfnTopicPolicy(
        stack,
        id,
        policy_document=properties["PolicyDocument"],
        topics=[made[one["Ref"]].ref for one in properties["Topics"]],
    )


def _metric_filter(stack: Stack, id: str, properties: Properties, _: Mapping[str, CfnResource]) -> CfnResource:
    return logs.CfnMetricFilter(
        stack,
        id,
        filter_name=properties["FilterName"],
        filter_pattern=properties["FilterPattern"],
        log_group_name=properties["LogGroupName"],
        metric_transformations=[
            logs.CfnMetricFilter.MetricTransformationProperty(
                default_value=one["DefaultValue"],
                metric_name=one["MetricName"],
                metric_namespace=one["MetricNamespace"],
                metric_value=one["MetricValue"],
            )
            for one in properties["MetricTransformations"]
        ],
    )


def _alarm(stack: Stack, id: str, properties: Properties, made: Mapping[str, CfnResource]) -> CfnResource:
    dimensions = [
        cloudwatch.CfnAlarm.DimensionProperty(name=one["Name"], value=one["Value"])
        for one in properties.get("Dimensions", [])
    ]
    return cloudwatch.CfnAlarm(
        stack,
        id,
        alarm_actions=[made[one["Ref"]].ref for one in properties["AlarmActions"]],
        alarm_description=properties["AlarmDescription"],
        alarm_name=properties["AlarmName"],
        comparison_operator=properties["ComparisonOperator"],
        datapoints_to_alarm=properties.get("DatapointsToAlarm"),
        dimensions=dimensions or None,
        evaluation_periods=properties["EvaluationPeriods"],
        metric_name=properties["MetricName"],
        namespace=properties["Namespace"],
        period=properties["Period"],
        statistic=properties["Statistic"],
        threshold=properties["Threshold"],
        treat_missing_data=properties["TreatMissingData"],
        warm_up_configuration=cloudwatch.CfnAlarm.WarmUpConfigurationProperty(
            warm_up_period_duration_in_minutes=warm_up["WarmUpPeriodDurationInMinutes"]
        )
        if (warm_up := properties.get("WarmUpConfiguration"))
        else None,
    )


def _query(stack: Stack, id: str, properties: Properties, _: Mapping[str, CfnResource]) -> CfnResource:
    return logs.CfnQueryDefinition(
        stack,
        id,
        log_group_names=properties["LogGroupNames"],
        name=properties["Name"],
        query_string=properties["QueryString"],
    )


_WRITERS: dict[str, Callable[[Stack, str, Properties, Mapping[str, CfnResource]], CfnResource]] = {
    "AWS::Logs::LogGroup": _log_group,
    "AWS::IAM::ManagedPolicy": _policy,
    "AWS::IAM::Role": _role,
    "AWS::Lambda::Function": _function,
    "Custom::EksControlPlaneLogging": _logging,
    "AWS::KMS::Key": _key,
    "AWS::SNS::Topic": _topic,
    "AWS::SNS::TopicPolicy": _topic_policy,
    "AWS::Logs::MetricFilter": _metric_filter,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::Logs::QueryDefinition": _query,
}
"""Ordered so that each type comes after those it refers to."""


if __name__ == "__main__":
    app = App(analytics_reporting=False)
    build(app, read(sys.argv[1]))
    app.synth()
