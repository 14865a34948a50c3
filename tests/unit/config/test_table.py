from logicnet.config import Setting, table

DOCUMENTED = """
--netuid --wallet.name --wallet.hotkey --wallet.path --subtensor.network --axon.port --miner.category
--miner.epoch_volume --miner.min_stake --miner.limit_interval --miner.solver --miner.llm_client.base_url
--miner.llm_client.model --miner.llm_client.key --offline --chain.file
--logging.debug --logging.trace --logging.json
"""


def one(name: str) -> Setting:
    return table()[name]


def test_the_documented_flags_are_there_letter_by_letter() -> None:
    assert set(DOCUMENTED.split()) <= {setting.flag for setting in table().values()}


def test_names_of_one_setting() -> None:
    setting = one("miner.llm_client.base_url")
    assert setting.flag == "--miner.llm_client.base_url"
    assert setting.variable == "LOGICNET_MINER__LLM_CLIENT__BASE_URL"


def test_known_variables_of_other_programs() -> None:
    assert {name: s.name for s in table().values() for name in s.known_as} == {
        "OPENAI_API_KEY": "miner.llm_client.key",
        "HF_TOKEN": "hf_token",
        "HF_ACCESS_TOKEN": "hf_token",
        "HUGGINGFACE_TOKEN": "hf_token",
        "ACCEPTED_MODEL_FAMILIES": "tuning.accepted_families",
        "MAX_TEXT_TASK_HOURS": "tuning.max_text_hours",
        "MAX_IMAGE_TASK_HOURS": "tuning.max_image_hours",
        "MINER_MAX_CONCURRENT_JOBS": "tuning.concurrent_jobs",
        "MAX_QUEUE_SIZE": "tuning.queue_size",
        "WANDB_API_KEY": "wandb_api_key",
    }


def test_every_setting_says_what_it_is_and_takes() -> None:
    for setting in table().values():
        assert setting.description and setting.takes.words and setting.group, setting.name
        assert setting.switch or setting.takes.metavar, setting.name


def test_the_secrets_are_known_as_such() -> None:
    assert {s.name for s in table().values() if s.secret} == {
        "miner.llm_client.key",
        "hf_token",
        "wandb_api_key",
        "console.password",
        "console.notify",
        "console.judge_key",
        "serve.key",
        "tuning.token",
    }


def test_what_is_shown_holds_no_secret() -> None:
    assert one("miner.llm_client.key").shown("sk-123") == "****"
    network = one("subtensor.network")
    assert network.shown("wss://user:pass@host/ws?apikey=1&x=2") == "wss://****@host/ws?****"
    assert network.shown("finney") == "finney"


def test_numbers_and_switches_are_shown_as_one_writes_them() -> None:
    assert one("miner.limit_interval").shown(600.0) == "600"
    assert one("miner.limit_interval").shown(0.5) == "0.5"
    assert one("offline").shown(True) == "true"
