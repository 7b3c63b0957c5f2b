"""Events in a time projection chamber like MPD's, of detailed or generated responses.

`tracks` makes pions and their segments over pad rows, `readout` sums the responses of a responder
into a sparse readout, `clusters` finds hits in it, `fit` fits helices to them; `events` joins all.
"""
