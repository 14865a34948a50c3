"""The other side of `bounded`: runs one named function at a time, one JSON object a line.

    <- {"function": "module:name", "arguments": {...}, "timeout_s": 0.8}
    -> {"result": ...}  or  {"error": "one line"}

Only modules named on the command line are called, so that a line cannot call any other code.
"""

import importlib
import json
import os
import resource
import signal
import sys
from typing import Any


class _TooLong(BaseException):
    """Not an Exception, so that a library which swallows those cannot swallow this."""


def _alarm(_number: int, _frame: object) -> None:
    raise _TooLong


def main(memory_bytes: int, modules: list[str]) -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    signal.signal(signal.SIGALRM, _alarm)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the one who started us
    loaded = {name: importlib.import_module(name) for name in modules}
    print(json.dumps({"result": "ready"}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        module, _, name = request["function"].partition(":")
        print(json.dumps(_outcome(loaded.get(module), name, request)), file=answers, flush=True)


def _outcome(module: Any, name: str, request: dict[str, Any]) -> dict[str, Any]:
    signal.setitimer(signal.ITIMER_REAL, request["timeout_s"])
    try:
        return {"result": getattr(module, name)(**request["arguments"])}
    except _TooLong:
        return {"error": f"took longer than {request['timeout_s']:g} s"}
    except RecursionError:
        return {"error": "nested too deep"}
    except MemoryError:
        return {"error": "took too much memory"}
    except Exception as error:  # whatever a library raises on what strangers wrote
        return {"error": f"failed ({type(error).__name__})"}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
