"""Stable Diffusion, SDXL and Flux as a trainer sees them: pictures and captions in, their losses out."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.training_utils import cast_training_params, compute_snr
from peft import LoraConfig, inject_adapter_in_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from PIL import Image, ImageOps
from safetensors.torch import load_file

from logicnet.tuning.train.jobfile import JobFile, Lora
from logicnet.tuning.train.running import Ended

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2")
FLUX = (*ATTENTION, "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out", "proj_mlp", "proj_out")
ENCODER = ("q_proj", "k_proj", "v_proj", "out_proj")
"""CLIP's."""

WEIGHTS = "pytorch_lora_weights.safetensors"  # diffusers' name


@dataclass(frozen=True)
class Family:
    """How diffusers calls the parts of a kind of model."""

    pipeline: str
    denoiser: str
    targets: tuple[str, ...]
    encoders: tuple[str, ...]  # which can be trained; not Flux's T5
    unused: tuple[str, ...]  # parts that training does without


FAMILIES = {
    "sd": Family("StableDiffusionPipeline", "unet", ATTENTION, ("text_encoder",), ("safety_checker",)),
    "sdxl": Family("StableDiffusionXLPipeline", "unet", ATTENTION, ("text_encoder", "text_encoder_2"), ()),
    "flux": Family("FluxPipeline", "transformer", FLUX, ("text_encoder",), ()),
}

Tensors = dict[str, torch.Tensor]


@dataclass
class EncodedPicture:
    """One row, encoded. Tensors have no batch dimension."""

    name: str  # for messages: file, line and path
    caption: str
    latents: torch.Tensor  # mean of the VAE's distribution, scaled; of Flux in 2 x 2 patches
    spread: torch.Tensor  # its standard deviation
    sizes: tuple[int, ...]  # SDXL: height and width before and after, corner of the crop
    condition: Tensors


