"""The lecture: scenes, predictions, votes, findings, worksheets."""
