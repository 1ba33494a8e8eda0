"""Alerts to where people already look: an alert is built once (`build`), queued on disk (`outbox`), and handed to each
sink (`registry`) by a thread of its own (`sender`).
"""
