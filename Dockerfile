# vLLM and the miner in one container, as a rented GPU is. docs/container.md says how to run it.
#
#   docker build -t logicnet .
#   docker run --gpus all -p 8091:8091 -v ~/.bittensor:/keys:ro -v logicnet:/data \
#     --mount type=bind,source="$PWD/.env",target=/srv/logicnet/.env,readonly logicnet
#
# .env is mounted: `--env-file` keeps the quotes in it. The ENV below beats what it says of the machine outside.

FROM node:22-slim AS node
FROM vllm/vllm-openai:v0.21.0

COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv && rm -rf /var/lib/apt/lists/*

WORKDIR /srv/logicnet
COPY . .
RUN python3 -m venv .venv && .venv/bin/python -m pip install --no-cache-dir '.[challenges,console]'
RUN npm ci --omit=dev

# The image's own Python has vLLM. Ledger, logs and models outlive the container in /data.
ENV SN35_MINER_PYTHON=.venv/bin/python \
    SN35_VLLM_PYTHON=python3 \
    SN35_LOGS=/data/logs \
    LOGICNET_LEDGER__PATH=/data/ledger.sqlite \
    LOGICNET_WALLET__PATH=/keys/wallets \
    HF_HOME=/data/huggingface
VOLUME /data
EXPOSE 8091
STOPSIGNAL SIGINT
ENTRYPOINT []
CMD ["node_modules/.bin/pm2-runtime", "start", "ecosystem.config.js"]
