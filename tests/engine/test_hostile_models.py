"""Models of strangers: what a network, its tables, its configuration or its trees may not do."""

import hashlib
import io
import json
import struct

import numpy as np
import onnx
import pytest
import xgboost as xgb
from onnx import TensorProto, helper, numpy_helper
from tiny_models import write_models

from lamarr_like.engine import onnx_check
from lamarr_like.engine.artefact import read_artefact
from lamarr_like.engine.atoms import Atoms
from lamarr_like.engine.booster_check import check_booster
from lamarr_like.engine.load import build_model, load_model
from lamarr_like.engine.model_tables import drawn_ranges
from lamarr_like.engine.normal_scores import NormalScores
from lamarr_like.engine.onnx_check import OPERATORS, check_model, measure
from lamarr_like.engine.onnx_file import parse_model
from lamarr_like.engine.onnx_session import BLOCKS, SEQUENCES, Network, Session
from lamarr_like.engine.shipped_networks import SHIPPED
from lamarr_like.errors import ArtefactError
from lamarr_like.files.find import shipped
from lamarr_like.stages import STAGES
from lamarr_like.stages.bounds import BOUNDS, check_bounds
from lamarr_like.stages.calorimeter.tables import Rules

ROWS = [{"": BLOCKS[0]}]


def value(name, *shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def node(op, inputs, output="y", **attributes):
    return helper.make_node(op, inputs.split(), [output], **attributes)


def weight(name, values, dtype=np.float32):
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def graph_of(nodes, weights=(), width=2, inputs=None, outputs=None):
    inputs = inputs or [value("x", "rows", 2)]
    outputs = outputs or [value("y", "rows", width)]
    return helper.make_graph(list(nodes), "g", inputs, outputs, list(weights))


def model_of(*nodes, weights=(), opsets=None, **options):
    opsets = opsets or [helper.make_opsetid("", 17)]
    model = helper.make_model(graph_of(nodes, weights, **options), opset_imports=opsets)
    model.ir_version = 8
    return model


def checked(model, sizes=ROWS):
    content = model if isinstance(model, bytes) else model.SerializeToString()
    check_model(content, "m/model.onnx", sizes)
    return content


def refused(model, message, sizes=ROWS):
    with pytest.raises(ArtefactError, match=rf"m/model\.onnx is no network .*{message}"):
        checked(model, sizes)


def inner(*nodes):
    """A graph in a graph."""
    return helper.make_graph(list(nodes), "inner", [], [value("z", "rows", 2)])


# --- what a network may do


def test_a_plain_network_is_run():
    model = model_of(node("Mul", "x w"), weights=[weight("w", [2.0, 3.0])])
    network = Network(checked(model), "m")
    np.testing.assert_array_equal(network(x=np.ones((3, 2), np.float32))[0], [[2, 3]] * 3)


def test_shipped_networks_use_the_operators_allowed():
    used, sums = set(), set()
    for path in sorted(shipped("models").glob("*/*.onnx")):
        graph = parse_model(path.read_bytes())
        for sizes in SEQUENCES if path.stem in ("encoder", "decoder") else ROWS:
            measure(graph, sizes)
        sums.add(hashlib.sha256(path.read_bytes()).hexdigest())
        used |= {one.op for one in graph.nodes}
        wanted = {n.name for n in onnx.load(path).graph.initializer}
        assert set(graph.weights) == wanted
    assert used <= set(OPERATORS) and len(used) > 20
    assert sums == SHIPPED, "see lamarr_like/engine/shipped_networks.py"


def test_shapes_and_costs_are_those_of_the_run():
    """The shapes that the check finds are those that ONNX Runtime makes."""
    path = shipped("models") / "ecal-pp13-1" / "encoder.onnx"
    model, graph = onnx.load(path), parse_model(path.read_bytes())
    sizes = {"rows": 24, "pieces": 3, "length": 8, "absorbers": 9}
    del model.graph.output[:]
    floats = [n.output[0] for n in model.graph.node if n.op_type in ("MatMul", "Mul", "Gather")]
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in floats[:40])
    import onnxruntime as ort

    run = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(1)
    feed = {
        i.name: rng.uniform(1, 2, [sizes.get(n, n) for n in i.shape]).astype(np.float32)
        for i in run.get_inputs()
    }
    for name, values in zip(floats[:40], run.run(None, feed), strict=True):
        declared = onnx_check.Value(name, onnx_check.FLOAT, values.shape)
        if values.dtype == np.float32:
            measure(graph._replace(inner=[declared]), sizes)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (node("Loop", "n c x", body=inner(node("Identity", "x", "z"))), "a graph"),
        (node("If", "c", then_branch=inner(), else_branch=inner()), "a graph"),
        (node("Scan", "x", body=inner(), num_scan_inputs=1), "a graph"),
        (node("ConstantOfShape", "s"), "'ConstantOfShape' is not among those allowed"),
        (node("Tile", "x s"), "'Tile' is not"),
        (node("Expand", "x s"), "'Expand' is not"),
        (node("Range", "x x x"), "'Range' is not"),
        (node("Resize", "x"), "'Resize' is not"),
        (node("Pad", "x s"), "'Pad' is not"),
        (node("RandomNormalLike", "x"), "'RandomNormalLike' is not"),
        (node("RandomUniformLike", "x"), "'RandomUniformLike' is not"),
        (node("Multinomial", "x", sample_size=1), "'Multinomial' is not"),
        (node("Bernoulli", "x"), "'Bernoulli' is not"),
        (node("Dropout", "x"), "'Dropout' is not"),
        (node("NonZero", "x"), "'NonZero' is not"),
        (node("StringNormalizer", "x"), "'StringNormalizer' is not"),
        (node("Constant", "", value=weight("", [1.0])), "a tensor"),
        (node("Constant", "", value_string="x"), "text"),
        (node("Mul", "x x", domain="com.microsoft"), "Mul of another domain"),
        (helper.make_node("Identity", ["x"], ["y", "z"]), "Identity with 2 outputs"),
        (node("Identity", "absent"), "'absent', which is not there before it"),
        (node("Identity", "y"), "'y', which is not there before it"),
        (node("Relu", "x", axis=1), "Relu with the attribute axis"),
        (node("LeakyRelu", "x", alpha=float("nan")), "LeakyRelu with the attribute alpha of nan"),
        (node("Transpose", "x", perm=[0, 0]), "order"),
        (node("Softmax", "x", axis=7), "axis 7 of 2"),
        (node("Cast", "x", to=TensorProto.STRING), "type 8"),
        (node("Reshape", "x x"), "a shape or place that is computed"),
        (node("Concat", "x x", axis=0), "the shape"),
        (node("Identity", "x", "x"), "'x' comes twice"),
    ],
)
def test_what_a_network_may_not_do(made, message):
    refused(model_of(made), message)


