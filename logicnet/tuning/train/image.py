"""Train a LoRA for Stable Diffusion, SDXL or Flux by diffusers and PEFT.

Pictures and, unless text encoders are trained, captions are encoded once. What is random in a step comes from
the seed and the step's number, so a resumed training goes on as if it had not been killed.
"""

import hashlib
import json
import math
import shutil
import time
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import Adafactor, get_scheduler

from logicnet.tuning.train import device
from logicnet.tuning.train.diffusion import Diffusion, EncodedPicture, load_pipeline
from logicnet.tuning.train.jobfile import JobFile, TrainResult, hash_of
from logicnet.tuning.train.running import RANK, Ended, Events, Stop, need_disk, reading, saving, write_renamed

LEVELS = 4
"""Of noise, at which each held-out picture's loss is measured: the same ones each time."""

MOST_NORM = 1.0
"""Of the gradient, as diffusers' own scripts clip it."""

SAME_LOSS = {torch.float32: 1e-5, torch.bfloat16: 1e-3}
"""How far, relatively, the held-out loss of the adapter loaded again may be from the measured one."""

MARKS = ("step", "evaluated", "best_step", "without_gain", "first_loss", "best_loss", "mark", "best")
"""What a checkpoint keeps beside weights."""

MARGIN = 1.2
"""Saving and evaluating are given this much more time than they ever took."""


def train(job: JobFile, folder: Path, events: Events, stop: Stop, started: float) -> TrainResult | None:
    """Train the images of a job. `started`: of time.monotonic. Raises Ended."""
    if job.image is None or job.lora is None or job.lora.quantised:
        raise Ended(
            "failed", "images are trained by a LoRA that is not quantised: job.json needs image and lora"
        )
    if RANK != 0:
        raise Ended("failed", f"images are trained on one GPU, not {job.gpus}: set gpus to 1")
    if job.report_to:
        events("warning", message=f"a job of images reports to no other service: {', '.join(job.report_to)}")
    if job.threads is not None:
        torch.set_num_threads(job.threads)
    return _Training(job, folder, events, stop, started).run()


