"""How many records crashes may drive to the on-failure destination: exact distributions, from the crashes alone.

A crash fails the whole invocation, and invocations crash independently with probability p. A batch of one record is
given up after `retries + 1` crashes in a row: its number of given-up records is binomial, B(1, p^(retries + 1)). A
larger batch is halved at each crash, and its halves go their own ways, so its distribution is a mixture of convolutions
of theirs, and that of a whole stream the convolution over its batches. (For batches of one record it is the binomial
distribution B(records, p^(retries + 1)).)
"""

from functools import cache

Distribution = tuple[float, ...]
"""Probability of 0, 1, 2, ... records."""

NONE: Distribution = (1.0,)


def given_up(*, records: int, batch_size: int, crashes: float, retries: int, splits_use_up: bool) -> Distribution:
    """Of all records of a stream, pills among them."""

    @cache
    def of_batch(size: int, used: int) -> Distribution:
        if splits_use_up or size == 1:
            after = (0.0,) * size + (1.0,) if used + 1 > retries else halves(size, used + 1)
        else:
            after = halves(size, 0)
        return mixed(crashes, after)

    def halves(size: int, used: int) -> Distribution:
        if size == 1:
            return of_batch(1, used)
        return convolved(of_batch(size // 2, used), of_batch(size - size // 2, used))

    whole, rest = divmod(records, batch_size)
    total, power = (of_batch(rest, 0) if rest else NONE), of_batch(batch_size, 0)
    while whole:
        if whole % 2:
            total = convolved(total, power)
        power, whole = convolved(power, power), whole // 2
    return total


def mixed(probability: float, other: Distribution) -> Distribution:
    """With this probability the other distribution, and no record otherwise."""
    first, *rest = (probability * each for each in other)
    return (first + 1 - probability, *rest)


def convolved(one: Distribution, other: Distribution) -> Distribution:
    """Of the sum of two independent numbers; what is beyond all reach is cut off."""
    found = [0.0] * (len(one) + len(other) - 1)
    for index, probability in enumerate(one):
        if probability:
            for offset, factor in enumerate(other, index):
                found[offset] += probability * factor
    while len(found) > 1 and found[-1] < 1e-30:
        found.pop()
    return tuple(found)


def limits(distribution: Distribution, *, error: float) -> tuple[int, int]:
    """The least and the greatest number that are not less likely to be passed than the error."""
    low, below = 0, distribution[0]
    while below < error:
        low += 1
        below += distribution[low]
    high, above = len(distribution) - 1, distribution[-1]
    while above < error and high > 0:
        high -= 1
        above += distribution[high]
    return low, high
