"""Hugging Face's TimeSeriesTransformerForPrediction over all series at once; torch is imported only here.

One model of all series, each in deviations from its own baseline. It learns from the training stretch alone, stops when
the end of that stretch is forecast no better, and is kept as safetensors beside a manifest with hashes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import TimeSeriesTransformerConfig, TimeSeriesTransformerForPrediction

from zeek_beacons.forecast.models import kept
from zeek_beacons.forecast.models.forecaster import Expected, Masks, Numbers, SeriesBatch, Stretch
from zeek_beacons.forecast.models.light import least_deviation, without
from zeek_beacons.forecast.windows import AGGREGATES, CALENDAR

CONTEXT, PREDICTION, LAGS = 48, 12, (1, 2, 3)  # windows
PAST = CONTEXT + max(LAGS)
FARTHEST = 10.0  # deviations beyond which a value teaches no more
EXAMPLES, CHECKED = 2048, 512  # drawn for an epoch; series whose last windows say when to stop
MOST_SERIES = 1024  # that it learns from
EPOCHS, PATIENCE, STEP, BATCH = 8, 2, 1e-3, 64
TOGETHER = 256  # series that are forecast at once
LEAST_DEGREES, TINIEST = 2.1, 1e-30


@dataclass(frozen=True, slots=True, eq=False)
class _Scale:
    """A series' own mean and deviation, (n, 1, f)."""

    mean: Numbers
    std: Numbers

    @classmethod
    def of(cls, values: Numbers) -> _Scale:
        std = np.maximum(values.std(axis=1, keepdims=True), least_deviation())
        return cls(values.mean(axis=1, keepdims=True), std)

    def down(self, values: Numbers) -> Numbers:
        scaled: Numbers = np.clip((values - self.mean) / self.std, -FARTHEST, FARTHEST).astype(np.float32)
        return scaled


