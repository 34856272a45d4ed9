"""Bring your own model: from somebody else's checkpoint to a model folder.

    checkpoint ─ read_checkpoint ─ fitted ─ load_weights ─→ weights/ID
                 no code is run    names    shapes

`command` is the command line, `checkpoint` and `whole_module` read files, `layout` finds torchvision's names in them,
`described` and `card` write down what was said of a model and what was not, `xrayvision` knows the chest models of
torchxrayvision. This module imports nothing, so that the command line can list its options without loading torch.
"""
