"""Stand-ins for modules that small programs import and the sandbox's Python lacks, in source.

They run inside the sandbox under its limits. Each module is a class `NAME__`, whose methods are the module's
functions, because that Python has neither decorated methods nor inheritance. `SOURCES` has them by module.
"""

import string

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
        self.numerator, self.denominator = numerator // shared, denominator // shared

    def __add__(self, other):
        if isinstance(other, float):
            return float(self) + other
        n, d = fraction__(other).numerator, fraction__(other).denominator
        return Fraction(self.numerator * d + n * self.denominator, self.denominator * d)

    def __mul__(self, other):
        if isinstance(other, float):
            return float(self) * other
        other = fraction__(other)
        return Fraction(self.numerator * other.numerator, self.denominator * other.denominator)

    def __truediv__(self, other):
        if isinstance(other, float):
            return float(self) / other
        other = fraction__(other)
        return Fraction(self.numerator * other.denominator, self.denominator * other.numerator)

    __radd__ = __add__
    __rmul__ = __mul__
    __neg__ = lambda self: Fraction(-self.numerator, self.denominator)
    __abs__ = lambda self: Fraction(abs(self.numerator), self.denominator)
    __sub__ = lambda self, other: self + (-other)
    __rsub__ = lambda self, other: (-self) + other
    __rtruediv__ = lambda self, o: o / float(self) if isinstance(o, float) else fraction__(o) / self
    __mod__ = lambda self, other: self - (self // other) * other

    def __floordiv__(self, other):
        quotient = self / other
        return quotient.numerator // quotient.denominator

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
        if places is not None:
            return Fraction(round(self * 10 ** places), 10 ** places)
        whole, rest = divmod(self.numerator, self.denominator)
        up = rest * 2 > self.denominator or (rest * 2 == self.denominator and whole % 2)
        return whole + 1 if up else whole

    def __str__(self):
        return str(self.numerator) + ("" if self.denominator == 1 else "/" + str(self.denominator))

    def __repr__(self):
        return "Fraction(" + str(self.numerator) + ", " + str(self.denominator) + ")"

    def limit_denominator(self, largest=1000000):
        if self.denominator <= largest:
            return self
        p0, q0, p1, q1 = 0, 1, 1, 0
        n, d = self.numerator, self.denominator
        while q0 + n // d * q1 <= largest:
            a = n // d
            p0, q0, p1, q1 = p1, q1, p0 + a * p1, q0 + a * q1
            n, d = d, n - a * d
        k = (largest - q0) // q1
        lower, upper = Fraction(p0 + k * p1, q0 + k * q1), Fraction(p1, q1)
        return upper if abs(float(upper - self)) <= abs(float(lower - self)) else lower

def fraction__(value):
    return value if isinstance(value, Fraction) else Fraction(value)

class fractions__:
    Fraction = Fraction
    gcd = math__.gcd
"""

_STATISTICS = """
class statistics__:
    def mean(data):
        data = list(data)
        total = sum(data)
        whole = isinstance(total, int) and total % len(data) == 0
        return total // len(data) if whole else total / len(data)

    def median(data):
        data = sorted(data)
        middle = len(data) // 2
        return data[middle] if len(data) % 2 else (data[middle - 1] + data[middle]) / 2

    def multimode(data):
        data = list(data)
        most = max([data.count(value) for value in data])
        return [value for i, value in enumerate(data) if data.count(value) == most and value not in data[:i]]

    def variance(data, less=1):
        data = list(data)
        middle = sum(data) / len(data)
        return sum([(value - middle) ** 2 for value in data]) / (len(data) - less)

    fmean = lambda data: float(statistics__.mean(data))
    mode = lambda data: statistics__.multimode(data)[0]
    pvariance = lambda data: statistics__.variance(data, 0)
    stdev = lambda data: statistics__.variance(data) ** 0.5
    pstdev = lambda data: statistics__.variance(data, 0) ** 0.5
"""

_HEAPQ = """
import bisect as bisect__

class heapq__:
    heapify = lambda heap: heap.sort()
    heappush = lambda heap, item: bisect__.insort(heap, item)
    heappop = lambda heap: heap.pop(0)
    nlargest = lambda n, data: sorted(data, reverse=True)[:n]
    nsmallest = lambda n, data: sorted(data)[:n]
"""

_CALENDAR = """
import datetime as datetime__

class calendar__:
    def isleap(year):
        return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)

    def monthrange(year, month):
        days = [31, 29 if calendar__.isleap(year) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return datetime__.date(year, month, 1).weekday(), days[month - 1]

    weekday = lambda year, month, day: datetime__.date(year, month, day).weekday()
    leapdays = lambda first, last: sum([1 for year in range(first, last) if calendar__.isleap(year)])
    day_name = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
    month_name = (" January February March April May June July August September October"
        " November December").split(" ")
"""

_SYMPY = """
import math as math__

class sympy__:
    def isprime(n):
        return n > 1 and all(n % d for d in range(2, math__.isqrt(n) + 1))

    def factorint(n):
        found, d = {}, 2
        while d * d <= n:
            while n % d == 0:
                found[d] = found.get(d, 0) + 1
                n = n // d
            d = d + 1
        if n > 1:
            found[n] = found.get(n, 0) + 1
        return found

    def primerange(first, end=None):
        return [n for n in range(2 if end is None else first, end or first) if sympy__.isprime(n)]

    primefactors = lambda n: list(sympy__.factorint(n))
    divisors = lambda n: [d for d in range(1, n + 1) if n % d == 0]
    gcd = math__.gcd
    lcm = math__.lcm
    factorial = math__.factorial
    binomial = math__.comb
"""

_OPERATORS = (
    "+ add, - sub, * mul, / truediv, // floordiv, % mod, ** pow, ^ xor, & and_, | or_"
    ", == eq, != ne, < lt, <= le, > gt, >= ge"
)
_STRINGS = "ascii_letters ascii_lowercase ascii_uppercase digits hexdigits octdigits punctuation whitespace"


def _module(name: str, values: dict[str, str]) -> str:
    return f"class {name}__:\n" + "".join(f"    {one} = {value}\n" for one, value in values.items())


SOURCES: dict[str, str] = {
    "fractions": _FRACTIONS,
    "statistics": _STATISTICS,
    "string": _module("string", {name: repr(getattr(string, name)) for name in _STRINGS.split()}),
    "operator": _module(
        "operator",
        {name: f"lambda a, b: a {sign} b" for sign, name in map(str.split, _OPERATORS.split(","))}
        | {"neg": "lambda a: -a", "not_": "lambda a: not a"}
        | {"itemgetter": "lambda key: lambda value: value[key]"},
    ),
    "heapq": _HEAPQ,
    "calendar": _CALENDAR,
    "sympy": _SYMPY,  # its number theory; it solves nothing
}
