"""Control put onto a generator of codes by hand: its files, and the network of a law."""

import io
import json

import numpy as np

from lamarr_like.nets.onnx_graph import Graph
from lamarr_like.nets.sample import archive
from lamarr_like.responses.properties import names_of
from lamarr_like.responses.response import read_response

WIDTH = 0.5
"""Standard deviation of each property, whose mean is nought."""


def law_network(n_given, n_out):
    """An ONNX file that gives `n_out` numbers, the same for all conditions."""
    built = Graph()
    bias = np.repeat([0.0, np.log(WIDTH)], n_out // 2)
    given = built.input("conditions", n_given)
    built.output("moments", built.dense(given, np.zeros((n_given, n_out)), bias), n_out)
    return built.build()


def with_control(files):
    """The files of a generator of codes with one latent for each property."""
    config = json.loads(files["config.json"])
    response = read_response(config["response"], "config.json")
    names = names_of(response)
    tables = dict(np.load(io.BytesIO(files["transforms.npz"])))
    tables["property_knots"] = np.tile(np.linspace(-4.5, 4.5, 11), (len(names), 1))
    config["control"] = {"properties": list(names), "mixing": np.eye(len(names)).tolist()}
    return files | {
        "config.json": json.dumps(config).encode(),
        "transforms.npz": archive(tables),
        "properties.onnx": law_network(len(tables["given_mean"]), 2 * len(names)),
    }
