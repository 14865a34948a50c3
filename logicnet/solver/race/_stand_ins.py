"""Stand-ins for modules that small programs import and the sandbox's Python lacks, in source.

They run inside the sandbox under its limits. Each is a class or some functions on a plain object, because
that Python has neither decorated methods nor inheritance. `SOURCES` by module; each defines `NAME__`, which
replaces the module.
"""

from __future__ import annotations

import string

_MODULE = """
class Module__:
    pass
"""

_FRACTIONS = """
import math as math__

class Fraction:
    def __init__(self, numerator=0, denominator=1):
        if isinstance(numerator, str):
            written = numerator.replace(" ", "")
            if "/" in written:
                numerator, denominator = [int(part) for part in written.split("/")]
            else:
                whole, dot, places = written.partition(".")
                numerator, denominator = int(whole + places), 10 ** len(places)
        elif isinstance(numerator, float):
            while numerator != int(numerator):
                numerator, denominator = numerator * 2, denominator * 2
            numerator = int(numerator)
        if isinstance(numerator, Fraction) or isinstance(denominator, Fraction):
            above, below = fraction__(numerator), fraction__(denominator)
            numerator = above.numerator * below.denominator
            denominator = above.denominator * below.numerator
        if denominator == 0:
            raise ZeroDivisionError("Fraction(" + str(numerator) + ", 0)")
        shared = math__.gcd(numerator, denominator)
        if denominator < 0:
            shared = -shared
        self.numerator = numerator // shared
        self.denominator = denominator // shared

    def __add__(self, other):
        if isinstance(other, float):
            return float(self) + other
        other = fraction__(other)
        return Fraction(
            self.numerator * other.denominator + other.numerator * self.denominator,
            self.denominator * other.denominator,
        )

    def __radd__(self, other):
        return self + other

    def __neg__(self):
        return Fraction(-self.numerator, self.denominator)

    def __abs__(self):
        return Fraction(abs(self.numerator), self.denominator)

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return (-self) + other

    def __mul__(self, other):
        if isinstance(other, float):
            return float(self) * other
        other = fraction__(other)
        return Fraction(self.numerator * other.numerator, self.denominator * other.denominator)

    def __rmul__(self, other):
        return self * other

    def __truediv__(self, other):
        if isinstance(other, float):
            return float(self) / other
        other = fraction__(other)
        return Fraction(self.numerator * other.denominator, self.denominator * other.numerator)

    def __rtruediv__(self, other):
        if isinstance(other, float):
            return other / float(self)
        return fraction__(other) / self

    def __floordiv__(self, other):
        quotient = self / other
        return quotient.numerator // quotient.denominator

    def __mod__(self, other):
        return self - (self // other) * other

    def __pow__(self, power):
        if isinstance(power, Fraction) and power.denominator == 1:
            power = power.numerator
        if not isinstance(power, int):
            return float(self) ** float(power)
        if power < 0:
            return Fraction(self.denominator ** -power, self.numerator ** -power)
        return Fraction(self.numerator ** power, self.denominator ** power)

    def __eq__(self, other):
        if isinstance(other, float):
            return float(self) == other
        if not isinstance(other, (int, Fraction)):
            return False
        other = fraction__(other)
        return self.numerator == other.numerator and self.denominator == other.denominator

    def __hash__(self):
        return hash(self.numerator) if self.denominator == 1 else hash((self.numerator, self.denominator))

    def __float__(self):
        return self.numerator / self.denominator

    def __int__(self):
        whole = abs(self.numerator) // self.denominator
        return whole if self.numerator >= 0 else -whole

    def __round__(self, places=None):
        if places is None:
            whole, rest = divmod(self.numerator, self.denominator)
            if rest * 2 > self.denominator or (rest * 2 == self.denominator and whole % 2):
                whole = whole + 1
            return whole
        return Fraction(round(self * 10 ** places), 10 ** places)

    def __str__(self):
        if self.denominator == 1:
            return str(self.numerator)
        return str(self.numerator) + "/" + str(self.denominator)

    def __repr__(self):
        return "Fraction(" + str(self.numerator) + ", " + str(self.denominator) + ")"

    def limit_denominator(self, largest=1000000):
        if self.denominator <= largest:
            return self
        p0, q0, p1, q1 = 0, 1, 1, 0
        n, d = self.numerator, self.denominator
        while True:
            a = n // d
            q2 = q0 + a * q1
            if q2 > largest:
                break
            p0, q0, p1, q1 = p1, q1, p0 + a * p1, q2
            n, d = d, n - a * d
        k = (largest - q0) // q1
        lower, upper = Fraction(p0 + k * p1, q0 + k * q1), Fraction(p1, q1)
        nearer = abs(float(upper - self)) <= abs(float(lower - self))
        return upper if nearer else lower

def fraction__(value):
    return value if isinstance(value, Fraction) else Fraction(value)

fractions__ = Module__()
fractions__.Fraction = Fraction
fractions__.gcd = math__.gcd
"""

