"""Ctrl-C, or a signal to end, during an apply: waits end at once, exit 130, and the next plan goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from fleethub.testing.litellm import LiteLLM
from tests.applying.test_contract import MODELS
from tests.applying.test_crash import spec
from tests.forked import Forked, fleethub
from tests.support import MASTER, Place


def applying(place: Place, env: dict[str, str]) -> Forked:
    """An apply beside this process; its output comes as one stream of text."""
    argv = ["-C", str(place.folder), "apply", "--auto-approve"]
    return fleethub(*argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_wait_and_the_next_apply_goes_on(tmp_path: Path, number: signal.Signals) -> None:
    with LiteLLM(models=MODELS, master_key=MASTER) as proxy:
        place = Place(tmp_path / "fleet", spec(proxy.url, settle="900s"))
        env = {**os.environ, "LITELLM_MASTER_KEY": MASTER}
        process = applying(place, env)
        assert process.stdout is not None
        for line in process.stdout:
            if "settle on their new config" in line:
                break
        process.send_signal(number)
        rest, _ = process.communicate(timeout=600)  # the wait itself would be longer
        assert process.returncode == 130
        assert "interrupted" in rest
        place.edit('settle = "900s"', 'settle = "0s"')
        assert "to record" in place.run("plan", code=0)
        place.apply()
        place.plan_is_empty()


def test_more_signals_end_it_at_once_and_the_next_apply_goes_on(tmp_path: Path) -> None:
    with LiteLLM(models=MODELS, master_key=MASTER) as proxy:
        place = Place(tmp_path / "fleet", spec(proxy.url, settle="900s"))
        env = {**os.environ, "LITELLM_MASTER_KEY": MASTER}
        process = applying(place, env)
        assert process.stdout is not None
        for line in process.stdout:
            if "settle on their new config" in line:
                break
        end = time.monotonic() + 600
        while process.poll() is None and time.monotonic() < end:
            process.send_signal(signal.SIGINT)
        assert process.returncode == 130
        assert "Traceback" not in process.stdout.read()
        place.edit('settle = "900s"', 'settle = "0s"')
        place.apply()
        place.plan_is_empty()
