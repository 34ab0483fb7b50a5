"""The CDK constructs. Nothing outside this package imports `aws_cdk`."""
