"""Histogram gradient boosting -> ONNX, node by node: trees as they are, missing values the way they were learned."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper

from zeek_beacons.pairs import Floats


def boosted_onnx(learner: Any, columns: int) -> bytes:
    """A fitted HistGradientBoostingClassifier of three or more classes, without categories, as ONNX bytes."""
    nodes: dict[str, Any] = {
        name: []
        for name in (
            *("nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_values", "nodes_modes"),
            *("nodes_truenodeids", "nodes_falsenodeids", "nodes_missing_value_tracks_true"),
            *("class_treeids", "class_nodeids", "class_ids", "class_weights"),
        )
    }
    trees = [(label, tree) for round_ in learner._predictors for label, tree in enumerate(round_)]
    for number, (label, tree) in enumerate(trees):
        _add(nodes, number, label, tree.nodes)
    classes = [int(label) for label in learner.classes_]
    node = helper.make_node(
        "TreeEnsembleClassifier",
        ["features"],
        ["label", "probabilities"],
        domain="ai.onnx.ml",
        base_values=[float(value) for value in np.ravel(learner._baseline_prediction)],
        classlabels_int64s=classes,
        post_transform="SOFTMAX",
        **nodes,
    )
    given = helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, columns])
    label = helper.make_tensor_value_info("label", TensorProto.INT64, [None])
    chances = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, len(classes)])
    graph = helper.make_graph([node], "classifier", [given], [label, chances])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="zeek_beacons_lab")
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _add(nodes: dict[str, Any], number: int, label: int, tree: Any) -> None:
    """Adds one tree; its leaves count towards one class."""
    limits = not_above(tree["num_threshold"].astype(np.float64))
    for at, row in enumerate(tree):
        leaf = bool(row["is_leaf"])
        nodes["nodes_treeids"].append(number)
        nodes["nodes_nodeids"].append(at)
        nodes["nodes_featureids"].append(0 if leaf else int(row["feature_idx"]))
        nodes["nodes_values"].append(0.0 if leaf else float(limits[at]))
        nodes["nodes_modes"].append("LEAF" if leaf else "BRANCH_LEQ")
        nodes["nodes_truenodeids"].append(0 if leaf else int(row["left"]))
        nodes["nodes_falsenodeids"].append(0 if leaf else int(row["right"]))
        nodes["nodes_missing_value_tracks_true"].append(0 if leaf else int(row["missing_go_to_left"]))
        if leaf:
            nodes["class_treeids"].append(number)
            nodes["class_nodeids"].append(at)
            nodes["class_ids"].append(label)
            nodes["class_weights"].append(float(row["value"]))


def not_above(limits: Floats) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The largest float32 that is not above each limit: the same float32 values lie below it."""
    near = limits.astype(np.float32)
    return np.where(near > limits, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)
