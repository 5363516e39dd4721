"""The header of a GGUF file: what decides its memory, without reading a weight.

The package ``gguf`` knows the format; its reader trusts the file, so every count is checked here before it is used.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

from fleethub import folders
from fleethub.model.extras import install
from fleethub.model.readings.server import Shown, Tensor

ENTRIES = 1 << 20  # keys or tensors; the largest models have some thousands of tensors
ELEMENTS = 1 << 24  # of one array: the largest vocabularies have some 300,000
DIMENSIONS = 8
SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)


class GgufError(Exception):
    """The file is no usable GGUF; the message names it and says what to do."""


def read(path: Path) -> tuple[Shown, int]:
    """Facts and size in bytes of a GGUF file, in the form of ``/api/show``; raises GgufError.

    Keys of the vocabulary are left out; where the file has no ``<arch>.vocab_size``, the vocabulary's length takes
    its place. Tensors have their types in capitals and their shapes as the file has them.
    """
    size = _size(path)
    if (shard := SHARD.search(path.name)) and int(shard[2]) > 1:
        raise GgufError(
            f"{path} is part {int(shard[1])} of {int(shard[2])} of a split model: "
            "merge the parts (llama-gguf-split --merge), or give --params and --quant"
        )
    try:
        reader = _reader(path)
        info = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    except ImportError as error:
        raise GgufError(f"reading {path} needs {error.name}, which is not there: {install('gguf')}") from None
    except _Broken as error:
        raise GgufError(f"{path} is not whole: {error}; download or copy it again") from None
    except UnicodeDecodeError:
        raise GgufError(f"{path} has a name in its header that is no text; download or copy it again") from None
    except OSError as error:
        raise GgufError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, IndexError, OverflowError, MemoryError) as error:
        said = str(error.args[0] if error.args else type(error).__name__)[:200]
        raise GgufError(f"{path} cannot be understood ({said}); is it a GGUF file of version 2 or 3?") from None
    tensors = tuple(Tensor(t.name, t.tensor_type.name, tuple(int(n) for n in t.shape)) for t in reader.tensors)
    return _shown(path, info, tensors, reader), size


class _Broken(Exception):
    """The header promises more than the file holds."""


def _size(path: Path) -> int:
    try:
        found = folders.kind(path)
        if found == "folder":
            raise GgufError(f"{path} is a folder: name the GGUF file in it")
        if found != "file":
            what = "is not an ordinary file" if found else "does not exist"
            raise GgufError(f"{path} {what}: name a GGUF file")
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(4)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a usable path"
        raise GgufError(f"{path} cannot be read: {reason}") from None
    if size == 0:
        raise GgufError(f"{path} is empty; download or copy it again")
    if head != b"GGUF":
        raise GgufError(f"{path} is not a GGUF file (it does not begin with GGUF); give a .gguf file")
    return size


def _reader(path: Path) -> Any:
    """The package's reader, kept within the file, and without an object per word of the vocabulary."""
    import numpy as np
    from gguf import GGUFReader, GGUFValueType

    class Reader(GGUFReader):
        def _get(self, offset: int, dtype: Any, count: int = 1, override_order: Any = None) -> Any:
            end = int(offset) + np.dtype(dtype).itemsize * int(count)
            if int(count) < 0 or end > len(self.data):
                raise _Broken(f"it ends at byte {len(self.data)}, its header speaks of byte {end}")
            return super()._get(int(offset), dtype, count, override_order)

        def _build_fields(self, offs: int, count: int) -> int:
            return int(super()._build_fields(offs, _at_most(int(count), ENTRIES, "keys")))

        def _build_tensor_info(self, offs: int, count: int) -> Any:
            return super()._build_tensor_info(offs, _at_most(int(count), ENTRIES, "tensors"))

        def _get_tensor_info_field(self, orig_offs: int) -> Any:
            name = int(self._get(orig_offs, np.uint64)[0])
            _at_most(int(self._get(orig_offs + 8 + name, np.uint32)[0]), DIMENSIONS, "dimensions of a tensor")
            return super()._get_tensor_info_field(orig_offs)

        def _get_field_parts(self, orig_offs: int, raw_type: int) -> Any:
            if GGUFValueType(raw_type) != GGUFValueType.ARRAY:
                return super()._get_field_parts(orig_offs, raw_type)
            kind, length = self._get(orig_offs, np.uint32), self._get(orig_offs + 4, np.uint64)
            count, begin = _at_most(int(length[0]), ELEMENTS, "elements of one array"), orig_offs + 12
            types = [GGUFValueType.ARRAY, GGUFValueType(int(kind[0]))]
            if types[1] == GGUFValueType.STRING:
                return self._past(begin, count) - orig_offs, [kind, length], [], types
            scalar = self.gguf_scalar_to_np.get(types[1])
            if scalar is None:
                raise ValueError("an array of arrays")
            values = self._get(begin, scalar, count)
            return 12 + int(values.nbytes), [kind, length, values], [2], types

        def _past(self, offset: int, count: int) -> int:
            """Where ``count`` strings end."""
            length = struct.Struct("<Q" if self.byte_order == "I" else ">Q")
            data: Any = self.data
            try:
                for _ in range(count):
                    offset += 8 + length.unpack_from(data, offset)[0]
            except (struct.error, ValueError, OverflowError):
                offset = len(self.data) + 1
            if offset > len(self.data):
                raise _Broken("it ends within a list of texts")
            return offset

    return Reader(path)


def _at_most(count: int, limit: int, what: str) -> int:
    if count > limit:
        raise _Broken(f"its header speaks of {count} {what}")
    return count


def _shown(path: Path, info: dict[str, Any], tensors: tuple[Tensor, ...], reader: Any) -> Shown:
    arch = info.get("general.architecture")
    if not isinstance(arch, str) or not arch:
        raise GgufError(f"{path} does not say its architecture (general.architecture): it is no model; give another")
    if arch == "clip" or info.get("general.type") in ("mmproj", "adapter"):
        raise GgufError(f"{path} is a projector or adapter, not a model: give the file of the model itself")
    if isinstance(info.get("split.count"), int) and info["split.count"] > 1:
        raise GgufError(f"{path} is one part of a split model: merge the parts (llama-gguf-split --merge)")
    if not tensors:
        raise GgufError(f"{path} lists no tensors (a vocabulary alone?): give the file of a whole model")
    kept = {key: value for key, value in info.items() if key.startswith(("general.", f"{arch}."))}
    words = reader.fields.get("tokenizer.ggml.tokens")
    if words is not None and len(words.parts) > 4:
        kept.setdefault(f"{arch}.vocab_size", int(words.parts[4][0]))
    return Shown(kept, tensors)
