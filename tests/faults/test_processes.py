"""Processes that die, hang, come early, come late, or come twice."""

from __future__ import annotations

import json
import signal
import time

from .lab import PATIENCE, Lab


def fed_some(lab: Lab, candidates: int = 20) -> None:
    """Waits for so many candidates, or for the last: with nobody there to hear them, Zeek publishes fewer."""

    def some() -> bool:
        done, _, _, published, _ = lab.zeeks[-1].tells()
        return done or published >= candidates

    lab.until(some, "candidates are published")


def test_nothing_goes_wrong(lab: Lab) -> None:
    lab.start_zeek()
    lab.start_sidecar()
    lab.settle()
    lab.check_notices()
    assert lab.status()["dropped"] == 0
    assert lab.status()["gaps"] == 0


def test_sidecar_killed_and_started_again(lab: Lab) -> None:
    lab.start_zeek(pause=0.2)  # long enough that the second one has something to do also where the first comes late
    first = lab.start_sidecar()
    fed_some(lab)
    first.kill()
    first.wait()
    time.sleep(0.5)
    lab.start_sidecar()
    lab.settle()
    lab.check_notices()


def test_sidecar_stopped_for_longer_than_zeek_waits(lab: Lab) -> None:
    zeek = lab.start_zeek("Cluster::default_websocket_ping_interval=1sec")
    sidecar = lab.start_sidecar()
    fed_some(lab)
    sidecar.send_signal(signal.SIGSTOP)
    lab.until(lambda: not zeek.tells()[4], "Zeek gives the sidecar up")
    before = zeek.memory()
    sidecar.send_signal(signal.SIGCONT)
    lab.settle()
    lab.check_notices()
    assert before < 500e6


def test_zeek_killed_and_started_again(lab: Lab) -> None:
    zeek = lab.start_zeek()
    lab.start_sidecar()
    fed_some(lab)
    lab.until(lab.noticed, "something is noticed")
    zeek.process.kill()
    zeek.process.wait()
    lab.start_zeek()
    lab.settle()
    noticed = lab.noticed()
    last, _ = lab.expected()
    assert last <= lab.noticed_pairs()
    assert max(noticed.values()) <= 2, "once for each Zeek"


def test_sidecar_long_before_zeek(lab: Lab) -> None:
    lab.start_sidecar()
    time.sleep(2.0)
    lab.start_zeek()
    lab.settle()
    lab.check_notices()


def test_sidecar_long_after_zeek(lab: Lab) -> None:
    zeek = lab.start_zeek()
    lab.until(lambda: zeek.tells()[0], "all is fed before the sidecar comes")
    assert not lab.noticed()
    lab.start_sidecar()
    lab.settle()
    lab.check_notices()


def test_second_sidecar_is_refused_and_takes_over(lab: Lab) -> None:
    lab.start_zeek()
    first = lab.start_sidecar()
    lab.until(lambda: any(line["event"] == "accepted" for line in lab.said()), "the first is accepted")
    lab.start_sidecar("--state", str(lab.folder / "second.json"), "--history", str(lab.folder / "second.db"))
    lab.until(lambda: any(line["event"] == "refused" for line in lab.said()), "the second is refused")
    fed_some(lab)
    first.kill()
    first.wait()
    lab.settle()
    lab.check_notices()


def took(lab: Lab, shard: str) -> list[dict[str, object]]:
    """What sidecars said on taking a shard, in the order of their starts."""
    return [line for line in lab.said() if line["event"] == "shard_taken" and line["shard"] == shard]


def test_one_of_two_shards_killed_and_taken_over(lab: Lab) -> None:
    own = lab.start_sidecar("--shard", "1/2")
    killed = lab.start_sidecar("--shard", "2/2")
    lab.until(lambda: took(lab, "1/2") and took(lab, "2/2"), "each has its shard")
    lab.start_sidecar("--shard", "any/2")
    lab.until(lambda: any(line["event"] == "standing_by" for line in lab.said()), "a third one stands by")
    zeek = lab.start_zeek("Beacons::shards=2", pairs=40, pause=1.0)
    lab.until(lambda: zeek.tells()[4], "Zeek has let both in")
    assert not zeek.tells()[0], "pairs are still fed when one is killed"
    killed.kill()
    killed.wait()
    lab.until(lambda: len(took(lab, "2/2")) == 2, "it takes the shard over")
    assert str(took(lab, "2/2")[1]["from"]).endswith(f":{killed.pid}")
    lab.until(lambda: zeek.tells()[4], "Zeek has let it in")
    lab.settle()
    own.terminate()
    assert own.wait(PATIENCE) == 0
    lab.check_notices()
    states = [json.loads((lab.folder / f"shard-{n}of2" / "status.json").read_text()) for n in (1, 2)]
    assert all(state["scored"] for state in states)
    assert [state["taken_over"] is not None for state in states] == [False, True]
    assert not lab.history.exists()
