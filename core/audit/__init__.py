"""The audit record: who asked which model about which image, when, and what it said. No identity is in it.

Rows are only ever added. Each carries the SHA-256 of the row before it and its own content, so that a row that was
changed, taken out or moved is found by `verify`, and the number and hash of the last row stand in a file of their own
(`audit.head`), so that rows missing at the end are found as well.

What this cannot tell: whoever may write to the data folder can compute the whole chain anew, head included. Against
that, keep the head that `verify` prints elsewhere, and give it to a later `verify --head`.
"""

from core.audit.identity import user_id
from core.audit.log import AuditLog, User
from core.audit.recording import record_evaluation, record_reading

__all__ = ["AuditLog", "User", "record_evaluation", "record_reading", "user_id"]
