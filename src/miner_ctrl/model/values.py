"""Values that many types are made of.

Open ones are what JSON can say, three levels deep. Spelled out, because ``object`` would let MessagePack's other values
in (extension types, keys that are no text), which JSON cannot say and a hostile peer can send.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Scalar = None | bool | int | float | str
_Flat = Scalar | list[Scalar] | dict[str, Scalar]
_Nested = Scalar | list[_Flat] | dict[str, _Flat]
JsonValue = Scalar | list[_Nested] | dict[str, _Nested]

ShortText = Annotated[str, Meta(max_length=255)]
Sentence = Annotated[str, Meta(max_length=1000)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
