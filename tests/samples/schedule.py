"""Which files of tests start first, and which are the quick ones."""

LONG = (
    # The first compiles the kernels of the detailed simulation, while the other worker trains.
    "chain/test_shipped_models.py",
    "nets/translator/test_translator.py",
    "stages/calorimeter/test_ecal.py",
    "training/test_train.py",
    "test_tutorials.py",
    "validation/report/test_report.py",
    "validation/report/test_decays.py",
    "responses/test_families.py",
    "distributed/test_produce.py",
    "distributed/test_failures.py",
    "test_fuzz.py",
    "nets/test_generator.py",
    "stages/identification/test_pid_stages.py",
    "validation/detector/test_figures.py",
    "validation/detector/test_check.py",
    "validation/objects/test_cuts.py",
    "validation/objects/test_compare.py",
    "runs/test_loop.py",
    "io/generators/test_embedding.py",
    "io/test_ntuple.py",
    "detailed/test_simulate.py",
    "detailed/test_tracking.py",
    "distributed/test_cluster.py",
    "chain/test_pipeline.py",
)
"""Files that take longest, in the order in which they start; all others follow."""

FAST = frozenset(
    {
        "chain/test_command.py",
        "decays/test_descriptor.py",
        "decays/test_pieces.py",
        "detailed/test_parameters.py",
        "distributed/test_config.py",
        "distributed/test_stop.py",
        "engine/test_atoms.py",
        "engine/test_kinds.py",
        "engine/test_model_config.py",
        "engine/test_normal_scores.py",
        "files/test_citation.py",
        "files/test_forms.py",
        "io/generators/test_gun.py",
        "io/tables/test_chunks.py",
        "io/test_defaults.py",
        "io/test_numbered.py",
        "nets/test_sample.py",
        "physics/test_particles.py",
        "registry/test_pin.py",
        "responses/test_response.py",
        "runs/test_oversampling.py",
        "runs/test_record.py",
        "stages/identification/test_rules.py",
        "stages/test_occupancy.py",
        "stages/test_recipe.py",
        "stages/tracking/test_acceptance.py",
        "stages/vertices/test_vertexing.py",
        "statistics/test_distances.py",
        "system/test_command_line.py",
        "test_layout.py",
        "test_moved.py",
        "test_public_api.py",
        "tpc/test_readout.py",
        "training/test_weights.py",
        "validation/stages/test_calibration.py",
    }
)
"""Files whose tests are marked ``fast``: of every room some, under a minute on one core together.

They train nothing, start no generator, compile no kernel and no process but their own."""
