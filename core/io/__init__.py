"""Loading: from the bytes of an upload to a study."""

from core.io.content import Source
from core.io.limits import Limits
from core.io.samples import SAMPLES, Sample, load_sample
from core.io.study import load_path, load_study, warm_up

__all__ = ["SAMPLES", "Limits", "Sample", "Source", "load_path", "load_sample", "load_study", "warm_up"]