def test_forms_that_are_not_read():
    plain = model_of(node("Identity", "x"))
    for change, message in (
        (lambda m: m.metadata_props.add(key="a", value="b"), "metadata"),
        (lambda m: m.functions.add(name="f"), "functions"),
        (lambda m: m.opset_import.add(domain="com.microsoft", version=1), "another domain"),
        (lambda m: m.graph.sparse_initializer.add(), "sparse weights"),
        (lambda m: m.graph.initializer.add(name="w", data_type=1, float_data=[1.0]), "not raw"),
        (lambda m: m.graph.initializer.add(name="w", data_type=8, string_data=[b"a"]), "texts"),
        (lambda m: m.graph.initializer.add(name="w", data_type=1, dims=[2**62]), "another size"),
        (lambda m: m.graph.initializer.add(name="w", data_type=1, dims=[-1]), "another size"),
        (lambda m: m.graph.initializer.append(weight("x", [1.0])), "'x' comes twice"),
        (lambda m: m.graph.initializer.append(weight("w", [np.nan])), "'w' is not finite"),
        (lambda m: m.graph.value_info.append(value("y", "rows", 7)), "not the declared one"),
        (lambda m: m.graph.value_info.append(value("q", "rows", 7)), "nothing makes 'q'"),
        (lambda m: m.graph.output.append(value("q", "rows", 7)), "nothing makes 'q'"),
        (lambda m: m.graph.output.append(value("y", 10**9)), "axis of length 1000000000"),
        (lambda m: m.graph.input.append(value("q", *"abcdefg")), "7 axes"),
        (lambda m: m.graph.input.append(value("q", 1, kind=TensorProto.STRING)), "no tensor"),
    ):
        model = onnx.ModelProto()
        model.CopyFrom(plain)
        change(model)
        refused(model, message)
    content = plain.SerializeToString()
    checked(content)
    refused(content + content, "a model with two fields")
    refused(content + b"\xfa\x3f\x00", "a model with the field 1023")
    refused(content[:-3], "")
    refused(b"ORTM" + bytes(100), "")
    refused(b"", "no graph")
    refused(b"\xff" * 20, "too long")
    refused(model_of(node("Identity", "x"), opsets=[helper.make_opsetid("", 9)]), "operator set 9")


