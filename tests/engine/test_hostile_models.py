"""Models of strangers: what their tables, configuration and draws may not be."""

import io
import json

import numpy as np
import onnx
import pytest
from onnx_networks import model_of, node, value, weight

from lamarr_like.engine.artefact import read_artefact
from lamarr_like.engine.atoms import Atoms
from lamarr_like.engine.load import build_model, load_model
from lamarr_like.engine.model_tables import drawn_ranges
from lamarr_like.engine.normal_scores import NormalScores
from lamarr_like.errors import ArtefactError
from lamarr_like.files.find import shipped
from lamarr_like.stages import STAGES
from lamarr_like.stages.bounds import BOUNDS, check_bounds
from lamarr_like.stages.calorimeter.tables import Rules


@pytest.fixture(scope="module")
def models(whole_chain):
    return whole_chain


@pytest.fixture
def generator(models):
    found = read_artefact(models / "resolution-tiny-1")
    return json.loads(json.dumps(found.config)), dict(found.files)


def network_classifier(bias):
    """A classifier whose network gives the same numbers for each row."""
    shape = [value("conditions", "rows", 1)]
    nodes = [node("Mul", "conditions zero", "z"), node("Add", "z bias")]
    weights = [weight("zero", [[0.0]]), weight("bias", [bias])]
    model = model_of(*nodes, weights=weights, inputs=shape, outputs=[value("y", "rows", len(bias))])
    config = {"kind": "classifier", "family": "mlp", "conditions": ["a"]}
    config |= {"classes": [f"c{i}" for i in range(len(bias))], "condition_flags": [True]}
    tables = io.BytesIO()
    np.savez(tables, **NormalScores(np.zeros((0, 2)), np.zeros(0)).to_arrays("conditions"))
    return config, {"model.onnx": model.SerializeToString(), "transforms.npz": tables.getvalue()}


@pytest.mark.parametrize(
    ("bias", "message"),
    [
        ([-85.0, 86.0], "probability of class 'c0' is -85"),
        ([1.5, -0.5], "probability of class 'c0' is 1.5"),
        ([0.5, 0.4], "add up to 0.9"),
        ([0.7, 0.7, 0.7], "add up to 2.0"),
    ],
)
def test_probabilities_that_are_none(bias, message):
    with pytest.raises(ArtefactError, match=rf"^m: .*{message}"):
        build_model(*network_classifier(bias), "m")


def test_probabilities_are_looked_at_for_every_row():
    config, files = network_classifier([0.25, 0.75])
    model = build_model(config, files, "m")
    assert model.predict({"a": np.zeros(3)}).tolist() == [[0.25, 0.75]] * 3
    linear = model_of(
        *(node("Mul", "conditions signs", "z"), node("Add", "z bias")),
        weights=[weight("signs", [[1.0, -1.0]]), weight("bias", [0.5, 0.5])],
        inputs=[value("conditions", "rows", 1)],
    )
    model = build_model(config, {**files, "model.onnx": linear.SerializeToString()}, "m")
    with pytest.raises(ArtefactError, match="probability of class 'c0' is 85.5"):
        model.predict({"a": np.array([0.1, 85.0])})


def test_classes_of_atoms_that_there_are_not(generator):
    config, files = generator
    n = len(config["outputs"])
    config["atoms"]["patterns"] = [[-1] * n, [-1] * (n - 1) + [0]]
    config["atoms"]["values"][-1] = [1.0]
    for atom in (-1.0, 0.5, 2.0, 1e9):
        model = model_of(
            *(node("Identity", "normals", "scores"), node("Mul", "normals zero", "z")),
            *(node("ReduceSum", "z axes", "s", keepdims=1), node("Add", "s which", "atom")),
            weights=[weight("zero", 0.0), weight("axes", [1], np.int64), weight("which", [atom])],
            inputs=[value("normals", "rows", n)],
            outputs=[value("scores", "rows", n), value("atom", "rows", 1)],
        )
        files["model.onnx"] = model.SerializeToString()
        with pytest.raises(ArtefactError, match=rf"^m: class {atom} of its atoms, there are 2"):
            build_model(config, files, "m")


