"""Networks of strangers: what they may do, how large they may get, what of them is read."""

import hashlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_networks import model_of, node, value, weight

from lamarr_like.engine import onnx_check
from lamarr_like.engine.artefact import read_artefact
from lamarr_like.engine.booster_check import check_booster, read_booster
from lamarr_like.engine.load import build_model
from lamarr_like.engine.onnx_check import OPERATORS, check_model, measure
from lamarr_like.engine.onnx_file import parse_model
from lamarr_like.engine.onnx_session import BLOCK, SEQUENCES, Network, Session
from lamarr_like.engine.shipped_networks import SHIPPED
from lamarr_like.errors import ArtefactError
from lamarr_like.files.find import shipped

ROWS = [{"": BLOCK}]


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


def test_a_plain_network_is_run():
    model = model_of(node("Mul", "x w"), weights=[weight("w", [2.0, 3.0])])
    network = Network(checked(model), "m")
    np.testing.assert_array_equal(network(x=np.ones((3, 2), np.float32))[0], [[2, 3]] * 3)


TREES = sorted(shipped("models").glob("*/*.ubj"))


def test_shipped_trees_pass_the_check_that_their_loading_leaves_out():
    for path in TREES:
        config = read_artefact(path.parent).config
        sizes = len(config["conditions"]), len(config["classes"])
        content = path.read_bytes()
        check_booster(content, "m", 0, 0)  # known
        read_booster(content, "m", *sizes)
        with pytest.raises(ArtefactError, match="features"):
            read_booster(content, "m", sizes[0] + 1, sizes[1])
    assert len(TREES) > 2


def test_shipped_trees_for_other_conditions_are_refused():
    """Their bytes are not read, so XGBoost itself and the rehearsal have to tell."""
    found = read_artefact(TREES[0].parent)
    for change in (
        {"conditions": [*found.config["conditions"], "one_more"]},
        {"classes": [*found.config["classes"], "one_more"]},
    ):
        with pytest.raises(ArtefactError, match="features|probabilities"):
            build_model({**found.config, **change}, found.files, "m")


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
    sums |= {hashlib.sha256(path.read_bytes()).hexdigest() for path in TREES}
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


def test_numbers_that_are_none_are_found():
    network = Network(checked(model_of(node("Log", "x"))), "m/model.onnx")
    assert network(x=np.ones((2000, 2), np.float32))[0].shape == (2000, 2)
    x = np.ones((2000, 2), np.float32)
    for bad, told in ((-1.0, "nan"), (0.0, "-inf")):
        x[1500, 1] = bad
        with pytest.raises(ArtefactError, match=rf"m/model\.onnx: its output 'y' is {told}"):
            network(x=x)