def test_external_data_is_not_read(tmp_path, monkeypatch):
    """The weights of such a model are in a file of the current folder, which has no checksum."""
    model = model_of(node("Mul", "x w"), weights=[weight("w", np.full(2, 3.0))])
    for name in ("plain", "told"):
        tensor = model.graph.initializer[0]
        if name == "told":
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="w.bin")
            (tmp_path / "w.bin").write_bytes(np.full(2, 9.0, np.float32).tobytes())
            monkeypatch.chdir(tmp_path)
            with pytest.raises(ArtefactError, match="external data"):
                Network(model.SerializeToString(), "m")
            tensor.data_location = TensorProto.DEFAULT
            with pytest.raises(ArtefactError, match="external data"):
                Session(model.SerializeToString(), "m", ROWS)
        else:
            assert Network(model.SerializeToString())(x=np.ones((1, 2), np.float32))[0][0, 0] == 3.0


# --- what it may cost


def doubled(times, axis):
    nodes = [node("Concat", f"t{i} t{i}", f"t{i + 1}", axis=axis) for i in range(times)]
    return [node("Identity", "x", "t0"), *nodes]


def test_tensors_that_grow(monkeypatch):
    refused(model_of(*doubled(40, 1)), "needs [0-9]+ bytes of memory")
    flat = weight("flat", [-1, 1], np.int64), weight("wide", [1, -1], np.int64)
    big = [node("Reshape", "x flat", "a"), node("Concat", "a a a a a a a a", "b", axis=0)]
    big += [node("Concat", "b b b b b b b b", "c", axis=0), node("Reshape", "c wide", "d")]
    refused(model_of(*big, node("MatMul", "c d"), weights=flat), "bytes of memory")
    refused(model_of(*big, node("Add", "c d"), weights=flat), "bytes of memory")
    # Weights alone: folded when it is loaded.
    outer = weight("a", np.ones((8000, 1))), weight("b", np.ones((1, 8000)))
    refused(model_of(node("MatMul", "a b"), weights=outer), "weights alone|bytes of memory")
    square = weight("a", np.ones((300, 300)))
    many = [node("MatMul", "a a", "a0")]
    many += [node("MatMul", f"a{i} a", f"a{i + 1}") for i in range(1500)]
    refused(model_of(*many, weights=[square]), "multiplies too many|weights alone")


def test_shapes_that_grow_for_few_rows():
    """From the end to a place from the start: nothing of 1024 rows, all of 128."""
    ends = weight("a", [-130], np.int64), weight("b", [700], np.int64), weight("c", [0], np.int64)
    refused(model_of(node("Slice", "x a b c"), weights=ends), "from the end to a place")
    step = [weight(n, [v], np.int64) for n, v in (("a", -1), ("b", 0), ("c", 0), ("d", -1))]
    refused(model_of(node("Slice", "x a b c d"), weights=step), "a step that is not 1")


def test_whole_numbers_are_not_divided():
    """ONNX Runtime ends the process where such a divisor is 0."""
    nodes = [node("Cast", "x", "i", to=TensorProto.INT64), node("Sub", "i i", "zero")]
    nodes += [node("Div", "i zero", "j"), node("Cast", "j", to=TensorProto.FLOAT)]
    refused(model_of(*nodes), "Div 'j': types that do not fit")


def test_too_many_nodes():
    nodes = [node("Identity", "x", "t0")]
    nodes += [node("Identity", f"t{i}", f"t{i + 1}") for i in range(4001)]
    refused(model_of(*nodes), "more than 4000 of node")


# --- what it gives


def test_numbers_that_are_none_are_found():
    network = Network(checked(model_of(node("Log", "x"))), "m/model.onnx")
    assert network(x=np.ones((2000, 2), np.float32))[0].shape == (2000, 2)
    x = np.ones((2000, 2), np.float32)
    for bad, told in ((-1.0, "nan"), (0.0, "-inf")):
        x[1500, 1] = bad
        with pytest.raises(ArtefactError, match=rf"m/model\.onnx: its output 'y' is {told}"):
            network(x=x)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    from chain_fakes import fake_stages, truth_events

    from lamarr_like.chain.pipeline import Pipeline

    folder = tmp_path_factory.mktemp("models")
    write_models(folder, Pipeline(fake_stages())(truth_events(60, seed=5), seed=1))
    return folder


@pytest.fixture
def generator(models):
    found = read_artefact(models / "resolution-tiny-1")
    return json.loads(json.dumps(found.config)), dict(found.files)


@pytest.fixture
def booster(models):
    found = read_artefact(models / "efficiency-tiny-1")
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


# --- its configuration and tables


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
        ({"spacing": [1.0]}, "spacing: 1 numbers, not 7"),
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


# --- what it draws


