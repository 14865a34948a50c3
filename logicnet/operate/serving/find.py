"""The model that an operator names: of the catalogue, of a folder, or of the Hugging Face hub."""

from pathlib import Path

from logicnet.operate.serving.catalogue import Model, ModelCatalogue, UnknownModel


def find_model(name: str, catalogue: ModelCatalogue) -> Model:
    """A model by its folder, its config.json, its name in the catalogue, or MAKER/MODEL of the hub.

    Raises SettingsError if it is unknown or cannot be planned.
    """
    path = Path(name)
    local = path.is_dir() or path.name == "config.json"
    if not local:
        try:
            return catalogue.find(name)
        except UnknownModel:
            if name.count("/") != 1:
                raise
    # huggingface_hub takes half a second to import
    from logicnet.operate.serving.config_json import model_from, model_from_hub  # noqa: PLC0415

    return catalogue.with_accuracy(model_from(path) if local else model_from_hub(name))
