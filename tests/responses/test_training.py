"""What trainings of responses share: the figure they are judged by, the networks they export."""

import numpy as np
import pytest
from blobs import BLOBS, blobs

tf = pytest.importorskip("tensorflow")

from lamarr_like.engine.onnx_session import Network  # noqa: E402
from lamarr_like.responses.blocks import Layout, Shells  # noqa: E402
from lamarr_like.responses.config import LibraryConfig, SplittingConfig  # noqa: E402
from lamarr_like.responses.filling import OUTPUTS, drawn_share, splits_of  # noqa: E402
from lamarr_like.responses.frame import Frame  # noqa: E402
from lamarr_like.responses.training.codes import CodeSample  # noqa: E402
from lamarr_like.responses.training.filling import fit_filling  # noqa: E402
from lamarr_like.responses.training.judge import HeldOut, base_spec  # noqa: E402
from lamarr_like.responses.training.library import fit_library  # noqa: E402
from lamarr_like.responses.training.splitting import SplittingTrainer  # noqa: E402
from lamarr_like.rng import stream_keys  # noqa: E402

pytestmark = pytest.mark.usefixtures("eager")


def test_states_are_judged_on_what_was_held_out():
    sample = blobs(600)
    trained = fit_library(sample.take(slice(0, 500)), LibraryConfig(), progress=False)
    held = HeldOut(trained.config, {}, sample.take(slice(500, None)), LibraryConfig())
    figure = held(trained.files)
    assert figure.rows == 100 and 0.35 < figure.value < 0.8
    assert held(trained.files) == figure
    few = HeldOut(trained.config, {}, sample.take(slice(0, 10)), LibraryConfig())
    assert np.isnan(few(trained.files).value)
    spec = base_spec(BLOBS, LibraryConfig())
    assert spec["family"] == "library" and spec["conditions"][1] == "energy"


def test_network_of_the_cells_learns_their_shares():
    sample = blobs(400)
    frame = Frame.fit(BLOBS, sample.seen, sample.arrays)
    placement, layout = frame.place(sample.seen), Layout(BLOBS, Shells(1, (2,)))
    hits = placement.to_frame(sample.hits)
    scale = BLOBS.feature("log_energy")
    settings = SplittingConfig(filling_steps=40, filling_batch=512, filling_hidden=16, ema=0.9)
    arguments = (layout, placement, hits, placement.given, scale)
    network = Network(fit_filling(*arguments, settings, progress=False))
    inputs, shares = splits_of(*arguments)
    law = network(node=inputs)[0]
    assert law.shape == (len(shares), OUTPUTS)
    drawn = drawn_share(law, stream_keys(1, "t", np.arange(len(shares))))
    assert abs((drawn == 0).mean() - (shares == 0).mean()) < 0.05
    assert abs(drawn.mean() - shares.mean()) < 0.03
    cells = Layout(BLOBS, Shells(30, ()))
    whole = fit_filling(cells, *arguments[1:], settings, progress=False)
    assert whole is None


def test_splitting_says_what_a_draw_needs():
    rng = np.random.default_rng(1)
    given = rng.normal(size=(256, 3)).astype(np.float32)
    scores = (0.9 * given[:, :1] + 0.4 * rng.normal(size=(256, 4))).astype(np.float32)
    settings = SplittingConfig(
        learning_rate=1e-2, hidden=16, depth=1, components=2, steps=60, warm_up=5, ema=0.8
    )
    trainer = SplittingTrainer(CodeSample(given, scores), settings)
    assert trainer.noise == (4, 4) and trainer.draw_steps == 0 and trainer.flops > 0
    losses = [float(trainer.step(given, scores)) for _ in range(60)]
    assert np.mean(losses[-10:]) < losses[0] - 0.5
    network = Network(trainer.files()["codes.onnx"])
    noise = {"uniforms": rng.random((256, 4)), "normals": rng.normal(size=(256, 4))}
    drawn = network(conditions=given, **{k: v.astype(np.float32) for k, v in noise.items()})[0]
    assert np.corrcoef(drawn[:, 0], given[:, 0])[0, 1] > 0.3
