"""Open values: what JSON can say, three levels deep.

Spelled out, because ``object`` would let MessagePack's other values in (extension types, keys that are no text), which
JSON cannot say and a hostile peer can send.
"""

from __future__ import annotations

Scalar = None | bool | int | float | str
_Flat = Scalar | list[Scalar] | dict[str, Scalar]
_Nested = Scalar | list[_Flat] | dict[str, _Flat]
JsonValue = Scalar | list[_Nested] | dict[str, _Nested]
