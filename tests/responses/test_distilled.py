"""A network that takes in one step the way that its teacher takes in many."""

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from lamarr_like.engine.onnx_session import Network
from lamarr_like.responses.config import DistilledConfig
from lamarr_like.responses.training.codes import CodeSample
from lamarr_like.responses.training.distilled import DistilledTrainer

CONFIG = DistilledConfig(
    steps=900, teacher_part=0.6, teacher_hidden=32, teacher_depth=2, teacher_steps=16, hidden=32,
    depth=2, critic_hidden=16, critic_depth=1, pairs=6000, batch=256, warm_up=20, ema=0.98,
    learning_rate=4e-3,
)  # fmt: skip


@pytest.fixture(scope="module")
def trained():
    """Two codes whose middle moves with what is given, and which are correlated."""
    rng = np.random.default_rng(1)
    given = rng.uniform(-1, 1, (4000, 1)).astype(np.float32)
    one = rng.normal(size=(4000, 1))
    two = 0.8 * one + 0.6 * rng.normal(size=(4000, 1))
    scores = (np.concatenate([one, two], axis=1) + given).astype(np.float32)
    trainer = DistilledTrainer(CodeSample(given, scores), CONFIG)
    for _ in range(CONFIG.steps):
        rows = rng.integers(4000, size=CONFIG.batch)
        trainer.step(given[rows], scores[rows])
    return trainer


def test_the_student_draws_what_the_teacher_does(trained):
    assert trained.noise == (0, 2) and trained.draw_steps == 0 and trained.taught == 540
    given, noise, codes = (np.asarray(table) for table in trained.pairs)
    student = Network(trained.files()["codes.onnx"])
    drawn = student(conditions=given, normals=noise)[0]
    # The way is a map: the same noise ends where the teacher's does, far nearer than any other.
    near = np.sqrt(np.square(drawn - codes).sum(axis=1).mean())
    far = np.sqrt(np.square(drawn[1:] - codes[:-1]).sum(axis=1).mean())
    assert near < 0.25 * far


def test_what_it_draws_has_the_law_of_the_sample(trained):
    rng = np.random.default_rng(2)
    student = Network(trained.files()["codes.onnx"])
    for middle in (-0.8, 0.8):
        given = np.full((20_000, 1), middle, np.float32)
        drawn = student(conditions=given, normals=rng.normal(size=(20_000, 2)).astype(np.float32))
        codes = drawn[0]
        assert codes.mean(axis=0) == pytest.approx([middle, middle], abs=0.12)
        assert codes.std(axis=0) == pytest.approx([1, 1], rel=0.12)
        assert np.corrcoef(codes.T)[0, 1] == pytest.approx(0.8, abs=0.08)
