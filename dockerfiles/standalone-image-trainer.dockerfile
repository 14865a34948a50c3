# The trainer of image tasks (SDXL, Flux) of a tournament. Its validators build this file, with the repository as context,
# and run it without network: models and data lie in /cache, the result goes to /app/checkpoints.
FROM python:3.11-slim

WORKDIR /workspace
COPY requirements ./requirements
RUN python -m venv /opt/trainer && /opt/trainer/bin/pip install --no-cache-dir -r requirements/trainer.txt

COPY pyproject.toml README.md LICENSE ./
COPY logicnet ./logicnet
RUN pip install --no-cache-dir .

ENV LOGICNET_TUNING__PYTHON=/opt/trainer/bin/python \
    LOGICNET_TUNING__ISOLATION=process \
    LOGICNET_TUNING__ALLOW_REWARD_CODE=true \
    LOGICNET_TUNING__FOLDER=/workspace/tuning \
    HF_HUB_OFFLINE=1

ENTRYPOINT ["logicnet", "tune", "trainer"]