@pytest.mark.parametrize(
    ("path", "new", "message"),
    [
        ("noise.uniforms", 10**9, r"noise\.uniforms: 1000000000 is not within 0 and 256"),
        ("noise.normals", 1.5, r"noise\.normals: expected a whole number, found a number"),
        ("noise", [1, 2], "noise: expected a mapping, found a list"),
        ("noise", {"uniforms": 1, "normals": 1, "laplace": 1}, "noise.laplace is unknown"),
        ("conditions", [], "conditions is empty"),
        ("conditions", ["a", "a"], r"conditions\[1\]: 'a' comes twice"),
        ("conditions", ["a\n"], r"conditions\[0\]: 'a\?' does not look"),
        ("outputs", ["dx"] * 2000, "outputs: 2000 items; there must be 1-1000"),
        ("integer", [True], "integer: 1 items"),
        ("integer", "yes", "integer: expected a list, found text"),
        ("condition_flags", [1, 0], r"condition_flags\[0\]: expected true or false"),
        ("atoms.patterns", [[0]], r"atoms\.patterns\[0\]: 1 codes for"),
        ("atoms.patterns", [["x"]], r"atoms\.patterns\[0\]\[0\]: expected a whole number"),
        ("atoms.values", [[1e300]], r"atoms\.values\[0\]\[0\]: 1e\+300 is not within"),
        ("atoms", None, "atoms: expected a mapping, found nothing"),
        ("kind", "oracle", "unknown kind of model 'oracle'; known are classifier, generator"),
        ("kind", ["generator"], "kind: expected text, found a list"),
    ],
)
def test_configurations_that_are_wrong(generator, path, new, message):
    config, files = generator
    build_model(config, files, "m")
    *way, last = path.split(".")
    place = config
    for step in way:
        place = place[step]
    place[last] = new
    with pytest.raises(ArtefactError, match=rf"^m/config\.json: {message}"):
        build_model(config, files, "m")


def test_codes_of_atoms_that_there_are_not(generator):
    config, files = generator
    n = len(config["outputs"])
    for k, code in ((0, -2), (1, -4), (0, 0), (n - 1, 1)):
        pattern = [-1] * n
        pattern[k] = code
        config["atoms"]["patterns"] = [pattern]
        with pytest.raises(ArtefactError, match=rf"patterns\[0\]\[{k}\]: {code} is no code"):
            build_model(config, files, "m")


def changed_tables(files, **changes):
    with np.load(io.BytesIO(files["transforms.npz"])) as archive:
        tables = dict(archive)
    tables |= {k: change(tables[k]) for k, change in changes.items()}
    out = io.BytesIO()
    np.savez(out, **tables)
    return {**files, "transforms.npz": out.getvalue()}


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("outputs_knots", lambda a: a[:, ::-1], "in disorder"),
        ("outputs_knots", lambda a: a * np.nan, "not finite"),
        ("outputs_knots", lambda a: np.sort(np.sign(a) * 1e300), "too large"),
        ("outputs_knots", lambda a: a[1:], r"expected \("),
        ("outputs_knots", lambda a: a[:, :1], "the shape"),
        ("outputs_knots", lambda a: a.astype("U5"), "no tables"),
        ("outputs_limits", lambda a: -a, "not within 0 and 10"),
        ("outputs_limits", lambda a: a * np.nan, "not within 0 and 10"),
        ("conditions_limits", lambda a: a * 1e9, "not within 0 and 10"),
        ("conditions_knots", lambda a: np.full_like(a, np.inf), "not finite"),
    ],
)
def test_tables_that_are_wrong(generator, name, change, message):
    config, files = generator
    with pytest.raises(ArtefactError, match=rf"^m: (outputs|conditions) in transforms.*{message}"):
        build_model(config, changed_tables(files, **{name: change}), "m")