def load_pipeline(job: JobFile, base: Path, dtype: torch.dtype) -> Any:
    """The family's pipeline from safetensors: no pickle, no code of the folder. Raises Ended."""
    assert job.image is not None
    family = FAMILIES[job.image.family]
    try:
        found = json.loads((base / "model_index.json").read_text())["_class_name"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Ended(
            "failed", f"{base} is no model of diffusers, its model_index.json cannot be read: {error!r}"
        ) from None
    if found != family.pipeline:
        kinds = {one.pipeline: name for name, one in FAMILIES.items()}
        wanted = f"set image_family {kinds[found]}" if found in kinds else f"use one of {', '.join(FAMILIES)}"
        raise Ended("failed", f"{job.base_name} is a {found}, not of family {job.image.family}: {wanted}")
    denoiser = base / family.denoiser
    halves = any(denoiser.glob("*.fp16.safetensors")) and not any(denoiser.glob("*model.safetensors*"))
    try:
        pipe = getattr(diffusers, family.pipeline).from_pretrained(
            base,
            torch_dtype=dtype,
            variant="fp16" if halves else None,
            use_safetensors=True,
            local_files_only=True,
            **dict.fromkeys(family.unused),
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise Ended("failed", f"{base} cannot be loaded: {' '.join(str(error).split())[:300]}") from error
    pipe.set_progress_bar_config(disable=True)
    return pipe


class Diffusion:
    """A pipeline with a LoRA that is trained."""

    def __init__(self, job: JobFile, pipe: Any, where: str) -> None:
        assert job.image is not None and job.lora is not None
        self._image, self._lora, self.where = job.image, job.lora, where
        self.family = FAMILIES[job.image.family]
        self.pipe = pipe.to(where)
        self.pipe.vae.to(torch.float32)  # SDXL's gives NaN in half precision
        self.denoiser = getattr(pipe, self.family.denoiser)
        self.encoders = {
            name: getattr(pipe, name) for name in self.family.encoders if job.image.text_lr is not None
        }
        self.flow = job.image.family == "flux"
        if not self.flow:
            self._schedule = diffusers.DDPMScheduler.from_config(pipe.scheduler.config)

    def check_resolution(self) -> None:
        """Raises Ended."""
        step = self.pipe.vae_scale_factor * (
            2 if self.flow else 2 ** (len(self.denoiser.config.block_out_channels) - 1)
        )
        if self._image.resolution % step:
            raise Ended(
                "failed", f"resolution {self._image.resolution} is no multiple of {step}, as this model needs"
            )

    # ---- weights

    @property
    def trained(self) -> dict[str, Any]:
        """Models with a LoRA, by the pipeline's names."""
        return {self.family.denoiser: self.denoiser, **self.encoders}

    def add_lora(self) -> None:
        """Freeze everything, and add matrices that are trained, in float32."""
        for part in self.pipe.components.values():
            if isinstance(part, torch.nn.Module):
                part.requires_grad_(False)
        for name, model in self.trained.items():
            targets: str | tuple[str, ...] = ENCODER if name in self.encoders else self.family.targets
            if name == self.family.denoiser and self._lora.targets != Lora.targets:
                targets = self._lora.targets
            inject_adapter_in_model(self._config(targets, self._lora.alpha), model)
            cast_training_params(model)

    def _config(self, targets: str | tuple[str, ...], alpha: int) -> LoraConfig:
        return LoraConfig(
            r=self._lora.r,
            lora_alpha=alpha,
            lora_dropout=self._lora.dropout,
            target_modules=targets if isinstance(targets, str) else list(targets),
            init_lora_weights="gaussian",
        )

    def load_result(self, folder: Path) -> None:
        """Load what `save` wrote as a program would that makes pictures with it."""
        found = load_file(folder / WEIGHTS)
        mine = f"{self.family.denoiser}."
        self.pipe.load_lora_weights({key: value for key, value in found.items() if key.startswith(mine)})
        # diffusers loads an encoder's by transformers, which asks for a PEFT that is not released yet (0.22).
        for name, model in self.encoders.items():
            inject_adapter_in_model(self._config(ENCODER, self._lora.r), model)
            state = {
                key.partition(".")[2]: value for key, value in found.items() if key.startswith(f"{name}.")
            }
            set_peft_model_state_dict(model, state)

    def parameters(self, models: Sequence[Any]) -> list[torch.nn.Parameter]:
        return [one for model in models for one in model.parameters() if one.requires_grad]

    def state(self) -> dict[str, Tensors]:
        """What is trained, by model, as it is in memory."""
        return {name: get_peft_model_state_dict(model) for name, model in self.trained.items()}

    def save(self, folder: Path, state: dict[str, Tensors]) -> None:
        """As `load_lora_weights` reads it, with the scale folded into B."""
        scale = self._lora.alpha / self._lora.r
        folded = {
            f"{name}_lora_layers": {
                key: (value * scale if ".lora_B." in key else value).contiguous()
                for key, value in tensors.items()
            }
            for name, tensors in state.items()
        }
        type(self.pipe).save_lora_weights(folder, **folded)

    def load(self, state: dict[str, Tensors]) -> None:
        for name, model in self.trained.items():
            set_peft_model_state_dict(model, state[name])

    def load_saved(self, folder: Path) -> None:
        """Go on from what `save` wrote. Raises Ended if it does not fit."""
        scale = self._lora.r / self._lora.alpha
        try:
            found = load_file(folder / WEIGHTS)
            state: dict[str, Tensors] = {name: {} for name in self.trained}
            for key, value in found.items():
                name, _, inner = key.partition(".")
                state[name][inner] = value * scale if ".lora_B." in inner else value
            for name, tensors in self.state().items():
                if {k: v.shape for k, v in tensors.items()} != {k: v.shape for k, v in state[name].items()}:
                    raise ValueError(f"{name} has other matrices; r is {self._lora.r} here")
        except Exception as error:  # safetensors has no common error
            raise Ended("failed", f"adapter_from {folder} does not fit: {error!r}"[:300]) from error
        self.load(state)

    # ---- rows

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def picture(self, name: str, path: Path, caption: str) -> EncodedPicture:
        """Raises Ended for a picture that cannot be read, or whose latents are not finite."""
        size = self._image.resolution
        try:
            with Image.open(path) as opened:
                whole = ImageOps.exif_transpose(opened).convert("RGB")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise Ended("failed", f"{name} cannot be read ({error}): replace or remove it") from error
        fitted = ImageOps.fit(whole, (size, size), Image.Resampling.LANCZOS)
        share = size / min(whole.size)
        corner = (round((whole.height * share - size) / 2), round((whole.width * share - size) / 2))
        pixels = self.pipe.image_processor.preprocess(fitted).to(self.where, torch.float32)
        found = self.pipe.vae.encode(pixels).latent_dist
        scale = self.pipe.vae.config.scaling_factor
        latents = (found.mean - (getattr(self.pipe.vae.config, "shift_factor", None) or 0.0)) * scale
        spread = found.std * scale
        if not (latents.isfinite().all() and spread.isfinite().all()):
            raise Ended("non_finite", f"the VAE's latents of {name} are not finite: remove it")
        if self.flow:
            latents, spread = self._packed(latents), self._packed(spread)
        return EncodedPicture(
            name, caption, latents[0], spread[0], (whole.height, whole.width, *corner, size, size), {}
        )

    def _packed(self, latents: torch.Tensor) -> torch.Tensor:
        return self.pipe._pack_latents(latents, *latents.shape)

    def encode(self, captions: list[str]) -> Tensors:
        """The embedded captions, as the denoiser takes them."""
        if self.flow:
            hidden, pooled, _ = self.pipe.encode_prompt(captions, None, device=self.where)
            return {"hidden": hidden, "pooled": pooled}
        found = self.pipe.encode_prompt(
            captions, device=self.where, num_images_per_prompt=1, do_classifier_free_guidance=False
        )
        return {"hidden": found[0], "pooled": found[2]} if len(found) == 4 else {"hidden": found[0]}

    def drop_unused(self) -> None:
        """Free what encoded the rows."""
        self.pipe.vae = None
        for name in ("text_encoder", "text_encoder_2"):
            if not self.encoders and hasattr(self.pipe, name):  # captions are encoded by all or by none
                setattr(self.pipe, name, None)
        if self.where == "cuda":
            torch.cuda.empty_cache()

    # ---- loss

    def losses(
        self, pictures: Sequence[EncodedPicture], noise: torch.Tensor, at: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean squared error of each picture, and its weight by min-SNR-gamma (1 if that is off).

        `noise`: of latents and of the VAE, (2, pictures, ...). `at`: (pictures,), how far noised, in 0..1;
        evenly drawn, it gives evenly drawn steps (sd, sdxl) or a logit-normal share of noise (flux).
        """
        noise, at = noise.to(self.where), at.to(self.where)
        latents = torch.stack([one.latents for one in pictures])
        latents = latents + noise[1] * torch.stack([one.spread for one in pictures])
        if self.encoders:
            condition = self.encode([one.caption for one in pictures])
        else:
            condition = {
                name: torch.stack([one.condition[name] for one in pictures]) for name in pictures[0].condition
            }
        weight = torch.ones_like(at)
        if self.flow:
            share = torch.special.ndtri(at).sigmoid()
            mixed = share.view(-1, 1, 1) * noise[0] + (1 - share).view(-1, 1, 1) * latents
            found, wanted = self._predict_flow(mixed, share, condition), noise[0] - latents
        else:
            steps = (at * self._schedule.config.num_train_timesteps).long()
            mixed = self._schedule.add_noise(latents, noise[0], steps)
            velocity = self._schedule.config.prediction_type == "v_prediction"
            wanted = self._schedule.get_velocity(latents, noise[0], steps) if velocity else noise[0]
            found = self._predict(mixed, steps, condition, pictures)
            if self._image.snr_gamma is not None:
                ratio = compute_snr(self._schedule, steps)
                weight = ratio.clamp(max=self._image.snr_gamma) / (ratio + 1 if velocity else ratio)
        return (found.float() - wanted).square().flatten(1).mean(1), weight

    def _predict(
        self, mixed: torch.Tensor, steps: torch.Tensor, condition: Tensors, pictures: Sequence[EncodedPicture]
    ) -> torch.Tensor:
        dtype, more = self.denoiser.dtype, {}
        if "pooled" in condition:
            sizes = torch.tensor([one.sizes for one in pictures], device=self.where, dtype=dtype)
            more = {"added_cond_kwargs": {"text_embeds": condition["pooled"].to(dtype), "time_ids": sizes}}
        return self.denoiser(mixed.to(dtype), steps, condition["hidden"].to(dtype), **more).sample

    def _predict_flow(self, mixed: torch.Tensor, share: torch.Tensor, condition: Tensors) -> torch.Tensor:
        dtype = self.denoiser.dtype
        side = math.isqrt(mixed.shape[1])
        guided = self.denoiser.config.guidance_embeds
        return self.denoiser(
            hidden_states=mixed.to(dtype),
            timestep=share.to(dtype),
            guidance=torch.ones_like(share, dtype=dtype) if guided else None,
            pooled_projections=condition["pooled"].to(dtype),
            encoder_hidden_states=condition["hidden"].to(dtype),
            txt_ids=torch.zeros(condition["hidden"].shape[1], 3, device=self.where, dtype=dtype),
            img_ids=self.pipe._prepare_latent_image_ids(1, side, side, self.where, dtype),
        ).sample
