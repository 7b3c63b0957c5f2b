"""Our ntuples in coffea: a schema for `NanoEventsFactory`.

::

    from coffea.nanoevents import NanoEventsFactory
    from lamarr_like.io.nanoevents import LamarrSchema

    factory = NanoEventsFactory.from_root({"ntuple.root": "Events"}, schemaclass=LamarrSchema)
    events = factory.events()
    muons = events.Track[events.Track.isMuon]
    events.GenPart[muons.genPartIdx].pdgId
    pairs = awkward.combinations(muons.taken_for(13), 2, fields=["one", "two"])
    masses = (pairs.one + pairs.two).mass

``events.Track["type"]`` needs the brackets: every awkward array has a ``type`` of its own.

Needs coffea, which is no dependency of this package.
"""

from __future__ import annotations

from typing import Any, ClassVar

import awkward
from coffea.nanoevents import NanoAODSchema
from coffea.nanoevents.methods import base

from .vectors import photon_momenta, track_momenta

__all__ = ["Cluster", "LamarrSchema", "Track"]

behavior: dict[Any, Any] = dict(base.behavior)
"""Methods of our collections."""


@awkward.mixin_class(behavior)
class Track(base.NanoCollection):
    """Tracks, with a mass where it is said for what they are taken."""

    def taken_for(self, pdg_id: int) -> Any:
        """Four-momenta [MeV] of tracks taken for a species, see `vectors.track_momenta`."""
        return track_momenta(self, pdg_id)


@awkward.mixin_class(behavior)
class Cluster(base.NanoCollection):
    """Clusters of the ECAL."""

    def as_photons(self, x: Any = 0.0, y: Any = 0.0, z: Any = 0.0) -> Any:
        """Four-momenta [MeV] of photons from a place [mm], see `vectors.photon_momenta`."""
        return photon_momenta(self, x, y, z)


class LamarrSchema(NanoAODSchema):
    """NanoAOD as we write it: other names of the event's numbers, links of our own.

    NanoAOD's own behaviours (``Vertex``, ``GenParticle``, ...) ask for branches of CMS and are not
    used; collections have global indices (``Track.genPartIdxG``) for the links, tracks and clusters
    four-momenta by `Track.taken_for` and `Cluster.as_photons`.
    """

    warn_missing_crossrefs = False
    error_missing_event_ids = True
    event_ids: ClassVar[list[str]] = ["runNumber", "eventNumber"]
    mixins: ClassVar[dict[str, str]] = {"Track": "Track", "Cluster": "Cluster"}
    all_cross_references: ClassVar[dict[str, str]] = {
        "Track_genPartIdx": "GenPart",
        "GenPart_motherIdx": "GenPart",
        "GenPart_pvIdx": "GenPV",
        "PV_genPVIdx": "GenPV",
        "Cluster_genPartIdx": "GenPart",
        "ClusterLink_clusterIdx": "Cluster",
        "ClusterLink_genPartIdx": "GenPart",
    }
    nested_items: ClassVar[dict[str, Any]] = {}
    nested_index_items: ClassVar[dict[str, Any]] = {}
    special_items: ClassVar[dict[str, Any]] = {}

    @classmethod
    def behavior(cls) -> dict[Any, Any]:
        """Methods of the collections."""
        return behavior
