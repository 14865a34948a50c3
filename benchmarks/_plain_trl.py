"""The training that `training.py` compares with, as a user of TRL writes it. FOLDER holds a job; prints JSON.

The same rows as text, the same numbers, evaluations and checkpoints; nothing of the product is imported.
"""

import json
import math
import sys
import time
from pathlib import Path

BEGUN = time.monotonic()

import torch  # noqa: E402  (imports are part of the time)
from datasets import Dataset  # noqa: E402
from peft import LoraConfig  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402
from trl import SFTConfig, SFTTrainer  # noqa: E402

folder = Path(sys.argv[1])
job = json.loads((folder / "job.json").read_text())
how, lora = job["optimisation"], job["lora"]
torch.set_num_threads(job["threads"])
tokenizer = AutoTokenizer.from_pretrained(job["base"])


def rows(name: str) -> Dataset:
    """Prompts as the chat template renders them; TRL adds the end token to each completion."""
    made = []
    for line in (folder / name).read_text().splitlines():
        row = json.loads(line)
        prompt = tokenizer.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)
        made.append({"prompt": prompt, "completion": row["completion"][0]["content"]})
    return Dataset.from_list(made)


train, held_out = rows(job["train"]), rows(job["validation"])
steps = math.ceil(len(train) / how["batch"] * how["epochs"])
every = math.ceil(steps / job["stopping"]["evaluations"])
model = AutoModelForCausalLM.from_pretrained(job["base"], dtype=torch.bfloat16)
torch.manual_seed(job["seed"])  # else the adapter begins with other numbers than the job's
trainer = SFTTrainer(
    model,
    SFTConfig(
        output_dir=str(folder / "plain"),
        seed=job["seed"],
        learning_rate=how["lr"],
        lr_scheduler_type=how["schedule"],
        warmup_steps=round(how["warmup"] * steps),
        weight_decay=how["weight_decay"],
        per_device_train_batch_size=how["batch"],
        per_device_eval_batch_size=how["batch"],
        num_train_epochs=how["epochs"],
        max_length=how["max_length"],
        logging_steps=1,
        eval_strategy="steps",
        eval_steps=every,
        eval_on_start=True,
        save_strategy="steps",
        save_steps=every,
        bf16=True,
        use_cpu=True,
        gradient_checkpointing=False,
        report_to="none",
        disable_tqdm=True,
    ),
    train_dataset=train,
    eval_dataset=held_out,
    processing_class=tokenizer,
    peft_config=LoraConfig(
        r=lora["r"],
        lora_alpha=lora["alpha"],
        lora_dropout=lora["dropout"],
        target_modules=lora["targets"],
        task_type="CAUSAL_LM",
    ),
)
trainer.train()
trainer.save_model(str(folder / "plain" / "final"))
seconds, cpu = time.monotonic() - BEGUN, time.process_time()

# Not timed: the held-out loss by tokens, as the product measures it; TRL's is a mean of means of batches.
trainer.model.eval()
total = count = 0.0
for row in trainer.eval_dataset:
    ids, labels = torch.tensor([row["input_ids"]]), torch.tensor([row["labels"]])
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        logits = trainer.model(input_ids=ids).logits[0, :-1].float()
    wanted = labels[0, 1:] != -100
    total += float(torch.nn.functional.cross_entropy(logits[wanted], labels[0, 1:][wanted], reduction="sum"))
    count += int(wanted.sum())
print(json.dumps({"seconds": seconds, "cpu": cpu, "loss": total / count}))
