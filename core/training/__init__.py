"""Training: from a labelled folder to a model folder.

    folder ─ dataset ─ cache ─ split ─ loop ─ calibration, operating points ─ card ─→ weights/ID

`core.training.run.train` does all of it; `core.training.command` is its command line. Nothing here is imported by the
pages, and this module itself imports nothing, so that the command line can list its options without loading torch.
"""
