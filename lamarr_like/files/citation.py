"""How to cite the package and the papers that it builds on.

``CITATION.cff`` at the top of the checkout is what `cff` gives; a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass

from .. import __version__

TITLE = "lamarr_like: ultra-fast simulation of an LHCb-like detector"
ABSTRACT = (
    "Truth particles in, analysis ntuple out: a chain of small trained models turns generated "
    "particles into reconstructed tracks, particle identification, clusters, vertices and decays."
)
AUTHOR = "The lamarr_like developers"
YEAR = 2026


@dataclass(frozen=True)
class Reference:
    """One paper.

    Args:
        key: key in BibTeX.
        authors: family name of the first author, or the name of a collaboration.
        year: year of publication.
        used_for: what this package takes from it.
        title: title; ``""`` where an identifier must do.
        journal: journal, volume and page as text, ``""`` for none.
        eprint: number on arXiv, ``""`` for none.
        doi: digital object identifier, ``""`` for none.
        collective: whether `authors` is a collaboration.
    """

    key: str
    authors: str
    year: int
    used_for: str
    title: str = ""
    journal: str = ""
    eprint: str = ""
    doi: str = ""
    collective: bool = False

    @property
    def text(self) -> str:
        """The reference in one line."""
        who = self.authors if self.collective else f"{self.authors} et al."
        eprint = f"arXiv:{self.eprint}" if self.eprint else ""
        where = ", ".join(filter(None, (self.journal, eprint)))
        return ", ".join(filter(None, (who, self.title, f"{where} ({self.year})")))

    @property
    def bibtex(self) -> str:
        """The reference as an entry of BibTeX."""
        author = f"{{{self.authors}}}" if self.collective else f"{self.authors} and others"
        fields = {
            "author": author,
            "title": f"{{{self.title}}}" if self.title else "",
            "howpublished": self.journal,
            "eprint": self.eprint,
            "archiveprefix": "arXiv" if self.eprint else "",
            "doi": self.doi,
            "year": str(self.year),
        }
        return _entry("misc", self.key, fields)


_LHCB = "LHCb collaboration"

REFERENCES = (
    Reference(
        "LHCB-FIGURE-2022-014",
        _LHCB,
        2022,
        "validation of Lamarr on Lambda_b -> Lambda_c mu nu, as here",
        journal="LHCB-FIGURE-2022-014",
        collective=True,
    ),
    Reference(
        "Anderlini:2024",
        "Anderlini",
        2024,
        "Lamarr, whose chain of models is the design of this one",
        title="The LHCb ultra-fast simulation option, Lamarr: design and validation",
        journal="EPJ Web Conf. 295 03040",
        eprint="2309.13213",
        doi="10.1051/epjconf/202429503040",
    ),
    Reference(
        "Maevskiy:2020",
        "Maevskiy",
        2020,
        "generative models of the RICH, and the ratio of efficiencies that judges them",
        title="Fast Data-Driven Simulation of Cherenkov Detectors "
        "Using Generative Adversarial Networks",
        journal="J. Phys. Conf. Ser. 1525 012097",
        eprint="1905.11825",
        doi="10.1088/1742-6596/1525/1/012097",
    ),
    Reference(
        "Mokhnenko:2022",
        "Mokhnenko",
        2022,
        "the same",
        title="Towards Reliable Neural Generative Modeling of Detectors",
        eprint="2204.09947",
    ),
    Reference(
        "LHCb:2008",
        _LHCB,
        2008,
        "geometry of the reference detector",
        title="The LHCb Detector at the LHC",
        journal="JINST 3 S08005",
        doi="10.1088/1748-0221/3/08/S08005",
        collective=True,
    ),
    Reference(
        "LHCb:2015",
        _LHCB,
        2015,
        "performance that the reference detector is held to",
        title="LHCb detector performance",
        journal="Int. J. Mod. Phys. A30 1530022",
        eprint="1412.6352",
        doi="10.1142/S0217751X15300227",
        collective=True,
    ),
    Reference(
        "LHCbRICH:2013",
        "LHCb RICH group",
        2013,
        "the RICH and its global likelihood",
        title="Performance of the LHCb RICH detector at the LHC",
        journal="Eur. Phys. J. C73 2431",
        eprint="1211.6759",
        doi="10.1140/epjc/s10052-013-2431-9",
        collective=True,
    ),
    Reference(
        "Archilli:2013",
        "Archilli",
        2013,
        "isMuon and the likelihoods of the muon system",
        title="Performance of the Muon Identification at LHCb",
        journal="JINST 8 P10020",
        eprint="1306.0249",
        doi="10.1088/1748-0221/8/10/P10020",
    ),
    Reference(
        "Uria:2013",
        "Uria",
        2013,
        "autoregressive mixture densities",
        title="RNADE: The real-valued neural autoregressive density-estimator",
        eprint="1306.0186",
    ),
    Reference(
        "LopezPaz:2017",
        "Lopez-Paz",
        2017,
        "the test that tells fast from detailed",
        title="Revisiting Classifier Two-Sample Tests",
        journal="ICLR 2017",
        eprint="1610.06545",
    ),
)
"""Papers that the package builds on, in the order in which they are printed."""


def bibtex() -> str:
    """The entry of this package in BibTeX."""
    return _entry(
        "software",
        "lamarr_like",
        {
            "author": f"{{{AUTHOR}}}",
            "title": f"{{{TITLE}}}",
            "version": __version__,
            "year": str(YEAR),
            "license": "BSD-3-Clause",
        },
    )


def citation() -> str:
    """What ``lamarr-like --cite`` prints: sentences for people, then BibTeX for all of it."""
    lines = [
        "If you publish what you made with this package, please cite",
        "",
        f"  {AUTHOR}, {TITLE}, version {__version__} ({YEAR})",
        "",
        "and, for the parts that you used,",
        "",
    ]
    for reference in REFERENCES:
        lines += [f"  {reference.text}", f"      {reference.used_for}"]
    entries = [bibtex(), *(reference.bibtex for reference in REFERENCES)]
    return "\n".join(lines) + "\n\n" + "\n\n".join(entries)


def cff() -> str:
    """Contents of ``CITATION.cff`` (Citation File Format 1.2.0)."""
    import yaml

    document = {
        "cff-version": "1.2.0",
        "message": "If you use this software, please cite it and the papers that it builds on.",
        "type": "software",
        "title": TITLE,
        "abstract": ABSTRACT,
        "authors": [{"name": AUTHOR}],
        "version": __version__,
        "license": "BSD-3-Clause",
        "references": [_cff_reference(reference) for reference in REFERENCES],
    }
    text: str = yaml.safe_dump(document, sort_keys=False, width=100)
    return text


def _cff_reference(reference: Reference) -> dict[str, object]:
    who = {"name": reference.authors}
    if not reference.collective:
        who = {"family-names": reference.authors}
    found: dict[str, object] = {
        "type": "article" if reference.title else "report",
        "title": reference.title or reference.journal or f"arXiv:{reference.eprint}",
        "authors": [who],
        "year": reference.year,
    }
    if reference.doi:
        found["doi"] = reference.doi
    if reference.eprint:
        found["identifiers"] = [{"type": "other", "value": f"arXiv:{reference.eprint}"}]
    return found


def _entry(kind: str, key: str, fields: dict[str, str]) -> str:
    lines = [f"  {name:13} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])