def test_shipped_models_draw_what_can_be():
    found = {}
    for path in sorted(shipped("models").iterdir()):
        ranges = getattr(load_model(path), "ranges", {})
        check_bounds(path.name, load_model(path))
        found |= ranges
    assert set(BOUNDS) <= set(found)


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


# --- trees


class Writer:
    """UBJSON as XGBoost writes it."""

    @staticmethod
    def text(value):
        return b"L" + struct.pack(">q", len(value.encode())) + value.encode()

    @classmethod
    def value(cls, value):
        if isinstance(value, dict):
            parts = [cls.text(k) + cls.value(v) for k, v in value.items()]
            return b"{" + b"".join(parts) + b"}"
        if isinstance(value, np.ndarray):
            mark = {"f4": b"d", "i4": b"l", "u1": b"U", "i8": b"L"}[value.dtype.str[1:]]
            size = b"L" + struct.pack(">q", len(value))
            return b"[$" + mark + b"#" + size + value.tobytes()
        if isinstance(value, list):
            return b"[#L" + struct.pack(">q", len(value)) + b"".join(map(cls.value, value))
        if isinstance(value, str):
            return b"S" + cls.text(value)
        return b"l" + struct.pack(">i", value)


def tree_of_levels(levels, n_features):
    """A tree whose right children go on and on."""
    n = 2 * levels - 1
    inner = np.arange(0, n - 1, 2) if levels > 1 else np.zeros(0, int)
    left, right = np.full(n, -1), np.full(n, -1)
    left[inner], right[inner] = inner + 1, inner + 2
    parents = np.full(n, 2**31 - 1)
    parents[inner + 1] = parents[inner + 2] = inner
    tree = {name: np.zeros(n, kind) for name, kind in {
        **dict.fromkeys(("base_weights", "loss_changes", "split_conditions", "sum_hessian"), ">f4"),
        **dict.fromkeys(("default_left", "split_type"), "u1"), "split_indices": ">i4",
    }.items()}  # fmt: skip
    tree |= {"left_children": left.astype(">i4"), "right_children": right.astype(">i4")}
    tree |= {"parents": parents.astype(">i4"), "categories": np.zeros(0, ">i4")}
    tree |= {"categories_nodes": np.zeros(0, ">i4"), "categories_sizes": np.zeros(0, ">i8")}
    tree |= {"categories_segments": np.zeros(0, ">i8")}
    params = {"num_deleted": "0", "num_feature": str(n_features), "num_nodes": str(n)}
    return {**tree, "id": 0, "tree_param": {**params, "size_leaf_vector": "1"}}


def forest(*trees, n_features=2):
    for number, tree in enumerate(trees):
        tree["id"] = number
    model = {
        "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": str(len(trees))},
        "iteration_indptr": list(range(len(trees) + 1)),
        "tree_info": [0] * len(trees),
        "trees": list(trees),
    }
    params = {"base_score": "5E-1", "boost_from_average": "0", "num_class": "0"}
    learner = {
        "attributes": {},
        "feature_names": [],
        "feature_types": [],
        "gradient_booster": {"model": model, "name": "gbtree"},
        "learner_model_param": {**params, "num_feature": str(n_features), "num_target": "1"},
        "objective": {"name": "binary:logistic", "reg_loss_param": {"scale_pos_weight": "1"}},
    }
    return {"learner": learner, "version": [2, 1, 0]}


def of(model):
    """The parts of a forest that are changed below."""
    inner = model["learner"]["gradient_booster"]["model"]
    return inner, inner["trees"][0], model["learner"]


