"""The chain's part of the composition root: settings in, a MetagraphRefresher out, not yet started."""

import shlex

from loguru import logger

from logicnet.chain.address import ExternalAddress
from logicnet.chain.keys import Signer
from logicnet.chain.offline import OfflineChain
from logicnet.chain.publisher import AxonPublisher
from logicnet.chain.refresher import MetagraphRefresher
from logicnet.chain.registration import RegistrationMonitor
from logicnet.chain.subtensor import SubtensorChain, where
from logicnet.errors import SettingsError
from logicnet.protocol import Hotkey
from logicnet.settings import Settings


def metagraph_refresher(settings: Settings, keypair: Signer) -> MetagraphRefresher:
    """With `--offline` the network of --chain.file, and nothing is published. Raises SettingsError."""
    if settings.offline:
        file, min_stake = settings.chain.file, settings.miner.min_stake
        if file is None:
            raise SettingsError("--offline takes the network from a file: name it with --chain.file.")
        offline = OfflineChain(file)
        if not any(neuron.may_ask(min_stake) for neuron in offline.load().neurons):
            logger.warning(
                "Nobody in --chain.file {} may ask: give a neuron `validator_permit`, or a `stake` of {:g}.",
                *(file, min_stake),
            )
        return MetagraphRefresher(offline, refresh_s=settings.chain.refresh_s)

    hotkey = Hotkey(keypair.ss58_address)
    chain = SubtensorChain(
        network=settings.subtensor.network,
        netuid=settings.netuid,
        signer=keypair,
        timeout_s=settings.chain.timeout_s,
    )
    if ":" in (settings.axon.external_ip or ""):
        logger.warning(
            "--axon.external_ip is an IPv6 address: validators on bittensor 7 to 10 cannot call it. "
            "Publish an IPv4 address if this machine has one."
        )
    address = ExternalAddress(
        ip=settings.axon.external_ip, port=settings.axon.external_port or settings.axon.port
    )
    return MetagraphRefresher(
        chain,
        refresh_s=settings.chain.refresh_s,
        registration=RegistrationMonitor(
            hotkey, netuid=settings.netuid, register_with=register_command(settings)
        ),
        publisher=AxonPublisher(chain, hotkey, address.find),
    )


def register_command(settings: Settings) -> str:
    """bittensor 11's own command, for this wallet and network, ready for a shell."""
    wallet, network = settings.wallet, where(settings.subtensor.network)
    keys = ["-w", wallet.name, "-H", wallet.hotkey, "--wallet-path", str(wallet.path)]
    return shlex.join(
        ["btcli", "subnets", "register", "--netuid", str(settings.netuid), "-n", network, *keys]
    )
