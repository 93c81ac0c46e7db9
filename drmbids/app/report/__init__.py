"""Saved derivatives to HTML reports and methods text, with no model in memory."""

from drmbids.app.report.group import write_group_report
from drmbids.app.report.methods import Training, methods_text
from drmbids.app.report.participant import write_participant_report

__all__ = ["Training", "methods_text", "write_group_report", "write_participant_report"]
