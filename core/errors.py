"""Every failure that has a name.

    CoreError
    ├── StudyError                 the bytes are not an image that can be shown
    ├── UnsuitableInputError       the image can be shown, but not be given to this model
    ├── ModelError                 a model folder is missing, damaged or of unknown make
    ├── DatasetError               a labelled folder cannot be used as it is
    ├── TrainingError              a training run cannot start or go on
    ├── AuditError                 the audit record cannot be written, or read
    ├── AccessError                the server cannot tell who may use it, or this visitor may not
    └── ReportError                a result cannot be written out

Messages are read by clinicians and end up in logs and HTTP answers. They say what was found, which attribute,
what is accepted; `hint` says what to do. They never hold a patient's name, an ID or a file name.
"""

from __future__ import annotations


class CoreError(Exception):
    """A failure that a person can act on.

    Parameters
    ----------
    message : str
        What was found, in one sentence of plain English.
    hint : str
        What to do about it; empty when nothing can be done.
    code : str
        Stable, machine-readable, kebab-case: `"truncated-pixel-data"`.
    """

    def __init__(self, message: str, *, hint: str = "", code: str) -> None:
        super().__init__(message, hint, code)
        self.message = message
        self.hint = hint
        self.code = code

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()

    def __reduce__(self) -> tuple[object, ...]:
        # Decoding may run in another process; keyword-only arguments do not survive the default pickling.
        return (_rebuild, (type(self), self.message, self.hint, self.code))


def _rebuild(kind: type[CoreError], message: str, hint: str, code: str) -> CoreError:
    return kind(message, hint=hint, code=code)


class StudyError(CoreError):
    """The bytes are not an image that can be shown."""


class UnsuitableInputError(CoreError):
    """The image can be shown, but this model has nothing to say about it."""


class ModelError(CoreError):
    """A model folder is missing, damaged or of a make that is not known."""


class DatasetError(CoreError):
    """A labelled folder cannot be used as it is."""


class TrainingError(CoreError):
    """A training run cannot start or go on."""


class AuditError(CoreError):
    """The audit record cannot be written, or read."""


class AccessError(CoreError):
    """The server cannot tell who may use it, or this visitor may not."""


class ReportError(CoreError):
    """A result cannot be written out."""
