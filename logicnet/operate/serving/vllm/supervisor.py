"""Guardian: starts a vLLM, watches it, ends it when it is stuck, clears up after it, starts it again.

One line for each thing that happens. Whatever ends it, nothing of vLLM is left: `run` returns, or raises,
after the last process of its group.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Any

from loguru import logger

from logicnet._util.backoff import Backoff
from logicnet.errors import LogicnetError, SettingsError
from logicnet.operate.serving.vllm import gpu_memory as cards
from logicnet.operate.serving.vllm import orphans as leftovers
from logicnet.operate.serving.vllm import port
from logicnet.operate.serving.vllm.failures import last_words, recognise
from logicnet.operate.serving.vllm.health import HealthVerdict, Judgement, Look, ProbeOutcome
from logicnet.operate.serving.vllm.launch import Launch
from logicnet.operate.serving.vllm.probe import Prober
from logicnet.operate.serving.vllm.process import Show, VllmProcess, show

_POLL_S = 0.5  # for the server to come up, a port or a card to become free
_PORT_S = 10.0  # a server that is just ending still has its port
_CARDS_S = 30.0  # for the driver to take back the memory of a process that was ended


@dataclass(frozen=True, slots=True)
class ProbePolicy:
    """Seconds. A miner has 64 for an answer: a vLLM that is silent for half of that costs challenges."""

    every_s: float = 10.0  # between two probes
    probe_s: float = 10.0  # for one of them
    idle_s: float = 30.0  # of silence with nothing else to do
    loaded_s: float = 60.0  # of silence under load: long prompts are read without a token written
    start_s: float = 1800.0  # without a word while it starts; downloads print
    stop_s: float = 20.0  # for a vLLM that is well to end by itself
    stuck_stop_s: float = 3.0  # for one that is not
    first_s: float = 2.0  # before the first restart; then doubled ...
    longest_s: float = 300.0  # ... up to this
    well_s: float = 600.0  # of being well, after which restarts are counted anew


class Guardian:
    """`environment` is vLLM's; `note` is where its process group is noted for whoever comes after us."""

    def __init__(
        self,
        launch: Launch,
        environment: Mapping[str, str],
        note: Path,
        *,
        patience: ProbePolicy | None = None,
        nvml: Any | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        show: Show = show,
    ) -> None:
        self._launch = launch
        self._environment = {**environment, **launch.environment}
        self._note = note
        self._patience = patience or ProbePolicy()
        self._nvml = nvml
        self._clock = clock
        self._sleep = sleep
        self._show = show
        self._up_s: float | None = None  # since when the present vLLM answers

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set.

        Raises SettingsError if vLLM refuses to start for what no retry mends, LogicnetError if another
        guardian or another server has its place.
        """
        with leftovers.alone(self._note):
            await self._run(stop)

    async def _run(self, stop: asyncio.Event) -> None:
        logger.info(f"Starting vLLM: {self._launch}")
        restarts = 0
        # Without jitter: this machine has one vLLM, so no other restarts in step with it.
        pauses = Backoff(self._patience.first_s, self._patience.longest_s, chance=lambda: 1.0)
        ended = await asyncio.to_thread(leftovers.end_left_over, self._note)
        if ended:
            logger.warning(f"Ended {_processes(ended)}, left over from an earlier vLLM")
        cleared = bool(ended)
        while not stop.is_set():
            await self._make_room(stop, cleared=cleared)
            if stop.is_set():
                break
            reason = await self._live(stop)
            if reason is None:
                break
            well_s = self._clock() - self._up_s if self._up_s is not None else 0.0
            if well_s >= self._patience.well_s:
                restarts = 0
                pauses.reset()
            restarts += 1
            delay_s = pauses.next_s()
            logger.error(f"{reason.rstrip('.')}. Starting it again in {delay_s:.0f} s (restart {restarts})")
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), delay_s)
            cleared = True

    async def _make_room(self, stop: asyncio.Event, *, cleared: bool) -> None:
        """Wait for port and memory; for memory only where we have just cleared something of it.

        Raises LogicnetError if another server has the port.
        """
        launch, end_s = self._launch, self._clock() + _PORT_S
        while not port.is_free(launch.host, launch.port) and not stop.is_set():
            if self._clock() >= end_s:
                who = await asyncio.to_thread(port.holder, launch.port) or "another program"
                raise LogicnetError(
                    f"port {launch.port}, where vLLM is to listen, is taken by {who}; end it, or give "
                    "another --port, and the miner its address (--miner.llm_client.base_url)"
                )
            await self._sleep(_POLL_S)
        if self._nvml is None:
            return
        end_s = self._clock() + (_CARDS_S if cleared else 0.0)
        visible = self._environment.get("CUDA_VISIBLE_DEVICES")
        while short := cards.short(self._nvml, launch.utilisation, launch.cards, visible):
            if self._clock() >= end_s or stop.is_set():
                logger.warning(f"{'; '.join(map(str, short))}: vLLM may refuse to start")
                return
            await self._sleep(_POLL_S)

    async def _live(self, stop: asyncio.Event) -> str | None:
        """One vLLM from its start to its end. Returns why it is to be started again; None if told to stop."""
        self._up_s = None
        server = await VllmProcess.start(
            self._launch.argv, self._environment, clock=self._clock, show=self._show
        )
        grace_s = self._patience.stuck_stop_s
        watching = asyncio.create_task(self._watch(server))
        ending = asyncio.create_task(server.wait())
        stopping = asyncio.create_task(stop.wait())
        try:
            self._take_note(server)
            await asyncio.wait({watching, ending, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if stopping.done():
                grace_s = self._patience.stop_s
                logger.info("Ending vLLM")
                return None
            if ending.done():
                await server.stop(0)
                return self._why(server, ending.result())
            return watching.result()
        finally:
            for task in (watching, ending, stopping):
                task.cancel()
            await asyncio.gather(watching, ending, stopping, return_exceptions=True)
            await server.stop(grace_s)
            with suppress(OSError):
                self._note.unlink(missing_ok=True)

    def _take_note(self, server: VllmProcess) -> None:
        try:
            leftovers.write_note(self._note, server.pid)
        except OSError as error:  # a full disk is no reason to serve nothing
            logger.warning(
                f"{self._note} cannot be written ({error.strerror}): if this guardian is killed, what it "
                "leaves on the GPU is not found by the next one"
            )

    def _why(self, server: VllmProcess, status: int) -> str:
        """Why it ended by itself; SettingsError if it refused to start and would again."""
        failure = recognise(server.output)
        said = str(failure) if failure else f"Its last words: {last_words(server.output)}"
        if self._up_s is not None:
            if failure is None or failure.lasting:
                return f"vLLM ended by itself ({_status(status)})"
            return f"vLLM ended by itself ({_status(status)}): {said}"
        if failure is not None and failure.lasting:
            raise SettingsError(f"vLLM refused to start: {said}")
        return f"vLLM did not start ({_status(status)}): {said}"

    async def _watch(self, server: VllmProcess) -> str:
        """Until something is wrong; returns what."""
        patience = self._patience
        async with Prober(self._launch.url, self._launch.key, clock=self._clock) as prober:
            begun_s = self._clock()
            while (look := await prober.look(patience.probe_s)).probe not in (
                ProbeOutcome.ANSWERED,
                ProbeOutcome.REFUSED,
            ):
                if self._clock() - server.heard_s >= patience.start_s:
                    return f"vLLM has said nothing for {patience.start_s / 60:.0f} min while starting"
                await self._sleep(_POLL_S)
            self._up_s = self._clock()
            self._tell_up(server, prober, look, self._up_s - begun_s)
            judgement = Judgement(self._up_s, idle_s=patience.idle_s, loaded_s=patience.loaded_s)
            before = judgement.hear(look)
            while True:
                await self._sleep(patience.every_s)
                look = await prober.look(patience.probe_s)
                verdict = judgement.hear(look)
                silent_s = judgement.silent_s(look.at_s)
                load = f"with {look.running:.0f} texts running and {look.waiting:.0f} waiting"
                if verdict is HealthVerdict.DEAD:
                    return "vLLM's engine is dead: the server still listens, and every request fails"
                if verdict is HealthVerdict.STUCK:
                    return f"vLLM is stuck: it has written nothing for {silent_s:.0f} s, {load}"
                if (
                    verdict is HealthVerdict.BUSY
                    and before is not HealthVerdict.BUSY
                    and look.probe is ProbeOutcome.LATE
                ):
                    logger.info(
                        f"vLLM is busy, not stuck: a probe waits, but its tokens are counted up, {load}"
                    )
                if verdict is HealthVerdict.SILENT and before is not HealthVerdict.SILENT:
                    logger.warning(f"vLLM is silent: no token for {silent_s:.0f} s, {load}")
                if verdict is HealthVerdict.WELL and before is HealthVerdict.SILENT:
                    logger.info("vLLM answers again")
                before = verdict

    def _tell_up(self, server: VllmProcess, prober: Prober, look: Look, took_s: float) -> None:
        tokens, planned = server.kv_tokens, self._launch.planned_tokens
        cache = f"; KV cache {tokens:,} tokens" if tokens else ""
        cache += f" ({planned:,} planned)" if tokens and planned else ""
        logger.info(
            f"vLLM is up after {took_s:.0f} s at {self._launch.url}/v1, "
            f"serving {prober.model or 'a model'}{cache}"
        )
        if look.probe is ProbeOutcome.REFUSED:
            logger.warning(
                "vLLM turns our probes away: put the key that it asks for into VLLM_API_KEY. Until then "
                "only its counters under load tell whether it is stuck"
            )


def _status(status: int) -> str:
    if status >= 0:
        return f"status {status}"
    try:
        return f"ended by {Signals(-status).name}"
    except ValueError:
        return f"ended by signal {-status}"


def _processes(pids: object) -> str:
    numbers = [str(pid) for pid in pids]  # type: ignore[attr-defined]
    return f"process {numbers[0]}" if len(numbers) == 1 else f"processes {', '.join(numbers)}"
