"""Structured logs and metrics, one of each for the whole process (Powertools)."""

from __future__ import annotations

from aws_lambda_powertools import Logger

from chalicelib.shared.settings import settings

logger = Logger(service="todoku", level=settings().log_level)
