"""Detector responses as arrays: calorimeter cells, pads and time buckets, fibres.

`response` declares one, `samples` holds detailed or drawn ones, `model` draws them with any of the
`families`, `training` makes those, `compare` judges them.
"""
