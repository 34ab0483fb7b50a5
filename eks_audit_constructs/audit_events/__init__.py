"""What an audit event of EKS can contain, and so whether a condition can match any.

Apart from the catalogue, so that who reads a template need not load all detections.
"""
