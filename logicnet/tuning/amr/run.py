"""`logicnet tune amr`, the same as `train_mtup.py`: training on sentences, SMATCH of held-out ones."""

import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from logicnet._util.processes import Child
from logicnet._util.tables import plain_table
from logicnet.errors import SettingsError, TuningError
from logicnet.settings import Settings
from logicnet.tuning import foreground
from logicnet.tuning.amr import grammar
from logicnet.tuning.amr.corpus import AmrCorpus, AmrSentence, read_corpus
from logicnet.tuning.amr.grades import AmrResult, advise_amr, beside_claims
from logicnet.tuning.amr.graphs import AmrGraph, BadGraph, read_bare, read_graph
from logicnet.tuning.amr.options import CORPUS, AmrOptions
from logicnet.tuning.amr.score import corpus_smatch, require, smatch
from logicnet.tuning.amr.templates import AmrTemplate, template_of
from logicnet.tuning.facts import facts_of
from logicnet.tuning.families import family_of
from logicnet.tuning.isolation import TRAINER
from logicnet.tuning.jobs import Job, JobState
from logicnet.tuning.presets import plan_of
from logicnet.tuning.spec import TrainSpec
from logicnet.tuning.train.jobfile import write_json
from logicnet.tuning.workshop import Workshop

TRIED = 100
"""Sentences of our own grammar, for a quick test without a corpus."""

ANSWER_S = 6 * 3600.0


def run(options: AmrOptions, settings: Settings) -> int:
    """Train and score; the exit status. Raises LogicnetError."""
    template = template_of(options.template)
    require()  # not after hours of training
    shop = Workshop.of(settings)
    corpus = _corpus(options, shop)
    for line in _about(corpus):
        _say(line)
    if options.show_sample:
        first = corpus.sentences[0]
        _say(f"\nPrompt:\n{template.ask(first.text)}\n\nTarget:\n{template.target(first)}\n")
    spec = spec_of(options, corpus, template, shop)
    status = foreground.train(spec, settings)
    job = next((one for one in shop.folders.store().jobs(over=True) if one.spec.digest == spec.digest), None)
    if status != 0 or job is None or job.state is not JobState.COMPLETED:
        return status or 1
    sentences = {template.ask(one.text): one for one in corpus.sentences}
    result = score(shop, job, template, sentences, options)
    _report(result, shop.folders.job(job.id))
    return 0


def _corpus(options: AmrOptions, shop: Workshop) -> AmrCorpus:
    files = options.files()
    if not files:
        if options.use_case != "quick_test":
            raise SettingsError(
                f"--train-files is missing, and {CORPUS} has no file: name files of `#::snt` blocks, or try "
                "the pipeline with --use-case quick_test"
            )
        own = shop.folders.root / "amr" / "grammar.txt"
        own.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        own.write_text(grammar.blocks(TRIED, options.seed))
        _say(f"No --train-files: {TRIED} sentences of a small grammar try the pipeline, no more.")
        files = [own]
    return read_corpus(files, skip_bad=options.skip_bad)


def _about(corpus: AmrCorpus) -> list[str]:
    said = [f"{len(corpus.sentences)} sentences with a graph"]
    if corpus.joined:
        said.append(f"{corpus.joined} concepts written with a space are joined by _")
    if corpus.refused:
        said.append(f"{len(corpus.refused)} sentences are left out, the first: {corpus.refused[0]}")
    return said


