"""The package folder: what OpenEnv's own validation says of it, and that it declares what is there."""

from __future__ import annotations

import socket
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from openenv.cli._validation import validate_running_environment
from openenv.validation.types import CheckStatus

from querywright.errors import InputError
from querywright.gym.openenv.validating import validate_package
from querywright.gym.server.listening import open_ports
from querywright.gym.server.routes import NAME
from querywright.gym.tasks.driver import tasks

PACKAGE = Path(__file__).parents[3] / "environments" / "querywright_env"
MANIFEST = yaml.safe_load((PACKAGE / "openenv.yaml").read_text(encoding="utf-8"))


def test_the_package_passes_statically() -> None:
    report = validate_package(PACKAGE, "static")
    assert {result.check_id: result.status for result in report.results} == {"static.manifest": CheckStatus.PASS}


@pytest.mark.slow
def test_the_package_passes_at_every_level_that_is_graded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    report = validate_package(PACKAGE, "semantic")
    graded = {result.check_id for result in report.results if result.status is not CheckStatus.SKIP}
    assert graded == {
        "static.manifest",
        "runtime.startup",
        "runtime.observation_schema",
        "runtime.reward_well_formed",
        "runtime.state_contract",
    }
    assert {result.status for result in report.results} == {CheckStatus.PASS, CheckStatus.SKIP}
    reasons = {reason for result in report.results if result.status is CheckStatus.SKIP for reason in result.evidence}
    assert reasons == {"grader not implemented in this build", "missing provider capabilities: network_policy"}


def test_a_running_server_passes(address: str) -> None:
    report = validate_running_environment(address, timeout_s=60)
    assert report["passed"], report["criteria"]
    assert report["summary"]["passed_count"] == report["summary"]["total_count"] == 6
    assert report["mode"] == "simulation"


def test_the_declared_numbers_of_tasks_are_right() -> None:
    declared = MANIFEST["validation"]["capabilities"]["declared_task_count"]
    assert declared == {split: len(tasks(split=split)) for split in ("train", "validation", "test")}


def test_what_is_declared_is_there() -> None:
    capabilities = MANIFEST["validation"]["capabilities"]
    for name in (capabilities["oracle"]["location"], capabilities["canaries"], "validation/runtime.json", "Dockerfile"):
        assert (PACKAGE / name).is_file()
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"server": "querywright_env.server.app:main"}
    assert project["version"] == MANIFEST["version"]
    front = yaml.safe_load((PACKAGE / "README.md").read_text(encoding="utf-8").split("---")[1])
    assert front["sdk"] == "docker" and front["app_port"] == MANIFEST["port"] == 7860 and "openenv" in front["tags"]
    assert NAME == "sql-optim-env"


def test_the_package_exports_its_client_and_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PACKAGE.parent))
    monkeypatch.delitem(sys.modules, "querywright_env", raising=False)
    import querywright_env

    assert {"QuerywrightEnv", "QueryAction", "QueryObservation"} <= set(querywright_env.__all__)


def test_a_folder_without_a_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no OpenEnv package"):
        validate_package(tmp_path)
    with pytest.raises(InputError, match="no level"):
        validate_package(PACKAGE, "thorough")


def test_a_port_in_use_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(InputError, match="cannot be listened on"):
        open_ports("127.0.0.1", [0, taken.getsockname()[1]])
