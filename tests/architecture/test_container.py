"""What SECURITY.md claims of the image and of compose.yaml: read off the files, for want of an engine."""

from __future__ import annotations

import re
from typing import Any

import yaml

from storage.roles import Role
from tests.checkout import CHECKOUT, packages

DOCKERFILE = (CHECKOUT / "Dockerfile").read_text(encoding="utf-8")
IGNORED = (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").split()
COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "compose.yaml").read_text(encoding="utf-8"))
OURS = [name for name, service in COMPOSE["services"].items() if "build" in service]


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage, their lines joined."""
    lines = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE)).splitlines()
    found: list[list[tuple[str, str]]] = []
    for line in filter(None, lines):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append((name, rest))
    return found


def test_the_image_runs_as_a_number_that_is_not_root() -> None:
    """A number, for an orchestrator that insists on no root cannot look names up."""
    *_, last = stages()
    users = [rest for name, rest in last if name == "USER"]
    assert len(users) == 1
    uid, gid = users[0].split(":")
    assert int(uid) > 0
    assert int(gid) > 0
    account = next(rest for name, rest in last if name == "RUN" and "useradd" in rest)
    assert f"--uid {uid}" in account  # initdb wants a passwd entry
    assert f"--gid {gid}" in account
    after = [name for name, _ in last[last.index(("USER", users[0])) :]]
    assert not {"RUN", "COPY", "ADD"} & set(after), "what is installed belongs to root, and the server cannot change it"


def test_what_is_installed_is_what_the_lock_pins() -> None:
    installed = [rest for stage in stages() for name, rest in stage if name == "RUN" and "pip install" in rest]
    assert len(installed) == 1
    assert "--require-hashes -r /requirements.lock" in installed[0]
    assert "ADD" not in {name for stage in stages() for name, _ in stage}


def test_the_image_holds_the_packages_and_no_key_no_data_and_no_tests() -> None:
    assert IGNORED[0] == "*"
    let_in = {each.removeprefix("!") for each in IGNORED if each.startswith("!")}
    assert let_in == {*packages(), "LICENSE", "requirements.lock"} - {"bench", "tests"}


def test_no_secret_stands_in_the_image() -> None:
    said = " ".join(rest for stage in stages() for name, rest in stage if name in {"ENV", "ARG"})
    assert not re.search(r"PASSWORD|SECRET|TOKEN|DATABASE_URL", said)


def test_what_compose_starts_of_ours_is_read_only_without_powers() -> None:
    assert set(OURS) == {"set-up", "server"}
    for name in OURS:
        service = COMPOSE["services"][name]
        assert service["read_only"] is True, name
        assert service["tmpfs"] == ["/tmp"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not {"privileged", "cap_add", "devices", "pid", "network_mode", "user"} & service.keys(), name
        mounted = [volume.partition(":")[0] for volume in service.get("volumes", ())]
        assert set(mounted) <= COMPOSE["volumes"].keys(), f"{name} mounts a directory of the machine"


def test_the_server_gets_no_role_that_may_change_tables_and_listens_for_this_machine_only() -> None:
    server, database = COMPOSE["services"]["server"], COMPOSE["services"]["database"]
    said = " ".join(map(str, server["environment"].values()))
    assert not [
        role for role in (Role.MIGRATE, Role.OWNER, "postgres:") if f"{role}:" in said or role in said.split("/")
    ]
    assert "POSTGRES_PASSWORD" not in said
    assert all(port.startswith("127.0.0.1:") for port in server["ports"])
    assert "ports" not in database
