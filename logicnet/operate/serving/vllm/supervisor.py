"""Supervisor: starts a vLLM, watches it, stops it when it is stuck, cleans up, starts it again.

It logs one line for each event. When `run` returns or raises, the last process of vLLM's group has ended.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals
from typing import Any

from loguru import logger

from logicnet._util.backoff import Backoff
from logicnet.errors import LogicnetError, SettingsError
from logicnet.operate.serving.vllm.failures import last_error, recognise
from logicnet.operate.serving.vllm.health import (
    HealthPolicy,
    HealthVerdict,
    LivenessProber,
    Observation,
    ProbeOutcome,
    Prober,
)
from logicnet.operate.serving.vllm.launch import Launch
from logicnet.operate.serving.vllm.process import (
    Show,
    VllmProcess,
    exclusive,
    kill_recorded,
    record_group,
    show,
)
from logicnet.operate.serving.vllm.room import is_free, listener, shortages

_POLL_S = 0.5  # for the server to come up, a port or a GPU to become free
_PORT_S = 10.0  # a server that is just ending still has its port
_GPU_S = 30.0  # for the driver to take back the memory of a killed process


@dataclass(frozen=True, slots=True)
class ProbePolicy:
    """Seconds. A miner has 64 for an answer: a vLLM that is silent for half of that costs challenges."""

    every_s: float = 10.0  # between two probes
    probe_s: float = 10.0  # for one probe
    idle_s: float = 30.0  # of silence without other work
    loaded_s: float = 60.0  # of silence under load: long prompts are read without a token written
    start_s: float = 1800.0  # without output while it starts; downloads print
    stop_s: float = 20.0  # for a healthy vLLM to end by itself
    stuck_stop_s: float = 3.0  # for a stuck one
    first_s: float = 2.0  # before the first restart; then doubled ...
    longest_s: float = 300.0  # ... up to this
    well_s: float = 600.0  # of health, after which restarts are counted from 1 again


@dataclass(eq=False)
class Supervisor:
    """`environment` is vLLM's; `group_file` records its process group for the next supervisor.

    `again` makes the launch of a restart: another adapter may serve by then. `prober` judges what was
    started, and `name` stands for it in the log.
    """

    launch: Launch
    environment: Mapping[str, str]
    group_file: Path
    policy: ProbePolicy = ProbePolicy()
    nvml: Any | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    show: Show = show
    again: Callable[[], Launch] | None = None
    prober: Callable[..., Prober | LivenessProber] = Prober
    name: str = "vLLM"
    _up_s: float | None = field(default=None, init=False)  # since when the present vLLM answers

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set.

        Raises SettingsError if vLLM refuses to start for a permanent reason, LogicnetError if another
        supervisor or another server has its place.
        """
        with exclusive(self.group_file):
            await self._run(stop)

    @property
    def _environment(self) -> Mapping[str, str]:
        return {**self.environment, **self.launch.environment}

    async def _run(self, stop: asyncio.Event) -> None:
        logger.info(f"Starting {self.name}: {self.launch}")
        restarts = 0
        # Without jitter: this machine has one vLLM, so no other restarts in step with it.
        pauses = Backoff(self.policy.first_s, self.policy.longest_s, chance=lambda: 1.0)
        killed = await asyncio.to_thread(kill_recorded, self.group_file)
        if killed:
            numbers = ", ".join(map(str, killed))
            logger.warning(
                f"Killed orphans of an earlier {self.name}: process{'es' * (len(killed) > 1)} {numbers}"
            )
        cleaned_up = bool(killed)
        while not stop.is_set():
            await self._make_room(stop, cleaned_up=cleaned_up)
            if stop.is_set():
                break
            reason = await self._serve(stop)
            if reason is None:
                break
            well_s = self.clock() - self._up_s if self._up_s is not None else 0.0
            if well_s >= self.policy.well_s:
                restarts = 0
                pauses.reset()
            restarts += 1
            delay_s = pauses.next_s()
            logger.error(f"{reason.rstrip('.')}. Starting it again in {delay_s:.0f} s (restart {restarts})")
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), delay_s)
            cleaned_up = True
            if self.again is not None:
                with suppress(LogicnetError):  # settings that were broken meanwhile: as before
                    self.launch = await asyncio.to_thread(self.again)

    async def _make_room(self, stop: asyncio.Event, *, cleaned_up: bool) -> None:
        """Wait for the port, and for GPU memory if we have just killed a process that held some.

        Raises LogicnetError if another server has the port.
        """
        launch, end_s = self.launch, self.clock() + _PORT_S
        while not is_free(launch.host, launch.port) and not stop.is_set():
            if self.clock() >= end_s:
                other = await asyncio.to_thread(listener, launch.port) or "another program"
                raise LogicnetError(
                    f"{self.name}'s port {launch.port} is taken by {other}; stop it, or give another --port, "
                    "and the miner its address (--miner.llm_client.base_url)"
                )
            await self.sleep(_POLL_S)
        if self.nvml is None:
            return
        end_s = self.clock() + (_GPU_S if cleaned_up else 0.0)
        visible = self._environment.get("CUDA_VISIBLE_DEVICES")
        while short := shortages(self.nvml, launch.utilisation, launch.gpus, visible):
            if self.clock() >= end_s or stop.is_set():
                logger.warning(f"{'; '.join(map(str, short))}: {self.name} may refuse to start")
                return
            await self.sleep(_POLL_S)

    async def _serve(self, stop: asyncio.Event) -> str | None:
        """One vLLM from its start to its end. Returns why to restart it, or None after `stop`."""
        self._up_s = None
        server = await VllmProcess.start(
            self.launch.argv, self._environment, clock=self.clock, show=self.show
        )
        grace_s = self.policy.stuck_stop_s
        watching = asyncio.create_task(self._watch(server))
        ending = asyncio.create_task(server.wait())
        stopping = asyncio.create_task(stop.wait())
        try:
            self._record(server)
            await asyncio.wait({watching, ending, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if stopping.done():
                grace_s = self.policy.stop_s
                logger.info(f"Stopping {self.name}")
                return None
            if ending.done():
                await server.stop(0)
                return self._why_ended(server, ending.result())
            return watching.result()
        finally:
            for task in (watching, ending, stopping):
                task.cancel()
            await asyncio.gather(watching, ending, stopping, return_exceptions=True)
            await server.stop(grace_s)
            with suppress(OSError):
                self.group_file.unlink(missing_ok=True)

    def _record(self, server: VllmProcess) -> None:
        try:
            record_group(self.group_file, server.pid)
        except OSError as error:  # a full disk is no reason to serve nothing
            logger.warning(
                f"{self.group_file} cannot be written ({error.strerror}): if this supervisor is killed, the "
                "next one cannot find the processes that hold the GPU"
            )

    def _why_ended(self, server: VllmProcess, status: int) -> str:
        """Why vLLM ended by itself. Raises SettingsError if it refused to start and would again."""
        failure = recognise(server.output)
        cause = str(failure) if failure else f"Its last error: {last_error(server.output)}"
        ended = _status(status)
        if self._up_s is None:
            if failure is not None and failure.permanent:
                raise SettingsError(f"{self.name} refused to start: {cause}")
            return f"{self.name} did not start ({ended}): {cause}"
        # A running vLLM did start, so what it printed about a permanent failure is not why it ended.
        known = failure is not None and not failure.permanent
        return f"{self.name} ended by itself ({ended})" + (f": {cause}" if known else "")

    async def _watch(self, server: VllmProcess) -> str:
        """Until vLLM must be restarted; returns why."""
        policy = self.policy
        async with self.prober(self.launch.url, self.launch.key, clock=self.clock) as prober:
            begun_s = self.clock()
            while (seen := await prober.observe(policy.probe_s)).probe not in (
                ProbeOutcome.ANSWERED,
                ProbeOutcome.REFUSED,
            ):
                if self.clock() - server.last_output_s >= policy.start_s:
                    return f"{self.name} printed nothing for {policy.start_s / 60:.0f} min while starting"
                await self.sleep(_POLL_S)
            self._up_s = self.clock()
            self._log_up(server, prober, seen, self._up_s - begun_s)
            health = HealthPolicy(self._up_s, idle_s=policy.idle_s, loaded_s=policy.loaded_s)
            before = health.observe(seen)
            while True:
                await self.sleep(policy.every_s)
                seen = await prober.observe(policy.probe_s)
                verdict = health.observe(seen)
                silent_s = health.silent_s(seen.at_s)
                load = f"with {seen.running:.0f} requests running and {seen.waiting:.0f} waiting"
                load = load if seen.tokens is not None else "its load unknown"
                if verdict is HealthVerdict.DEAD:
                    return f"{self.name}'s engine is dead: the server still listens, and every request fails"
                if verdict is HealthVerdict.STUCK:
                    return f"{self.name} is stuck: no {prober.sign} for {silent_s:.0f} s, {load}"
                if verdict is HealthVerdict.WELL and before is HealthVerdict.SILENT:
                    logger.info(f"{self.name} answers again")
                if verdict is not before and verdict is HealthVerdict.SILENT:
                    logger.warning(f"{self.name} is silent: no {prober.sign} for {silent_s:.0f} s, {load}")
                if verdict is not before and (verdict, seen.probe) == (HealthVerdict.BUSY, ProbeOutcome.LATE):
                    logger.info(
                        f"{self.name} is busy, not stuck: a probe waits, its token counter moves, {load}"
                    )
                before = verdict

    def _log_up(
        self, server: VllmProcess, prober: Prober | LivenessProber, seen: Observation, took_s: float
    ) -> None:
        tokens, planned = server.kv_tokens, self.launch.planned_tokens
        cache = f"; KV cache {tokens:,} tokens" if tokens else ""
        cache += f" ({planned:,} planned)" if tokens and planned else ""
        logger.info(
            f"{self.name} is up after {took_s:.0f} s at {self.launch.url}/v1, "
            f"serving {prober.model or 'a model'}{cache}"
        )
        if seen.probe is ProbeOutcome.REFUSED:
            logger.warning(
                f"{self.name} refuses our probes: set VLLM_API_KEY to the key that it asks for. Until then "
                "only its counters under load show whether it is stuck"
            )


def _status(status: int) -> str:
    if status >= 0:
        return f"status {status}"
    try:
        return f"ended by {Signals(-status).name}"
    except ValueError:
        return f"ended by signal {-status}"
