"""The constructs: all that imports `aws_cdk`, and nothing else does."""