def test_a_forest_of_ours_is_read_by_xgboost():
    content = Writer.value(forest(tree_of_levels(20, 2), tree_of_levels(1, 2)))
    check_booster(content, "m", 2, 2)
    found = xgb.Booster()
    found.load_model(bytearray(content))
    assert found.inplace_predict(np.zeros((1, 2), np.float32)).tolist() == [0.5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m, t, x: t["tree_param"].update(size_leaf_vector="-1"), "leaves that are no numb"),
        (
            lambda m, t, x: t["tree_param"].update(size_leaf_vector="2"),
            "leaves that are no numbers",
        ),
        (lambda m, t, x: t["tree_param"].update(num_deleted="-3"), "deleted nodes"),
        (lambda m, t, x: t["tree_param"].update(num_feature="900"), "a tree for other features"),
        (lambda m, t, x: t["tree_param"].update(num_nodes="5 "), "num_nodes is no whole number"),
        (lambda m, t, x: t["tree_param"].update(extra="1"), "an item 'extra' that is not known"),
        (lambda m, t, x: t.update(id=1), "tree 0 has another number"),
        (lambda m, t, x: m["trees"][1].update(id=0), "tree 1 has another number"),
        (lambda m, t, x: m["trees"].reverse(), "tree 0 has another number"),
        (lambda m, t, x: t.update(parents=t["parents"].astype(">i8")), "parents of another"),
        (lambda m, t, x: t.update(split_conditions=t["split_conditions"][1:]), "another length"),
        (lambda m, t, x: t.update(categories=np.ones(1, ">i4")), "splits by categories"),
        (lambda m, t, x: t["split_type"].fill(1), "splits by categories"),
        (lambda m, t, x: t["default_left"].fill(7), "a direction that is none"),
        (lambda m, t, x: t["split_indices"].fill(2), "a feature that there is not"),
        (lambda m, t, x: t["split_conditions"].fill(np.inf), "no finite leaves"),
        (lambda m, t, x: m.update(tree_info=[0, 1]), "trees in disorder"),
        (lambda m, t, x: m.update(iteration_indptr=[0, 2, 1]), "iterations in disorder"),
        (lambda m, t, x: m["gbtree_model_param"].update(num_trees="1"), "missing trees"),
        (
            lambda m, t, x: m["gbtree_model_param"].update(num_parallel_tree="2"),
            "num_parallel_tree",
        ),
        (lambda m, t, x: m.update(cats={"enc": [1]}), "categories"),
        (lambda m, t, x: x["gradient_booster"].update(name="dart"), "no boosted trees"),
        (lambda m, t, x: x["gradient_booster"].update(weight_drop=[1]), "item 'weight_drop'"),
        (lambda m, t, x: x["learner_model_param"].update(num_target="3"), "num_target is 3"),
        (lambda m, t, x: x["learner_model_param"].update(num_class="9"), "not 2 classes"),
        (
            lambda m, t, x: x["learner_model_param"].update(base_score="nan"),
            "a number that is none",
        ),
        (lambda m, t, x: x["learner_model_param"].update(base_score="0"), "base score 0"),
        (
            lambda m, t, x: x["learner_model_param"].update(base_score="[0.5,0.5,0.5]"),
            "base scores",
        ),
        (lambda m, t, x: x["objective"].update(name="reg:squarederror"), "no classifier's"),
        (lambda m, t, x: x["objective"].update(extra={}), "item 'extra'"),
        (lambda m, t, x: x.update(feature_types=["c", "c"]), "features that are no numbers"),
        (lambda m, t, x: x.update(Config={}), "item 'Config'"),
    ],
)
def test_forests_that_are_none(change, message):
    model = forest(tree_of_levels(3, 2), tree_of_levels(2, 2))
    check_booster(Writer.value(model), "m", 2, 2)
    change(*of(model))
    with pytest.raises(ArtefactError, match=rf"^m: model\.ubj is no sound boosted .*{message}"):
        check_booster(Writer.value(model), "m", 2, 2)


def test_a_tree_of_a_million_levels():
    for levels in (129, 1_000_000):
        model = Writer.value(forest(tree_of_levels(levels + 1, 2)))
        with pytest.raises(ArtefactError, match="more than 128 levels"):
            check_booster(model, "m", 2, 2)
    check_booster(Writer.value(forest(tree_of_levels(129, 2))), "m", 2, 2)


def test_nodes_in_a_circle():
    """A root that is a leaf, and beside it nodes that are each other's children."""
    tree = tree_of_levels(3, 2)
    for name, values in (
        ("left_children", [-1, 2, 1, -1, -1]),
        ("right_children", [-1, 3, 4, -1, -1]),
        ("parents", [2**31 - 1, 2, 1, 1, 2]),
    ):
        tree[name] = np.array(values, ">i4")
    with pytest.raises(ArtefactError, match="with a circle"):
        check_booster(Writer.value(forest(tree)), "m", 2, 2)


def test_boosters_of_this_version_are_read(booster):
    config, files = booster
    sizes = len(config["conditions"]), len(config["classes"])
    check_booster(files["model.ubj"], "m", *sizes)
    with pytest.raises(ArtefactError, match="classes"):
        check_booster(files["model.ubj"], "m", sizes[0], sizes[1] + 1)
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(200, 3)), rng.integers(0, 3, 200)
    for options in ({"max_depth": 2}, {"grow_policy": "lossguide", "max_leaves": 40}, {"gamma": 1}):
        found = xgb.XGBClassifier(n_estimators=3, n_jobs=1, objective="multi:softprob", **options)
        content = bytes(found.fit(x, y).get_booster().save_raw("ubj"))
        check_booster(content, "m", 3, 3)