class Transformer:
    """A Student t for each of the next twelve windows, from the 48 before and the calendar."""

    name = "transformer"
    needed = PAST + 3 * PREDICTION

    def __init__(self, seed: int = 0, trained: Path | None = None) -> None:
        """`trained`: folder of a model that an earlier run kept. Raises ModelError."""
        self._seed = seed
        self._learned: dict[str, Any] = {}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._model: Any = TimeSeriesTransformerForPrediction(_config())
        self._is_trained = trained is not None
        if trained is not None:
            manifest, weights = kept.load(trained, _shape())
            self._model.load_state_dict(weights)
            self._learned = manifest["learned"] | {"from": str(trained)}

    def learn(self, batches: Callable[[], Iterable[SeriesBatch]], train: Stretch) -> dict[str, Any]:
        """Trains, once."""
        if self._is_trained:
            return self._learned
        values, calendar = _gathered(batches(), train)
        if len(values):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self._seed)
                self._learned = self._trained(values, calendar, np.random.default_rng(self._seed))
            self._is_trained = True
        return self._learned

    def expect(self, batch: SeriesBatch, known: Stretch, ahead: Stretch, odd: Masks | None = None) -> Expected:
        """Twelve windows at a time, each from what came before them."""
        before = batch.values[:, known.windows]
        if odd is not None and odd[:, known.windows].any():
            before = without(before, odd[:, known.windows])
        scale = _Scale.of(before)
        shape = (len(batch.values), len(ahead), len(AGGREGATES))
        found = Expected(*(np.zeros(shape, np.float32) for _ in range(3)))
        for origin in range(ahead.begin, ahead.end, PREDICTION):
            steps = min(PREDICTION, ahead.end - origin)
            at = slice(origin - ahead.begin, origin - ahead.begin + steps)
            for begin in range(0, len(batch.values), TOGETHER):
                some = slice(begin, begin + TOGETHER)
                part = _Scale(scale.mean[some], scale.std[some])
                said = self._said(part.down(batch.values[some, origin - PAST : origin]), batch.calendar, origin)
                degrees, middle, spread = (one[:, :steps] for one in said)
                found.mean[some, at] = middle * part.std + part.mean
                deviation = spread * np.sqrt(degrees / (degrees - 2)) * part.std
                found.std[some, at] = np.maximum(deviation, least_deviation())
                far = np.abs(batch.values[some, origin : origin + steps] - found.mean[some, at])
                found.tail[some, at] = student_tail(far / np.maximum(spread * part.std, least_deviation()), degrees)
        return found

    def save(self, folder: Path) -> None:
        """Weights, configuration, manifest."""
        kept.save(folder, self._model.state_dict(), _shape(), {"seed": self._seed, "learned": self._learned})

    def _said(self, past: Numbers, calendar: Numbers, origin: int) -> tuple[Numbers, Numbers, Numbers]:
        """Degrees of freedom, middle and scale of the Student t of each window to come, (n, PREDICTION, f) each.

        Window after window, each from the middles of those before it: nothing is drawn.
        """
        n = len(past)
        ahead = np.minimum(np.arange(origin, origin + PREDICTION), len(calendar) - 1)
        before, after = (
            torch.from_numpy(np.broadcast_to(part, (n, *part.shape)).copy())
            for part in (calendar[origin - PAST : origin], calendar[ahead])
        )
        values = torch.zeros(n, PREDICTION, past.shape[2])
        self._model.eval()
        with torch.no_grad():
            for step in range(PREDICTION):
                out = self._model(
                    past_values=torch.from_numpy(past),
                    past_time_features=before,
                    past_observed_mask=torch.ones(past.shape),
                    future_values=values,
                    future_time_features=after,
                )
                degrees, middle, spread = out.params
                values[:, step] = middle[:, step].clamp(-FARTHEST, FARTHEST)
        middle = middle.clamp(-FARTHEST, FARTHEST)
        return degrees.clamp(min=LEAST_DEGREES).numpy(), middle.numpy(), spread.numpy()

    def _trained(self, values: Numbers, calendar: Numbers, rng: np.random.Generator) -> dict[str, Any]:
        """Epochs until the last windows of the stretch, which are not learned from, get no better."""
        optimizer = torch.optim.AdamW(self._model.parameters(), lr=STEP)
        last = values.shape[1] - PREDICTION
        checked = [(series, last) for series in range(min(len(values), CHECKED))]
        best, best_weights, losses = np.inf, copy.deepcopy(self._model.state_dict()), []
        for _ in range(EPOCHS):
            series, origin = rng.integers(0, len(values), EXAMPLES), rng.integers(PAST, last - PREDICTION + 1, EXAMPLES)
            self._model.train()
            for begin in range(0, EXAMPLES, BATCH):
                examples = zip(
                    series[begin : begin + BATCH].tolist(), origin[begin : begin + BATCH].tolist(), strict=True
                )
                optimizer.zero_grad()
                self._loss(values, calendar, list(examples)).backward()
                torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
                optimizer.step()
            self._model.eval()
            with torch.no_grad():
                losses.append(float(self._loss(values, calendar, checked)))
            if losses[-1] < best:
                best, best_weights = losses[-1], copy.deepcopy(self._model.state_dict())
            elif len(losses) - 1 - int(np.argmin(losses)) >= PATIENCE:
                break
        self._model.load_state_dict(best_weights)
        return {
            "series": len(values),
            "windows": values.shape[1],
            "epochs": len(losses),
            "stopped_early": len(losses) < EPOCHS,
            "validation_loss": [round(loss, 4) for loss in losses],
        }

    def _loss(self, values: Numbers, calendar: Numbers, examples: list[tuple[int, int]]) -> Any:
        """Negative log-likelihood of what follows these origins of these series."""
        cut = {
            "past_values": [values[series, origin - PAST : origin] for series, origin in examples],
            "future_values": [values[series, origin : origin + PREDICTION] for series, origin in examples],
            "past_time_features": [calendar[origin - PAST : origin] for _, origin in examples],
            "future_time_features": [calendar[origin : origin + PREDICTION] for _, origin in examples],
        }
        tensors = {name: torch.from_numpy(np.stack(parts)) for name, parts in cut.items()}
        return self._model(past_observed_mask=torch.ones_like(tensors["past_values"]), **tensors).loss


def _shape() -> dict[str, Any]:
    """What a kept model must agree with."""
    return {
        "prediction_length": PREDICTION,
        "context_length": CONTEXT,
        "lags_sequence": list(LAGS),
        "input_size": len(AGGREGATES),
        "num_time_features": len(CALENDAR),
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "distribution_output": "student_t",
    }


def _config() -> TimeSeriesTransformerConfig:
    return TimeSeriesTransformerConfig(**_shape(), scaling=None, dropout=0.1)


def _gathered(batches: Iterable[SeriesBatch], train: Stretch) -> tuple[Numbers, Numbers]:
    """The training stretch of the first series, each in its own deviations, and its calendar."""
    values, calendar = (
        [np.zeros((0, len(train), len(AGGREGATES)), np.float32)],
        np.zeros((0, len(CALENDAR)), np.float32),
    )
    for batch in batches:
        stretch = batch.values[:, train.windows]
        values.append(_Scale.of(stretch).down(stretch))
        calendar = batch.calendar[train.windows]
        if sum(map(len, values)) >= MOST_SERIES:
            break
    return np.concatenate(values)[:MOST_SERIES], calendar


def student_tail(distance: Numbers, degrees: Numbers) -> Numbers:
    """Two-sided tail of Student's t, by Wallace's normal approximation (Biometrika 46, 1959)."""
    normal = np.sqrt(degrees * np.log1p(distance**2 / degrees)) * (8 * degrees + 1) / (8 * degrees + 3)
    tail: Numbers = torch.special.erfc(torch.from_numpy(normal / np.sqrt(2))).numpy().astype(np.float32)
    return np.clip(tail, TINIEST, 1)