_STATISTICS = """
def mean__(data):
    data = list(data)
    total = sum(data)
    whole = isinstance(total, int) and total % len(data) == 0
    return total // len(data) if whole else total / len(data)

def median__(data):
    data = sorted(data)
    middle = len(data) // 2
    return data[middle] if len(data) % 2 else (data[middle - 1] + data[middle]) / 2

def multimode__(data):
    data = list(data)
    most = max([data.count(value) for value in data])
    return [value for i, value in enumerate(data) if data.count(value) == most and value not in data[:i]]

def variance__(data, less=1):
    data = list(data)
    middle = sum(data) / len(data)
    return sum([(value - middle) ** 2 for value in data]) / (len(data) - less)

statistics__ = Module__()
statistics__.mean = mean__
statistics__.fmean = lambda data: float(mean__(data))
statistics__.median = median__
statistics__.mode = lambda data: multimode__(data)[0]
statistics__.multimode = multimode__
statistics__.variance = variance__
statistics__.pvariance = lambda data: variance__(data, 0)
statistics__.stdev = lambda data: variance__(data) ** 0.5
statistics__.pstdev = lambda data: variance__(data, 0) ** 0.5
"""

_STRING = "string__ = Module__()\n" + "".join(
    f"string__.{name} = {getattr(string, name)!r}\n"
    for name in (
        *("ascii_letters", "ascii_lowercase", "ascii_uppercase", "digits", "hexdigits", "octdigits"),
        *("punctuation", "whitespace"),
    )
)

_INFIX = "+ add, - sub, * mul, / truediv, // floordiv, % mod, ** pow, ^ xor, & and_, | or_, == eq, != ne"
_ORDER = ", < lt, <= le, > gt, >= ge"
_OPERATOR = (
    "operator__ = Module__()\n"
    + "".join(
        f"operator__.{name} = lambda a, b: a {sign} b\n"
        for sign, name in (pair.split() for pair in (_INFIX + _ORDER).split(","))
    )
    + """
operator__.neg = lambda a: -a
operator__.not_ = lambda a: not a
operator__.itemgetter = lambda key: lambda value: value[key]
"""
)

_HEAPQ = """
import bisect as bisect__

def heapify__(heap):
    heap.sort()

def heappush__(heap, item):
    bisect__.insort(heap, item)

def heappop__(heap):
    return heap.pop(0)

heapq__ = Module__()
heapq__.heapify = heapify__
heapq__.heappush = heappush__
heapq__.heappop = heappop__
heapq__.nlargest = lambda n, data: sorted(data, reverse=True)[:n]
heapq__.nsmallest = lambda n, data: sorted(data)[:n]
"""

_CALENDAR = """
import datetime as datetime__

def isleap__(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)

def monthrange__(year, month):
    days = [31, 29 if isleap__(year) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return datetime__.date(year, month, 1).weekday(), days[month - 1]

calendar__ = Module__()
calendar__.isleap = isleap__
calendar__.monthrange = monthrange__
calendar__.weekday = lambda year, month, day: datetime__.date(year, month, day).weekday()
calendar__.leapdays = lambda first, last: sum([1 for year in range(first, last) if isleap__(year)])
calendar__.day_name = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
calendar__.month_name = ("January February March April May June July August September October"
    " November December").split()
calendar__.month_name.insert(0, "")
"""

_SYMPY = """
import math as math__

def isprime__(n):
    return n > 1 and all(n % d for d in range(2, math__.isqrt(n) + 1))

def factorint__(n):
    found, d = {}, 2
    while d * d <= n:
        while n % d == 0:
            found[d] = found.get(d, 0) + 1
            n = n // d
        d = d + 1
    if n > 1:
        found[n] = found.get(n, 0) + 1
    return found

def primerange__(first, end=None):
    if end is None:
        first, end = 2, first
    return [n for n in range(first, end) if isprime__(n)]

sympy__ = Module__()
sympy__.isprime = isprime__
sympy__.factorint = factorint__
sympy__.primefactors = lambda n: list(factorint__(n))
sympy__.primerange = primerange__
sympy__.divisors = lambda n: [d for d in range(1, n + 1) if n % d == 0]
sympy__.gcd = math__.gcd
sympy__.lcm = math__.lcm
sympy__.factorial = math__.factorial
sympy__.binomial = math__.comb
"""

SOURCES: dict[str, str] = {
    "fractions": _MODULE + _FRACTIONS,
    "statistics": _MODULE + _STATISTICS,
    "string": _MODULE + _STRING,
    "operator": _MODULE + _OPERATOR,
    "heapq": _MODULE + _HEAPQ,
    "calendar": _MODULE + _CALENDAR,
    "sympy": _MODULE + _SYMPY,  # its number theory; it solves nothing
}
