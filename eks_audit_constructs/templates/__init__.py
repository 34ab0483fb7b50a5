"""Read the metric filters, alarms and saved queries of CloudFormation templates."""
