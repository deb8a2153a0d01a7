"""Amounts of money: exact decimals. Pure.

JSON, the store and the sheet hold them as numbers; a number of up to fifteen digits and its decimal text are
one and the same, so sums are made of the texts and never of binary fractions (0.1 + 0.2 is 0.3).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from chalicelib.shared.reasons import Reason

MAX_AMOUNT = 10**12
MAX_DECIMALS = 4
MAX_DIGITS = 15


def exact(value: Any) -> Decimal:
    """A number as the decimal that its text says; nothing and what is no number is 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Decimal(0)
    return Decimal(repr(value))


def plain(amount: Decimal) -> int | float:
    """A decimal as the number that is stored and answered: whole ones without a fraction."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def unfit(value: float) -> Reason | None:
    """Why a number cannot be an amount; None when it can."""
    amount = exact(value)
    if not 0 <= amount <= MAX_AMOUNT:
        return Reason("amount_range", most=MAX_AMOUNT)
    digits, exponent = amount.as_tuple().digits, int(amount.as_tuple().exponent)
    if -exponent > MAX_DECIMALS and amount != amount.to_integral_value():
        return Reason("amount_decimals", most=MAX_DECIMALS, has=-exponent)
    if len(digits) > MAX_DIGITS and amount != amount.to_integral_value():
        return Reason("amount_digits", most=MAX_DIGITS)
    return None
