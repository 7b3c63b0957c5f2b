"""All comparisons of the reference detector with what is published and measured of LHCb."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...detailed.parameters import DEFAULT, Parameters
from ...errors import SourceError
from ...events import EventBatch
from .calibration import calibration_section
from .electrons import electron_section
from .lhcb2016 import FILES, own_residuals, own_truth, read_published
from .occupancy import occupancy_section
from .parametrisation import efficiency_section, residual_section
from .prob_nn import TITLE as PROB_NN_TITLE
from .prob_nn import prob_nn_section
from .published import published_section
from .results import CheckReport, Section
from .sample import Sample, read_sample, together
from .showers import shower_section

Say = Callable[[str], None]

LHCB2016, GEANT4 = Path("lhcb2016"), Path("geant4_showers")
PROB_NN = Path("pidcalib") / "probnn"
RAPIDSIM = Path("rapidsim") / "smear" / "histsE.root"
"""Places of the foreign data below the folder given as ``--data``."""


@dataclass(frozen=True)
class CheckConfig:
    """What to compare.

    Args:
        samples: detailed samples.
        data: folder of foreign data, None for none.
        photons: photons and pi0 to simulate for the calorimeter, 0 to leave it out.
        showers: Geant4 showers of each kind at most, None for all.
        parameters: the parameters that made the samples.
    """

    samples: Sequence[Path]
    data: Path | None = None
    photons: int = 20000
    showers: int | None = None
    parameters: Parameters = DEFAULT


def check_detector(config: CheckConfig, say: Say | None = None) -> tuple[CheckReport, list[Sample]]:
    """Compare detailed samples with published and measured figures.

    Args:
        config: what to compare.
        say: gets a line before each step.

    Returns:
        The report and the samples that were read.

    Raises:
        SourceError: if a sample or a foreign file cannot be read, or there is no sample.
        SchemaError: if a file is not a detailed sample.
    """
    tell = say or (lambda line: None)
    if not config.samples:
        raise SourceError("no detailed sample is given")
    if config.data is not None and not config.data.is_dir():
        raise SourceError(f"{config.data}: no such folder")
    samples = []
    for path in config.samples:
        tell(f"reading {path}")
        samples.append(read_sample(path))
    batch = together(samples)
    tell("published figures")
    sections = [published_section(samples, config.photons, config.parameters)]
    tell("calibration samples")
    sections.append(calibration_section(samples))
    sections += _foreign_sections(config, batch, tell)
    sections.append(occupancy_section(samples))
    return CheckReport(tuple(s.info for s in samples), tuple(sections)), samples


def _foreign_sections(config: CheckConfig, batch: EventBatch, tell: Say) -> Iterator[Section]:
    """Comparisons with data that do not ship with the package."""
    if folder := _present(config.data, PROB_NN):
        yield prob_nn_section(batch, folder)
    else:
        yield _skipped(PROB_NN, "prob_nn", PROB_NN_TITLE)
    if folder := _present(config.data, LHCB2016, *(LHCB2016 / name for name in FILES)):
        tell("LHCb 2016 parametrisation")
        truth, residuals = read_published(folder)
        yield efficiency_section(own_truth(batch), truth)
        yield residual_section(own_residuals(batch), residuals)
    else:
        yield _skipped(LHCB2016, "efficiency", "Acceptance and efficiency")
        yield _skipped(LHCB2016, "tracks", "Residuals")
    if folder := _present(config.data, GEANT4):
        tell("Geant4 showers")
        yield shower_section(folder, config.parameters, config.showers)
    else:
        yield _skipped(GEANT4, "showers", "Showers beside Geant4")
    if file := _present(config.data, RAPIDSIM):
        yield electron_section(batch, file)
    else:
        yield _skipped(RAPIDSIM, "electrons", "Electrons beside RapidSim")


def _present(data: Path | None, wanted: Path, *needed: Path) -> Path | None:
    """The place of foreign data, None where it is absent."""
    if data is None or not all((data / place).exists() for place in (wanted, *needed)):
        return None
    return data / wanted


def _skipped(place: Path, key: str, title: str) -> Section:
    why = f"needs {place.as_posix()} in the folder given as --data"
    return Section(key, title, skipped=why)