def test_whole_numbers_that_overflow(generator):
    config, files = generator
    assert True in config["integer"]
    files = changed_tables(files, outputs_knots=lambda a: np.sort(np.sign(a - a.mean()) * 1e12))
    with pytest.raises(ArtefactError, match="too large"):
        build_model(config, files, "m")


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([[1, 2], [3]], r"reference_pairs\[1\]: 1 items; there must be 2"),
        ([[1, 2.5]], r"reference_pairs\[0\]\[1\]: expected a whole number"),
        (
            [[1, 10**30]],
            r"reference_pairs\[0\]\[1\]: 10{30} is not within",
        ),
        ([[-85, 1]], r"reference_pairs\[0\]\[0\]: -85 is not within"),
        ("x", "reference_pairs: expected a list, found text"),
        ([], "lacks 'reference_pairs'"),
    ],
)
def test_occupancies_that_cannot_be(models, pairs, message):
    found = read_artefact(models / "occupancy-tiny-1")
    model = load_model(found)
    with pytest.raises(ArtefactError, match=f"^stage 'occupancy': .*{message}"):
        STAGES["occupancy"](model, {**found.config, "reference_pairs": pairs})


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"least_et": "x"}, "least_et: expected a number, found text"),
        ({"resolution": {"energy": [1, 1, 1]}}, r"resolution\.place is missing"),
        ({"resolution": {"energy": [1], "place": []}}, r"resolution\.energy: 1 items"),
        ({"spacing": [1.0]}, "spacing: 1 numbers, not 49"),
        ({"leak": [float("inf")]}, r"leak\[0\]: inf is not finite"),
    ],
)
def test_rules_of_clusters_that_cannot_be(item, message):
    found = read_artefact(shipped("models") / "ecal-k-to-k-pp13-1")
    Rules.of(found.config)
    with pytest.raises(ArtefactError, match=f"^stage 'ecal': .*{message}"):
        Rules.of({**found.config, **item})


def test_a_translator_is_tried():
    """Its networks give numbers that are none: found when it is loaded."""
    found = read_artefact(shipped("models") / "ecal-k-to-k-pp13-1")
    for name, tensor, told in (
        ("encoder", "probabilities", "probability of class"),
        ("decoder", "conditions", "output 'conditions' is"),
        ("head", "scores", "output 'scores' is"),
    ):
        model = onnx.ModelProto.FromString(found.files[f"{name}.onnx"])
        (last,) = (n for n in model.graph.node if n.output[0] == tensor)
        last.output[0] = "before"
        # The logarithm of what is not positive.
        low = [node("Sub", "before before", "zero"), node("Sub", "zero one", "low")]
        made = (
            [node("Identity", "low", tensor)] if name == "encoder" else [node("Log", "low", tensor)]
        )
        model.graph.node.extend([*low, *made])
        model.graph.initializer.append(weight("one", [1.0]))
        files = {**found.files, f"{name}.onnx": model.SerializeToString()}
        with pytest.raises(ArtefactError, match=rf"m/{name}\.onnx: .*{told}"):
            build_model(found.config, files, "m")


def test_shipped_models_draw_what_can_be():
    found = {}
    for path in sorted(shipped("models").iterdir()):
        ranges = getattr(load_model(path), "ranges", {})
        check_bounds(path.name, load_model(path))
        found |= ranges
    # Models of earlier versions drew ratios of ProbNN to that of the pion.
    before = {name for name in BOUNDS if name.endswith("_over_pi")}
    assert set(BOUNDS) - before <= set(found)


@pytest.mark.parametrize(
    ("output", "low", "message"),
    [
        ("ghost_prob", -85.0, r"ghost_prob from -85 to [0-9.]+, which can only lie within 0 and 1"),
        ("chi2_per_dof", -85.0, "chi2_per_dof from -85"),
        ("n_dof", -85.0, "n_dof from -85"),
    ],
)
def test_draws_that_cannot_be(models, tmp_path, output, low, message):
    artefact = read_artefact(models / "resolution-tiny-1")
    k = artefact.config["outputs"].index(output)

    def stretched(knots):
        knots[k, 0] = low
        return knots

    files = changed_tables(artefact.files, outputs_knots=stretched)
    model = build_model(artefact.config, files, "m")
    assert model.ranges[output][0] == low
    with pytest.raises(ArtefactError, match=rf"^stage 'resolution': its model draws {message}"):
        STAGES["resolution"](model, artefact.config)
    config = json.loads(json.dumps(artefact.config))
    config["atoms"]["values"][k] = [low]
    model = build_model(config, artefact.files, "m")
    with pytest.raises(ArtefactError, match=message.split(" from")[0]):
        STAGES["resolution"](model, config)


def test_a_copy_draws_what_its_original_does():
    scores = NormalScores(np.array([[-85.0, 1.0], [0.0, 1.0]]), np.ones(2))
    atoms = Atoms([[], [3.0]], np.array([[-1, -2], [-1, 0]]))
    assert drawn_ranges(("a", "b"), scores, atoms) == {"a": (-85.0, 1.0), "b": (-85.0, 3.0)}
