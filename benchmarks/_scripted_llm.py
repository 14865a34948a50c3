"""The tests' scripted model server as a process of its own, that can be killed and stopped.

    python benchmarks/_scripted_llm.py PORT WORDS_PER_S WORDS

Every call is answered with as many words, so many a second, however many calls there are. What has been
written already, it does not write again.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.harness.scripted_model import Json, ScriptedModel


async def serve(port: int, words_per_s: float, words: int) -> None:
    steps = "Nine of the seventeen do not run away, so they are there still. "
    whole = [*(steps * words).split()[: words - 4], "The", "answer", "is", "9."]

    def text(body: Json) -> str:
        last = body["messages"][-1]
        return " ".join(whole[len(last["content"].split()) :] if last["role"] == "assistant" else whole)

    async with ScriptedModel(port=port, pause_s=1 / words_per_s, text=text, context=8192):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
