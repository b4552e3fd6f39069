"""Listeners that ship with corago: log lines, Prometheus metrics, OpenTelemetry spans.

Each vendor's library is known in one module only, and needed by nobody else.
"""
