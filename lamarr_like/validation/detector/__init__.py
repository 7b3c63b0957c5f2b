"""The reference detector beside what is published and measured of LHCb.

`check.check_detector` computes every number, `write` puts them on disk, `command` is the
command line.
"""
