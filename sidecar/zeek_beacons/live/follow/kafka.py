"""Topics of Kafka that hold rows of Zeek's logs as JSON, followed like logs.

How far each partition was read is kept in our history, with the verdicts that rest on it. The broker is told it too
where a group shares the partitions, but nothing is ever taken as read because of a commit that we did not make.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from zeek_beacons.errors import ConfigError, InputError
from zeek_beacons.live.follow.kafka_address import PREFIX, KafkaAddress
from zeek_beacons.live.follow.sources import LogSlice

try:
    from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

    from zeek_beacons.live.follow.partitions import Partition, Partitions
except ImportError as missing:
    raise ConfigError(f"a topic of Kafka needs {missing.name}: pip install 'zeek-beacons[kafka]'") from missing

AT_ONCE = 10_000  # messages taken from the library in one call
LOOK = 1.0  # seconds that a look takes at most, where there is always more
POLL = 0.2  # seconds that one waits for messages
PATIENCE = 10.0  # seconds that a broker may take to answer
ONCE_PATIENCE = 60.0  # seconds without a broker after which `once` gives up
REDISCOVER = 60.0  # seconds between looks for new partitions

log = logging.getLogger(__name__)


class KafkaTopics:
    """Follows topics. `known`: how far an earlier run got, by partition; `back`: seconds that are read again at first.

    `wait`: see Partitions; `resume`: nothing that is known is read again. Raises ConfigError where a setting is wrong.
    """

    def __init__(
        self,
        address: KafkaAddress,
        known: Mapping[str, int] | None = None,
        back: float | None = None,
        wait: float = 10.0,
        once: bool = False,
        resume: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.address = address
        self._known, self._back, self._once, self._clock = dict(known or {}), back, once, clock
        self._resume = resume
        self._partitions = Partitions(wait)
        self._counts, self._held = self._partitions.counts, self._partitions.held
        self._cluster, self._find_at, self._started = "", 0.0, time.monotonic()
        self._given: dict[tuple[str, int], int] = {}
        self._stopped = False
        try:
            self._consumer = Consumer(_settings(address, self._on_error), logger=_quiet())
        except KafkaException as error:
            raise ConfigError(f"{address.text}: {_told(error)}") from error
        if address.group:
            self._consumer.subscribe(list(address.topics), on_assign=self._on_assign, on_revoke=self._on_revoke)

    @property
    def name(self) -> str:
        """The address."""
        return self.address.text

    @property
    def has_more(self) -> bool:
        """Whether messages wait at the broker, as far as is known."""
        if self._once:
            return not self._is_all_read() or self._partitions.has_beside
        return any(not one.at_end and not one.paused and one.next < one.end for one in self._held.values())

    def look(self) -> None:
        """Takes messages for a second, less where there are no more."""
        self._find_partitions()
        until = time.monotonic() + LOOK
        while time.monotonic() < until:
            came = self._poll()
            for one, is_ahead in self._partitions.ahead(self._clock(), time.monotonic()):
                (self._consumer.pause if is_ahead else self._consumer.resume)([_where(one)])
            if not came and all(one.at_end or one.paused for one in self._held.values()):
                break
        if self._once and not self._held and time.monotonic() > self._started + ONCE_PATIENCE:
            raise InputError(self.name, f"cannot be read: {self._counts.problem or 'no partition was assigned'}")

    def stop(self) -> None:
        """Has `old` end early."""
        self._stopped = True

    def old(self) -> Iterator[LogSlice]:
        """What an earlier run has judged. Ends early where no broker answers: what comes later is judged again."""
        until = time.monotonic() + ONCE_PATIENCE
        while time.monotonic() < until and not self._stopped and self._is_before_known():
            messages = self._counts.messages
            self.look()
            if self._counts.messages > messages:
                until = time.monotonic() + ONCE_PATIENCE
            yield from self.beside()
            yield from self._connections(only_known=True)
        yield from self._connections(at_once=True, only_known=True)
        self._note_progress()

    def beside(self) -> Iterator[LogSlice]:
        """Rows of the logs beside conn.log."""
        yield from self._partitions.beside()

    def connections(self) -> Iterator[LogSlice]:
        """Connections that have waited enough."""
        yield from self._connections(at_once=self._once and self._is_all_read())
        self._note_progress()

    def progress(self) -> Mapping[str, int]:
        """The next offset by partition, as it was when all that was due had been given."""
        return {self._identity(*place): offset for place, offset in self._given.items() if place in self._held}

    def _note_progress(self) -> None:
        self._given = {place: one.progress for place, one in self._held.items() if one.progress >= 0}

    def kept(self) -> None:
        """Tells the group how far it is, for whoever takes a partition over."""
        offsets = [TopicPartition(*place, offset) for place, offset in self._given.items() if place in self._held]
        if self.address.group and offsets:
            try:
                self._consumer.commit(offsets=offsets, asynchronous=True)
            except KafkaException as error:
                self._note(_told(error))

    def behind(self) -> int:
        """Messages that are there and were not given."""
        return sum(max(0, one.end - one.progress) for one in self._held.values())

    def state(self) -> Mapping[str, Any]:
        """What happened to messages, and how far each partition is."""
        told = {f"{one.topic}[{one.number}]": one.progress for one in self._held.values()}
        return asdict(self._counts) | {"partitions": told, "behind": self.behind()}

    def close(self) -> None:
        """Leaves the group, and the brokers."""
        self._consumer.close()

    def _connections(self, at_once: bool = False, only_known: bool = False) -> Iterator[LogSlice]:
        return self._partitions.connections(self._clock(), time.monotonic(), at_once, only_known)

    def _identity(self, topic: str, number: int) -> str:
        return f"{PREFIX}{self._cluster}:{topic}:{number}"

    def _is_all_read(self) -> bool:
        return bool(self._held) and all(one.at_end or one.next >= one.end for one in self._held.values())

    def _is_before_known(self) -> bool:
        """Whether an earlier run has judged what was not read yet."""
        if not self._held:
            return bool(self._known)
        return any(one.next < one.known for one in self._held.values())

    def _find_partitions(self) -> None:
        """Which partitions there are, at the start and now and then: topics get more of them."""
        if time.monotonic() < self._find_at:
            return
        self._find_at = time.monotonic() + 1.0
        try:
            told = self._consumer.list_topics(timeout=PATIENCE)
            self._cluster = told.cluster_id or ""
            if not self.address.group:
                self._assign(told.topics)
            for one in () if self._once else self._held.values():
                one.end = self._watermarks(one.topic, one.number)[1]
        except KafkaException as error:
            self._note(_told(error))
            return
        if self._held:
            self._find_at = time.monotonic() + REDISCOVER

    def _assign(self, topics: Mapping[str, Any]) -> None:
        missing = [name for name in self.address.topics if name not in topics or topics[name].error is not None]
        if missing:
            self._note(f"no topic {', '.join(missing)}")
        there = [
            (name, number) for name in self.address.topics if name not in missing for number in topics[name].partitions
        ]
        fresh = [self._begun(*one) for one in sorted(there) if one not in self._held]
        if fresh:
            self._consumer.incremental_assign([_where(one) for one in fresh])
        for one in fresh:
            self._partitions.add(one)

    def _begun(self, topic: str, number: int, committed: int = -1) -> Partition:
        """Where a partition's reading begins. `committed`: what another member of the group has told of it."""
        low, high = self._watermarks(topic, number)
        known = max(self._known.get(self._identity(topic, number), -1), committed)
        if known > high:  # it was made anew
            self._counts.cut += 1
            known = -1
        begin = self._offset_back(topic, number, low, high)
        if known >= 0:
            begin = known if self._resume else min(begin, known)
            self._counts.missed += max(0, low - known)
        return Partition(topic, number, max(begin, low), max(known, 0), high, time.monotonic())

    def _watermarks(self, topic: str, number: int) -> tuple[int, int]:
        """The first offset that is there, and the one behind the last."""
        told = self._consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=PATIENCE, cached=False)
        if told is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return told[0], told[1]

    def _offset_back(self, topic: str, number: int, low: int, high: int) -> int:
        """The offset of the first message of the time that is looked back."""
        since = 0.0 if self._back is None else self._clock() - self._back
        if since <= 0:
            return low
        asked = TopicPartition(topic, number, round(since * 1000))
        (found,) = self._consumer.offsets_for_times([asked], timeout=PATIENCE)
        return int(found.offset) if found.offset >= 0 else high

    def _on_assign(self, _consumer: Any, given: Sequence[TopicPartition]) -> None:
        self._counts.rebalances += 1
        for one in given:
            try:
                self._cluster = self._cluster or self._consumer.list_topics(timeout=PATIENCE).cluster_id or ""
                (told,) = self._consumer.committed([one], PATIENCE)
                begun = self._begun(one.topic, one.partition, told.offset)
            except KafkaException as error:  # all of it is read again, rather than nothing
                self._note(_told(error))
                begun = Partition(one.topic, one.partition, OFFSET_BEGINNING, 0, 0, time.monotonic())
            self._partitions.add(begun)
        self._consumer.assign([_where(one) for one in self._held.values()])

    def _on_revoke(self, _consumer: Any, taken: Sequence[TopicPartition]) -> None:
        for one in taken:
            self._partitions.remove(one.topic, one.partition)

    def _poll(self) -> int:
        """Takes what came. Returns how many messages that were."""
        try:
            found = self._consumer.consume(AT_ONCE, POLL)
        except KafkaException as error:
            self._note(_told(error))
            return 0
        wall, now, count = self._clock(), time.monotonic(), 0
        for message in found:
            problem, one = message.error(), self._held.get((message.topic() or "", message.partition() or 0))
            if problem is not None and problem.code() != KafkaError._PARTITION_EOF:
                self._note(problem.str())
            elif one is None:
                continue  # of a partition that was taken from us
            elif problem is not None:
                self._partitions.ended(one, now)
                self._counts.problem = ""
            else:
                stamp = message.timestamp()[1] / 1000
                self._partitions.take(one, message.offset() or 0, message.value(), stamp, wall, now)
                count += 1
        if count:
            self._counts.problem = ""
        return count

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._counts.disconnects += 1
        self._note(error.str())

    def _note(self, problem: str) -> None:
        if problem != self._counts.problem:
            log.warning("kafka", extra={"fields": {"source": self.name, "problem": problem}})
        self._counts.problem = problem


def _where(one: Partition) -> TopicPartition:
    return TopicPartition(one.topic, one.number, one.next)


def _told(error: KafkaException) -> str:
    found: str = error.args[0].str()
    return found


def _settings(address: KafkaAddress, on_error: Callable[[KafkaError], None]) -> dict[str, Any]:
    own: dict[str, Any] = {
        "bootstrap.servers": address.brokers,
        "group.id": address.group or "zeek-beacons",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
        "error_cb": on_error,
    }
    defaults = {"max.poll.interval.ms": 1_800_000, "queued.max.messages.kbytes": 65_536, "client.id": "zeek-beacons"}
    return defaults | address.settings | own


def _quiet() -> logging.Logger:
    """Where the library logs; what matters comes by `_on_error`."""
    found = logging.getLogger("zeek_beacons.librdkafka")
    found.setLevel(logging.CRITICAL)
    return found
