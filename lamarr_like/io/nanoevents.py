"""Our ntuples in coffea: a schema for `NanoEventsFactory`.

::

    from coffea.nanoevents import NanoEventsFactory
    from lamarr_like.io.nanoevents import LamarrSchema

    factory = NanoEventsFactory.from_root({"ntuple.root": "Events"}, schemaclass=LamarrSchema)
    events = factory.events()
    muons = events.Track[events.Track.isMuon]
    events.GenPart[muons.genPartIdx].pdgId

``events.Track["type"]`` needs the brackets: every awkward array has a ``type`` of its own.

Needs coffea, which is no dependency of this package.
"""

from __future__ import annotations

from typing import Any, ClassVar

from coffea.nanoevents import NanoAODSchema

__all__ = ["LamarrSchema"]


class LamarrSchema(NanoAODSchema):
    """NanoAOD as we write it: other names of the event's numbers, links of our own.

    NanoAOD's own behaviours (``Vertex``, ``GenParticle``, ...) ask for branches of CMS and are not
    used; collections are plain, with global indices (``Track.genPartIdxG``) for the links.
    """

    warn_missing_crossrefs = False
    error_missing_event_ids = True
    event_ids: ClassVar[list[str]] = ["runNumber", "eventNumber"]
    mixins: ClassVar[dict[str, str]] = {}
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
