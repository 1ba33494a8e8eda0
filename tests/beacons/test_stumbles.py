"""What other systems stumble over is not here: each stumble that is known of them, looked for by a test."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.features import CATALOGUE, extract
from zeek_beacons.labels import BEACONS, BENIGN, read_labels
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.readers import Request, read
from zeek_beacons.samples import unpack
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.anomaly import Anomaly
from zeek_beacons.scoring.model import shipped_model

Make = Callable[..., dict[str, Any]]
EVENT = "timestamp,src_ip,dst_ip,dst_port,protocol,bytes_out,bytes_in,proc_name,user,signed_binary,country_code"


def judge(rows: list[dict[str, Any]]) -> Scored:
    return score(Pairs.build(rows), Scoring.load(), Config())


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Scored:
    """A small site's day, as it is shipped."""
    folder = tmp_path_factory.mktemp("site")
    unpack("site", folder)
    pairs, _ = read(Request([str(folder)]), Config())
    return score(pairs, Scoring.load(), Config())


class TestBeaconingStudy:
    """000: its demo model is trained on four flows, `confidence` is always 1, a file is scored as one batch."""

    def test_the_shipped_model_learned_from_thousands_of_pairs_of_both_classes(self) -> None:
        counts = json.loads((shipped_model() / "manifest.json").read_text())["training"]["pairs"]
        of_c2 = sum(n for source, n in counts.items() if "c2" in source)
        assert of_c2 > 5_000
        assert sum(counts.values()) - of_c2 > 5_000

    def test_four_flows_teach_nothing(self, tmp_path: Path) -> None:
        pytest.importorskip("sklearn")
        from zeek_beacons_lab.training.rows import train_rows

        rows = [f"{60 * at},10.0.0.{host},203.0.113.9,443,tcp,100,{'beacon' if host % 2 else 'benign'}"
                for host in range(4) for at in range(120)]  # fmt: skip
        file = tmp_path / "flows.csv"
        file.write_text("\n".join(["timestamp,src_ip,dst_ip,dst_port,protocol,total_bytes,label", *rows]) + "\n")
        with pytest.raises(InputError, match="expected 10 of each class"):
            train_rows(tmp_path / "own", [str(file)], 0, 1, 10, lambda _text: None)
        assert not (tmp_path / "own").exists()

    def test_scores_tell_pairs_apart(self, sample: Scored) -> None:
        scores = sample.verdicts.score[sample.feature_row >= 0]
        assert len(np.unique(scores)) > len(scores) / 2
        assert scores.max() < 1, "nothing is certain"
        assert len(np.unique(sample.verdicts.score[sample.verdicts.alerts])) > 3

    def test_without_evidence_there_is_no_score_at_all(self, pair: Make) -> None:
        assert np.isnan(judge([pair(n=3)]).verdicts.score[0])

    def test_a_pair_is_judged_alone_as_in_its_batch(self, sample: Scored) -> None:
        some = np.flatnonzero(sample.feature_row[: sample.n_pairs] >= 0)[:40]
        features = extract(sample.pairs.take(some))
        for at, row in enumerate(some.tolist()):
            alone = extract(sample.pairs.take(np.array([row])))
            assert np.array_equal(alone.matrix[0], features.matrix[at], equal_nan=True)


class TestBeaconHunter:
    """001: batch-made lists and scores, countries as prejudice, and each pair seen once."""

    def test_whether_a_port_is_rare_does_not_depend_on_the_batch(self, pair: Make) -> None:
        odd = pair(resp_p=31_337)
        alone = extract(Pairs.build([odd]))
        crowd = [pair(resp_p=31_337, orig_h=f"10.1.{n // 250}.{n % 250}") for n in range(300)]
        among = extract(Pairs.build([odd, *crowd]))
        for name in ("port_class", "service_fit"):
            assert alone.column(name)[0] == pytest.approx(among.column(name)[0], nan_ok=True)

    def test_the_anomaly_score_does_not_depend_on_the_batch(self, pair: Make) -> None:
        model = Anomaly.load(shipped_model())
        assert model is not None
        odd = [pair(rhythm=False, n=40), pair(n=12)]
        alone = model.risk(extract(Pairs.build(odd)))
        among = model.risk(extract(Pairs.build([*odd, *(pair(orig_h=f"10.1.0.{n}", n=200) for n in range(100))])))
        assert among[: len(odd)].tolist() == alone.tolist()

    def test_risk_does_not_depend_on_the_batch(self, pair: Make) -> None:
        known = pair(process="mshta.exe", parent="winword.exe", user="ann", signed=0.0)
        alone = judge([known]).risk.fused[0]
        among = judge([known, *(pair(orig_h=f"10.1.0.{n}", rhythm=False) for n in range(30))]).risk.fused[0]
        assert among == alone

    @pytest.mark.parametrize("country", ["RU", "US", "", "KP"])
    def test_a_country_changes_nothing(self, country: str, tmp_path: Path) -> None:
        def verdict(code: str) -> tuple[float, float]:
            file = tmp_path / "events.csv"
            rows = [f"{60 * at},10.0.0.5,203.0.113.9,443,tcp,300,900,mshta.exe,ann,false,{code}" for at in range(60)]
            file.write_text("\n".join([EVENT, *rows]) + "\n")
            pairs, _ = read(Request([str(file)]), Config())
            found = score(pairs, Scoring.load(), Config())
            return float(found.verdicts.score[0]), float(found.risk.fused[0])

        assert verdict(country) == verdict("DE")

    def test_no_feature_and_no_fact_is_a_country(self) -> None:
        scoring = Scoring.load()
        assert scoring.model is not None
        manifest = json.loads((shipped_model() / "manifest.json").read_text())
        names = [feature.name for feature in CATALOGUE] + list(manifest["context"]["indicators"])
        assert not [name for name in names if "country" in name or "geo" in name]

    @pytest.mark.parametrize("name", ["events", "site", "flows"])
    def test_pairs_of_the_samples_are_seen_often_enough_to_have_a_rhythm(self, name: str, tmp_path: Path) -> None:
        unpack(name, tmp_path)
        pairs, _ = read(Request([str(tmp_path)]), Config())
        assert (pairs.conns >= Config().min_connections).sum() > 20
        of = {found.label for found in read_labels(tmp_path / "labels.csv").values()}
        assert of & BEACONS
        assert of & BENIGN


class TestPacketCounter:
    """002: counts packets, cannot alert on a perfect beacon, and takes NTP for one."""

    def test_a_perfect_beacon_alerts(self, pair: Make) -> None:
        found = judge([pair(n=200, rhythm=True)])
        assert found.verdicts.alerts[0]

    def test_ntp_is_no_beacon(self, pair: Make) -> None:
        ntp = pair(n=200, resp_p=123, proto="udp", service="ntp")
        assert not judge([ntp]).verdicts.alerts[0]

    def test_a_check_in_is_one_however_many_connections_it_takes(self, pair: Make) -> None:
        one = pair(n=60)
        start = np.asarray(one["start"], dtype=float)
        thrice = pair(n=180) | {"start": np.sort(np.concatenate([start, start + 0.1, start + 0.2]))}
        counted = [extract(Pairs.build([row])).column("checkins")[0] for row in (one, thrice)]
        assert counted[0] == counted[1] == 60