def spec_of(options: AmrOptions, corpus: AmrCorpus, template: AmrTemplate, shop: Workshop) -> TrainSpec:
    """The training: prompts, of which nothing is trained, and both outputs as the completion."""
    rows = [
        {"instruction": template.ask(one.text), "output": template.target(one)} for one in corpus.sentences
    ]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path = shop.folders.root / "amr" / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(text, encoding="utf-8")
    preset = "mtup" if options.use_case is None else f"mtup+{options.use_case}"
    model = facts_of(options.hub_name, shop.token)
    family = family_of(options.hub_name, model.config)
    plan = plan_of(family, model.parameters, preset=preset, overrides=options.overrides(1, 1, 1.0))
    how = plan.optimisation
    few = min(len(rows), options.max_samples or plan.rows or len(rows))
    return TrainSpec(
        dataset=str(path),
        model=options.hub_name,
        dataset_type="instruct",
        file_format="jsonl",
        hours=options.hours,
        preset=preset,
        overrides=options.overrides(few, how.batch * how.accumulate, how.epochs),
        validation=options.val_split,
        seed=options.seed,
        rows=options.max_samples,
    )


def score(
    shop: Workshop,
    job: Job,
    template: AmrTemplate,
    sentences: Mapping[str, AmrSentence],
    options: AmrOptions,
) -> AmrResult:
    """SMATCH of the held-out sentences, by what the trained model answers. Raises TuningError."""
    folder = shop.folders.job(job.id)
    answers = _answers(shop, folder, options.score_rows)
    held = [json.loads(line) for line in (folder / "validation.jsonl").read_text().splitlines()]
    bare, full, lines, broken = [], [], [], 0
    for number, text in sorted(answers.items()):
        sentence = sentences[held[number - 1]["prompt"][-1]["content"]]
        outputs = template.outputs(text)
        graph, fault = _graph(outputs.graph, read_graph)
        without, _ = _graph(outputs.bare, read_bare)
        broken += graph is None
        full.append(smatch(graph, sentence.graph))
        bare.append(smatch(without, read_bare(sentence.graph.bare)))
        lines.append(
            {"sentence": sentence.text, "gold": sentence.graph.text, "answer": text, "fault": fault}
            | {"f1": full[-1].f1, "f1_without_variables": bare[-1].f1}
        )
    (folder / "amr.jsonl").write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines))
    found = job.result or {}
    return AmrResult(
        job.spec.model,
        options.use_case,
        len(full),
        corpus_smatch(bare),
        corpus_smatch(full),
        broken,
        found["best_loss"],
        found["seconds"],
    )


def _graph(text: str | None, reads) -> tuple[AmrGraph | None, str]:  # type: ignore[no-untyped-def]
    if text is None:
        return None, "the answer lacks this output"
    try:
        return reads(text), ""
    except BadGraph as error:
        return None, str(error)


def _answers(shop: Workshop, folder: Path, most: int) -> dict[int, str]:
    """What the trained model writes, by the line of validation.jsonl."""
    out, log = folder / "answers.jsonl", folder / "answers.log"
    words = ["-m", TRAINER, "generate", str(folder), str(out), str(most)]
    base = json.loads((folder / "job.json").read_text())["base"]
    argv = shop.isolation.evaluation(folder, words, [Path(base)])
    environment = shop.isolation.environment()
    try:
        with Child.start("the model", argv, log=log, env=environment, cwd=folder) as child:
            status = child.process.wait(ANSWER_S)
    except subprocess.TimeoutExpired:
        raise TuningError(f"{most} answers took over {ANSWER_S / 3600:.0f} h: lower --score-rows") from None
    finally:
        shop.isolation.evaluation_ended(folder)
    if status != 0:
        lines = log.read_text(errors="replace").strip().splitlines() or [f"exit status {status}"]
        raise TuningError(f"the trained model cannot answer: {lines[-1][:300]}")
    return {one["row"]: one["text"] for one in map(json.loads, out.read_text().splitlines())}


def _report(result: AmrResult, folder: Path) -> None:
    head, *rows = beside_claims(result)
    Console().print(plain_table(head, rows))
    for hint in advise_amr(result):
        _say(f"{hint.words} {hint.flag}".strip())
    write_json(folder / "amr.json", asdict(result))
    _say(f"Each sentence: {folder / 'amr.jsonl'}")


def _say(line: str) -> None:
    Console().print(line, highlight=False, markup=False, soft_wrap=True)
