"""CloudFormation templates, read: the metric filters, alarms and saved queries in them."""
