"""The rules that competitions share: each returns one checked `Rule`."""

from collections.abc import Iterable

from logicnet._util.text import one_line
from logicnet.tuning.compete.competitions import Candidate, Rule, RuleState
from logicnet.tuning.compete.model_id import COMMIT
from logicnet.tuning.compete.templates import code_in, plain_template
from logicnet.tuning.facts import PICKLES

_SHAPE = (
    *("architectures", "model_type", "hidden_size", "num_hidden_layers", "num_attention_heads"),
    *("num_key_value_heads", "intermediate_size", "vocab_size", "num_experts", "moe_intermediate_size"),
)


def rule(name: str, met: bool | None, found: str, wanted: str, mend: str = "") -> Rule:
    """`met` is None where it is not known."""
    state = RuleState.UNKNOWN if met is None else RuleState.MET if met else RuleState.BROKEN
    return Rule(name, state, one_line(found, 300), wanted, "" if met else mend)  # a stranger named its files


def parameters(candidate: Candidate, below: float) -> Rule:
    found = candidate.parameters
    return rule(
        *("parameters", found < below, f"{found:,.0f}", f"below {below:,.0f}"),
        "train a smaller model",
    )


def repo_bytes(candidate: Candidate, below: float) -> Rule:
    found = candidate.repo_bytes
    return rule(
        *("size", found < below, f"{found / 1e9:.2f} GB", f"below {below / 1e9:g} GB"),
        "save it in bfloat16, and keep no checkpoints beside it",
    )


def architecture(candidate: Candidate, allowed: Iterable[str]) -> Rule:
    allowed = tuple(allowed)
    found = candidate.architectures
    met = bool(found) and set(found) <= set(allowed)
    return rule(
        *("architecture", met, ", ".join(found) or "none", " or ".join(allowed)),
        "start from a model of that architecture",
    )


def positions(candidate: Candidate, tokens: int) -> Rule:
    text = candidate.config.get("text_config")
    config = {**candidate.config, **text} if isinstance(text, dict) else candidate.config
    found = config.get("max_position_embeddings")
    met = found >= tokens if isinstance(found, int) else None
    return rule(
        *("sequence", met, str(found), f"{tokens} tokens or more"),
        f"set max_position_embeddings in config.json to at least {tokens}, if the model was trained so",
    )


def pickles(candidate: Candidate) -> Rule:
    found = sorted(one for one in candidate.files if one.endswith(PICKLES))
    return rule(
        *("pickles", not found, ", ".join(found[:3]) or "none", "none"),
        "remove them: who loads one runs its author's code",
    )


def code(candidate: Candidate) -> Rule:
    found = sorted(one for one in candidate.files if one.endswith((".py", ".so", ".ipynb")))
    if candidate.config.get("auto_map"):
        found.append("auto_map in config.json")
    return rule(
        *("code", not found, ", ".join(found[:3]) or "none", "none"),
        "remove it: a validator runs no code of a repository",
    )


def template_code(candidate: Candidate) -> Rule:
    found = [f"{where}: {what}" for where, text in candidate.templates.items() for what in code_in(text)]
    return rule(
        *("template's code", not found, "; ".join(found[:3]) or "none", "none"),
        "use the chat template of the base model",
    )


def template(candidate: Candidate) -> Rule:
    """Whether the chat template is the base model's."""
    name, wanted = "chat template", "the base model's"
    if candidate.base is None:
        return rule(name, None, _count(candidate), wanted, "name the model that it was tuned from: --base")
    ours = {plain_template(text) for text in candidate.templates.values()}
    theirs = {plain_template(text) for text in candidate.base.templates.values()}
    met = ours == theirs if theirs else not ours
    found = "the base model's" if met else f"another than that of {candidate.base.name}"
    return rule(
        name, met, found, wanted, "copy tokenizer_config.json and chat_template.jinja of the base model"
    )


def base(candidate: Candidate, wanted: str) -> Rule:
    """Whether the model has the shape of its base model."""
    if candidate.base is None:
        return rule("base", None, "not read", wanted, f"name a folder with {wanted}: --base")
    ours, theirs = candidate.config, candidate.base.config
    differ = [word for word in _SHAPE if _inner(ours, word) != _inner(theirs, word)]
    found = f"{candidate.base.name}, but {', '.join(differ[:4])}" if differ else candidate.base.name
    return rule("base", not differ, found, wanted, f"start from {wanted}")


def name_fits(repo: str, characters: int) -> Rule:
    """A repository whose namespace and name have up to so many characters together."""
    found = len(repo.replace("/", "", 1))
    return rule(
        *("name", repo.count("/") == 1 and found <= characters, f"{repo} ({found})"),
        f"NAMESPACE/NAME, {characters} characters without the slash",
        "shorten --repo",
    )


def name_ends_in(repo: str, hotkey: str) -> Rule:
    met = repo.count("/") == 1 and repo.lower().endswith(hotkey.lower())
    return rule("name", met, repo, f"ends in {hotkey}", f"name it MAKER/model-{hotkey}")


def public(candidate: Candidate) -> Rule:
    words = {None: "not uploaded yet", True: "public", False: "private or missing"}
    return rule(
        *("public", candidate.public, words[candidate.public], "public"),
        "upload it: logicnet tune upload"
        if candidate.public is None
        else "make the repository public on its settings page, or choose another --repo",
    )


def revision(candidate: Candidate) -> Rule:
    found = candidate.revision
    if found is None:
        return rule("commit", None, "not uploaded yet", "40 hex digits", "upload it: logicnet tune upload")
    met = COMMIT.fullmatch(found) is not None
    return rule("commit", met, found, "40 hex digits", "name the commit's hash, not a branch or a tag")


def new_weights(candidate: Candidate) -> Rule:
    """Whether nobody committed one of its weight files."""
    name, wanted = "weights", "committed by nobody"
    if candidate.rivals is None:
        return rule(name, None, "others were not read", wanted, "check the network, and try again")
    base = candidate.base
    old = set() if base is None else set(base.weights.values())  # a part that training leaves is no copy
    ours = set(candidate.weights.values())
    known = sorted({candidate.rivals[one] for one in ours - old if one in candidate.rivals})
    if base is not None and ours and ours <= old:
        known = [base.name]
    found = f"the same as {', '.join(known[:3])}" if known else "new"
    return rule(name, not known, found, wanted, "train the model: a copy never wins")


def _inner(config: object, word: str) -> object:
    if not hasattr(config, "get"):
        return None
    text = config.get("text_config")
    found = config.get(word)
    return text.get(word) if found is None and isinstance(text, dict) else found


def _count(candidate: Candidate) -> str:
    return {0: "none", 1: "one"}.get(len(candidate.templates), f"{len(candidate.templates)}")
