"""Without Ray, its engine says what to install. With it: tests/tuning/test_ray.py."""

import sys
from pathlib import Path

import pytest

from logicnet.errors import SettingsError
from logicnet.tuning.isolation import Isolation
from logicnet.tuning.ray_engine import RayEngine


def test_without_ray_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray.job_submission", None)
    with pytest.raises(SettingsError, match=r"--tuning\.engine ray .* pip install 'logicnet\[ray\]'"):
        RayEngine("http://127.0.0.1:8265", Isolation("process", Path("python")))
