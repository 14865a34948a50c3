"""`logicnet tune mine`, `rehearse`, `trainer` and `entry`: competitions of models, and of trainers."""

from logicnet.cli._flags import takes
from logicnet.cli._settings import WITH_SETTINGS, settings_of
from logicnet.cli._tune import tune
from logicnet.tuning.compete.mine_options import MineOptions
from logicnet.tuning.compete.rehearsal import RehearseOptions
from logicnet.tuning.compete.tournament import EntryOptions, TournamentTask


@tune.command(context_settings=WITH_SETTINGS | {"help_option_names": ["--help", "-h"]})
@takes(MineOptions)
def mine(options: MineOptions) -> int:
    """Train a model for a competition, and submit it if it is good enough.

    `python neurons/miner.py [--flag value]...`; the same command goes on where it was stopped. Takes the
    flags of `tune serve` too, among them --wallet.name, --wallet.hotkey, --subtensor.network, --netuid and
    --offline, which needs no registration and uploads nothing.
    """
    from logicnet.tuning.compete.mine import mine as run  # noqa: PLC0415

    return run(options, settings_of(options.words))


@tune.command()
@takes(RehearseOptions)
def rehearse(options: RehearseOptions) -> int:
    """Play champion against challenger on our own environments, as a validator would.

    Exit status 0: the challenger is proven better in every environment. Ctrl-C keeps what was scored.
    """
    from logicnet.tuning.compete.rehearse import run  # noqa: PLC0415

    return run(options)


@tune.command(context_settings=WITH_SETTINGS)
@takes(TournamentTask)
def trainer(options: TournamentTask) -> int:
    """Train one task of a tournament, as its validators start it in a container.

    The docker files in dockerfiles/ end in this command.
    """
    settings = settings_of(options.words).settings

    from logicnet.tuning.compete.trainer import train  # noqa: PLC0415

    return train(options, settings)


@tune.command()
@takes(EntryOptions)
def entry(options: EntryOptions) -> int:
    """Make your own repository for tournaments, with what they demand in it."""
    from logicnet.tuning.compete.entry import run  # noqa: PLC0415

    return run(options)
