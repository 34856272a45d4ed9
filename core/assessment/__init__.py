"""How far a model can be trusted on a labelled set: from a folder or zip to figures, report and gallery.

    folder, zip, table ─ open_set ─ inspect_set ─→ SetInspection    what is there, before anything runs
                             └── submit ─ Worker ─→ Store           every image's result, once and for all
                                     └─ assess ─→ Assessment ─→ report.json, predictions.csv, report.html

The command line and the page are two doors to the same steps, so their numbers are the same. PyTorch is imported by
the worker alone.
"""