class _Training:
    def __init__(self, job: JobFile, folder: Path, events: Events, stop: Stop, started: float) -> None:
        assert job.image is not None
        self._job, self._folder, self._events, self._stop = job, folder, events, stop
        self._started = started
        self._where = where = device.choose_device(job.device)
        self._dtype = dtype = device.choose_dtype(where) if where == "cuda" else torch.float32
        self._base = folder / job.base
        self._model = Diffusion(job, load_pipeline(job, self._base, dtype), where)
        self._model.check_resolution()
        with reading():
            self._train = self._pictures(job.train)
            self._validation = self._pictures(job.validation)
        self._model.drop_unused()
        torch.manual_seed(job.seed)  # the matrices begin with random numbers
        self._model.add_lora()
        if job.adapter_from is not None:
            self._model.load_saved(folder / job.adapter_from)
        how = job.optimisation
        self._size = min(how.batch * how.accumulate, len(self._train) * job.image.repeats)
        self._epoch = math.ceil(len(self._train) * job.image.repeats / self._size)
        steps = max(1, math.ceil(self._epoch * how.epochs))
        self._steps = min(steps, how.max_steps or steps)
        self._every = max(1, min(self._steps // max(1, job.stopping.evaluations), self._epoch))
        self._optimiser = self._make_optimiser()
        self._schedule = get_scheduler(
            how.schedule, self._optimiser, round(how.warmup * self._steps), self._steps
        )
        self._slowest_s = 0.0
        self.step = self.best_step = self.without_gain = 0
        self.evaluated = -1
        self.first_loss = self.best_loss = self.mark = math.inf
        self.best: dict[str, dict[str, torch.Tensor]] = {}

    def _pictures(self, name: str) -> list[EncodedPicture]:
        """The rows of a file, encoded."""
        path = self._folder / name
        found = []
        for number, line in enumerate(path.read_text().splitlines(), 1):
            self._stop.check()
            place = f"{path.name}, line {number}"
            try:
                row = json.loads(line)
                file, caption = path.parent / row["image"], row["caption"]
            except (ValueError, KeyError, TypeError) as error:
                raise Ended("failed", f"{place} is no row of task image: {error!r}") from error
            if not isinstance(caption, str) or not caption.strip():
                raise Ended(
                    "failed", f"{place}: {row['image']} has no caption: write one, or remove the picture"
                )
            found.append(self._model.picture(f"{place}: {row['image']}", file, caption))
        if not found:
            raise Ended("failed", f"{path.name} has no row to use")
        if not self._model.encoders:
            with torch.no_grad():
                for one in found:
                    one.condition = {
                        key: value[0] for key, value in self._model.encode([one.caption]).items()
                    }
        return found

    def _make_optimiser(self) -> torch.optim.Optimizer:
        how, image = self._job.optimisation, self._job.image
        assert image is not None
        groups = [{"params": self._model.parameters([self._model.denoiser]), "lr": how.lr}]
        if self._model.encoders:
            groups.append(
                {"params": self._model.parameters(list(self._model.encoders.values())), "lr": image.text_lr}
            )
        if how.optimiser.startswith("adamw"):
            return torch.optim.AdamW(groups, weight_decay=how.weight_decay)
        if how.optimiser == "adafactor":
            return Adafactor(
                groups, weight_decay=how.weight_decay, scale_parameter=False, relative_step=False
            )
        raise Ended(
            "failed", f"optimiser {how.optimiser} is not known for images: use adamw_torch or adafactor"
        )

    # ---- the loop

    def run(self) -> TrainResult:
        checkpoint = self._resume()
        self._events(
            "started",
            device=self._where,
            dtype=str(self._dtype).removeprefix("torch."),
            threads=torch.get_num_threads(),
            steps=self._steps,
            resumed_from=checkpoint,
        )
        if self._is_due() and self.evaluated < self.step:  # also one that was stopped before it
            self._evaluate()
            self._save_checkpoint()
        reason = "done"
        while self.step < self._steps:
            self._one_step()
            late = self._is_late()
            if self._stop.asked:
                self._save_checkpoint()
                self._stop.check()
            if late or self._is_due():
                self._evaluate()
                self._save_checkpoint()
            if late and self.step < self._steps:
                reason = "time"
                break
            if self.without_gain >= self._job.stopping.patience and self.step < self._steps:
                reason = "patience"
                break
        return self._finish(reason)

    def _is_due(self) -> bool:
        return self.step % self._every == 0 or self.step == self._steps

    def _is_late(self) -> bool:
        limit = self._job.stopping.seconds
        return limit is not None and time.monotonic() - self._started + self._slowest_s > limit

    def _chosen(self) -> list[EncodedPicture]:
        """The pictures of the next step: each epoch has an order of its own."""
        assert self._job.image is not None
        epoch, place = divmod(self.step, self._epoch)
        order = torch.randperm(
            len(self._train) * self._job.image.repeats, generator=self._luck(epoch, "order")
        ).tolist()
        return [
            self._train[n % len(self._train)] for n in order[place * self._size : (place + 1) * self._size]
        ]

    def _luck(self, number: int, what: str) -> torch.Generator:
        seed = hashlib.sha256(f"{self._job.seed} {what} {number}".encode()).digest()[:7]
        return torch.Generator().manual_seed(int.from_bytes(seed))

    def _one_step(self) -> None:
        begun = time.monotonic()
        pictures, luck = self._chosen(), self._luck(self.step, "step")
        torch.manual_seed(luck.initial_seed())  # dropout
        shape = (2, len(pictures), *pictures[0].latents.shape)
        noise, at = (
            torch.randn(shape, generator=luck),
            torch.rand(len(pictures), generator=luck).clamp(1e-4, 1 - 1e-4),
        )
        for model in self._model.trained.values():
            model.train()
        total, batch = 0.0, self._job.optimisation.batch
        for start in range(0, len(pictures), batch):
            part = slice(start, start + batch)
            losses, weights = self._model.losses(pictures[part], noise[:, part], at[part])
            for picture, loss in zip(pictures[part], losses.tolist(), strict=True):
                if not math.isfinite(loss):
                    raise Ended(
                        "non_finite", f"the loss is {loss} at step {self.step + 1}, in {picture.name}"
                    )
            share = (losses * weights).sum() / len(pictures)
            share.backward()
            total += float(share.detach())
        trained = self._model.parameters(list(self._model.trained.values()))
        norm = float(torch.nn.utils.clip_grad_norm_(trained, MOST_NORM))
        if not math.isfinite(norm):
            raise Ended("non_finite", f"the gradient is {norm} at step {self.step + 1}: lower lr")
        rate = self._schedule.get_last_lr()[0]
        self._optimiser.step()
        self._schedule.step()
        self._optimiser.zero_grad()
        self.step += 1
        self._events(
            "step",
            step=self.step,
            epoch=self.step / self._epoch,
            loss=total,
            lr=rate,
            grad_norm=norm,
            seconds=time.monotonic() - begun,
            tokens=0,
            **device.load(self._where),
        )

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def _held_out_loss(self) -> float:
        """Mean over the held-out pictures, by the same noise each time."""
        for model in self._model.trained.values():
            model.eval()
        at = (torch.arange(LEVELS) + 0.5) / LEVELS
        found = []
        for number, picture in enumerate(self._validation):
            self._stop.check()
            noise = torch.randn((2, LEVELS, *picture.latents.shape), generator=self._luck(number, "held out"))
            for level in range(LEVELS):
                part = slice(level, level + 1)
                found.append(float(self._model.losses([picture], noise[:, part], at[part])[0]))
        return math.fsum(found) / len(found)

    def _evaluate(self) -> None:
        begun = time.monotonic()
        loss = self._held_out_loss()
        if not math.isfinite(loss):
            raise Ended("non_finite", f"the held-out loss is {loss} at step {self.step}: lower lr")
        self.evaluated = self.step
        best = self.step > 0 and loss < self.best_loss
        if self.step == 0:
            self.first_loss = self.mark = loss
        elif loss < self.mark - self._job.stopping.min_delta:
            self.mark, self.without_gain = loss, 0
        else:
            self.without_gain += 1
        if best:
            self.best_step, self.best_loss = self.step, loss
            self.best = {
                name: {key: value.detach().cpu().clone() for key, value in state.items()}
                for name, state in self._model.state().items()
            }
        self._events("eval", step=self.step, loss=loss, perplexity=None, best=best)
        self._slowest_s = max(self._slowest_s, MARGIN * 3 * (time.monotonic() - begun))

    # ---- files

    def _save_checkpoint(self) -> None:
        begun = time.monotonic()
        root = self._folder / "checkpoints"
        part, whole = root / ".part", root / f"checkpoint-{self.step}"
        shutil.rmtree(part, ignore_errors=True)
        kept = {
            **{name: getattr(self, name) for name in MARKS},
            "state": self._model.state(),
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
        }
        need_disk(
            self._folder,
            2e6 + 5 * sum(one.nbytes for each in self._model.state().values() for one in each.values()),
        )
        with saving(root):
            part.mkdir(parents=True)
            torch.save(kept, part / "state.pt")
            write_renamed(whole, part)
        for other in root.glob("checkpoint-*"):
            if other != whole:
                shutil.rmtree(other)
        self._events("checkpoint", step=self.step, path=str(whole.relative_to(self._folder)))
        self._slowest_s = max(self._slowest_s, MARGIN * 3 * (time.monotonic() - begun))

    def _resume(self) -> int | None:
        """The step of the last checkpoint, which is loaded; null without one."""
        found = list((self._folder / "checkpoints").glob("checkpoint-*"))
        if not found:
            return None
        last = max(found, key=lambda path: int(path.name.rpartition("-")[2]))
        kept = torch.load(last / "state.pt", map_location=self._where, weights_only=True)
        self._model.load(kept["state"])
        self._optimiser.load_state_dict(kept["optimiser"])
        self._schedule.load_state_dict(kept["schedule"])
        for name in MARKS:
            setattr(self, name, kept[name])
        return self.step

    def _finish(self, reason: str) -> TrainResult:
        """Save the best weights, load them into a new pipeline, compare the loss with what was measured."""
        made = self._folder / "adapter"
        part = made.with_name(".adapter.part")
        shutil.rmtree(part, ignore_errors=True)
        with saving(self._folder):
            self._model.save(part, self.best)
            write_renamed(made, part)
        del self._model, self._optimiser, self._schedule
        self._model = Diffusion(self._job, load_pipeline(self._job, self._base, self._dtype), self._where)
        self._model.load_result(made)
        self._model.drop_unused()
        found = self._held_out_loss()
        if not abs(found - self.best_loss) <= SAME_LOSS[self._dtype] * self.best_loss:
            raise Ended(
                "failed",
                f"{made}, loaded again, has loss {found:.5f}, in training it was {self.best_loss:.5f}",
            )
        return TrainResult(
            reason=reason,
            best_step=self.best_step,
            first_loss=self.first_loss,
            best_loss=self.best_loss,
            perplexity=None,
            steps=self.step,
            rows={"trained": len(self._train), "validation": len(self._validation), **self._job.dropped},
            seconds=time.monotonic() - self._started,
            peak_memory_bytes=device.peak_memory(self._where),
            adapter=made.name,
            hashes={
                "base": hash_of(self._base),
                "train": hash_of(self._folder / self._job.train),
                "validation": hash_of(self._folder / self._job.validation),
                "adapter": hash_of(made),
            },
            versions={name: version(name) for name in ("torch", "diffusers", "transformers", "peft")},
        )
