"""Who may use this server, and who they are.

    require_access()      every page begins with it: the page goes on, or shows why it may not
    current_user()        who a page is shown to
    is_local()            whether they sit in front of this machine
    user_of(scope)        who sent a request; None where the gate did not let it in
    Gate                  ASGI middleware in front of every page, route and WebSocket

There are three modes (`core.ui.access.settings`): `local`, one person at this machine; `oidc`, who signs in at an
OpenID provider; `proxy`, whom a reverse proxy names. The gate answers for all addresses in one place. Pages ask once
more: whatever serves a page without the gate shows nothing.
"""

from core.ui.access.gate import Gate, user_of
from core.ui.access.page import can_sign_out, current_user, is_local, require_access
from core.ui.access.user import User

__all__ = ["Gate", "User", "can_sign_out", "current_user", "is_local", "require_access", "user_of"]
