"""Who waits for approval, and who used which invite, as topics."""

from __future__ import annotations

from pathlib import Path

import pytest

from miner_ctrl.model.nodes import Role
from tests.api.in_memory import WAITING_ID, World, until
from tests.api.live.readers import reading
from tests.integration.inside import joined, running


@pytest.mark.usefixtures("door")
async def test_who_comes_to_wait_and_who_waits_no_more(world: World, socket_path: Path) -> None:
    async with reading(socket_path, "pending") as reader:
        await reader.all_of("pending")
        assert list(reader.rows["pending"]) == [WAITING_ID]
        other = "f" * 16
        world.pairing.waiting.add(other)
        for told in tuple(world.pairing.doors):
            told()
        await reader.until(lambda: other in reader.rows["pending"])
        assert set(reader.rows["pending"][other]) == {
            "id",
            "name",
            "fingerprint",
            "words",
            "address",
            "since",
            "expiresAt",
        }
        world.pairing.waiting.discard(WAITING_ID)
        for told in tuple(world.pairing.doors):
            told()
        await reader.until(lambda: list(reader.rows["pending"]) == [other])
    await until(lambda: not world.live.followed)
    assert not world.pairing.doors, "nobody looks when nobody reads"


async def test_an_invite_says_at_once_who_joined_and_a_stranger_is_shown_with_its_words(tmp_path: Path) -> None:
    async with (
        running(tmp_path / "desk", "desk", Role.CONTROLLER) as desk,
        reading(tmp_path / "desk" / "run" / "node.sock", "invites", "pending", "fleet") as page,
    ):
        for topic in ("invites", "pending", "fleet"):
            await page.all_of(topic)
        async with running(tmp_path / "rig", "rig-alpha", Role.WORKER) as rig:
            await joined(rig, desk)
            await page.until(lambda: any(row["used"] for row in page.rows["invites"].values()))
            [invite] = page.rows["invites"].values()
            [who] = invite["joined"]
            assert (who["peerId"], who["name"], invite["status"]) == (rig.id, "rig-alpha", "used")
            assert not invite["token"], "nobody reads a token here"
            assert not invite["qr"]
            await page.until(lambda: page.rows["fleet"].get(rig.id, {}).get("connected", False))
        async with running(tmp_path / "other", "rig-beta", Role.WORKER) as stranger:
            await stranger.pairing.add(desk.address, name=None, fingerprint=None)
            await page.until(lambda: stranger.id in page.rows["pending"])
            row = page.rows["pending"][stranger.id]
            assert (row["name"], row["words"]) == ("rig-beta", stranger.keys.public.words)
            await desk.pairing.approve(stranger.id, None)
            await page.until(lambda: stranger.id not in page.rows["pending"])
