"""All that training has changed in a method besides its weights, found by looking: no method can forget any.

A method keeps more than parameters and buffers: moments of its kernels' Adam, optimisers of its own, a budget
of rays, what it blurred for this part of the run. Whatever hangs on it, in attributes, lists and dictionaries
and in objects of ours, is compared with what was there before the first step; what differs is kept.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, is_dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from rayloom.errors import InputError
from rayloom.training.optimizer import load_adam
from rayloom.training.packing import SCALARS, Tree, is_plain, pack

_OBJECT = "is an object of this class"
_TORCH_OWN = frozenset(vars(nn.Module()))


@runtime_checkable
class Stateful(Protocol):
    """What says itself which of its values must be kept: optimisers, batches."""

    def state_dict(self) -> dict[str, Any]:
        """All that must be kept."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:  # noqa: ANN401
        """Go on from there."""
        ...


@dataclass(frozen=True)
class _Leaf:
    """A value at its place in a method, and how another one takes this place."""

    value: Tree
    put: Callable[[Tree], object]


class Snapshot:
    """Knows a method as it was before the first step, and so what has changed since.

    It is made of a method that is built and has seen its photos; `restore` needs one of a method in the same
    condition. Frozen records are left out: `before_step` chooses them anew. Arrays of bytes are photos.
    """

    def __init__(self, method: nn.Module) -> None:
        self.method = method
        self.before = {place: _fingerprint(leaf.value) for place, leaf in self._leaves().items()}

    def changed(self) -> dict[str, Tree]:
        """The values that are not as they were, by their place."""
        return {
            place: leaf.value
            for place, leaf in self._leaves().items()
            if self.before.get(place) != _fingerprint(leaf.value)
        }

    def restore(self, changed: dict[str, Tree], where: object) -> None:
        """Put values back in their places; raises InputError with `where` if there is no such place.

        That is so for objects that a method makes while it trains, unless they are in a `Stateful` one; it
        may well give up objects.
        """
        leaves = self._leaves()
        for place, value in changed.items():
            made_later = isinstance(value, dict) and _OBJECT in value
            if place not in leaves or made_later:
                name = type(self.method).__name__
                raise InputError(
                    where, f"{name} has no place for {place!r}; it cannot go on from a checkpoint"
                )
            leaves[place].put(value)

    def _leaves(self) -> dict[str, _Leaf]:
        known = {_memory(tensor) for tensor in self.method.state_dict().values()}
        found = dict(_walk(self.method, "", type(self.method).__module__, set()))
        return {
            place: leaf
            for place, leaf in found.items()
            if not (isinstance(leaf.value, Tensor | np.ndarray) and _memory(leaf.value) in known)
        }


def _walk(node: Any, path: str, home: str, seen: set[int]) -> Iterator[tuple[str, _Leaf]]:  # noqa: ANN401
    """All leaves under an object, a list or a dictionary."""
    seen.add(id(node))
    for key, value, put in _children(node):
        place = f"{path}.{key}" if path else str(key)
        if (leaf := _leaf(value, put)) is not None:
            if not _is_photo(value):
                yield place, leaf
        elif id(value) not in seen and _is_ours(value, home):
            if not isinstance(value, list | tuple | dict):
                yield place, _Leaf({_OBJECT: type(value).__name__}, put)
            yield from _walk(value, place, home, seen)


def _leaf(value: Any, put: Callable[[Tree], None]) -> _Leaf | None:  # noqa: ANN401
    """What is kept of a value as a whole; None for what must be looked into, or is nothing to keep."""
    if isinstance(value, torch.optim.Adam):
        return _Leaf(value.state_dict(), partial(load_adam, value))
    if isinstance(value, Stateful) and not isinstance(value, nn.Module):
        return _Leaf(value.state_dict(), value.load_state_dict)
    if isinstance(value, torch.Generator):
        return _Leaf(value.get_state(), value.set_state)
    # Named tuples are looked into: kernels hold on to their arrays.
    if is_plain(value) and not hasattr(value, "_fields"):
        return _Leaf(value, partial(_replace, value, put))
    return None


def _children(node: Any) -> Iterator[tuple[object, object, Callable[[Tree], None]]]:  # noqa: ANN401
    """Name and value of what hangs on a node, and a function that hangs another value there."""
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield key, value, partial(node.__setitem__, key)
    elif isinstance(node, tuple):
        for i, value in enumerate(node):
            yield i, value, partial(_refuse, type(node).__name__)
    else:
        if isinstance(node, nn.Module):
            for name, part in node._modules.items():
                yield name, part, partial(_refuse, "module")
            for name, buffer in node._buffers.items():
                yield name, buffer, partial(setattr, node, name)
        yield from _attributes(node)


def _attributes(node: Any) -> Iterator[tuple[str, object, Callable[[Tree], None]]]:  # noqa: ANN401
    hidden = _TORCH_OWN if isinstance(node, nn.Module) else frozenset()
    for name, value in vars(node).items():
        # An object of a generic class holds on to what it was made of.
        if name not in hidden and name != "__orig_class__":
            yield name, value, partial(setattr, node, name)


def _is_ours(value: object, home: str) -> bool:
    """Whether to look into a value: containers, modules, objects of rayloom's or the method's own classes.

    Not into frozen records, which nobody changes.
    """
    if isinstance(value, list | tuple | dict | nn.Module):
        return True
    kind = type(value)
    frozen = is_dataclass(kind) and kind.__dataclass_params__.frozen  # pyright: ignore[reportAttributeAccessIssue]
    return hasattr(value, "__dict__") and not frozen and kind.__module__.startswith(("rayloom.", home))


def _replace(old: Tree, put: Callable[[Tree], None], new: Tree) -> None:
    """Put a new value where an old one is: into its memory, which kernels look at, or else in its place."""
    if _copied(old, new):
        return
    if isinstance(old, Tensor) and isinstance(new, Tensor):
        new = new.to(old.device)
    put(tuple(new) if isinstance(old, tuple) else new)


def _copied(old: Tree, new: Tree) -> bool:
    """Whether a new value, whose arrays are tensors and tuples lists, now is what the old one is."""
    if isinstance(old, Tensor | np.ndarray):
        if not isinstance(new, Tensor) or tuple(old.shape) != tuple(new.shape):
            return False
        (torch.from_numpy(old) if isinstance(old, np.ndarray) else old.detach()).copy_(new)
        return True
    if isinstance(old, list | tuple) and isinstance(new, list):
        return len(old) == len(new) and all([_copied(*pair) for pair in zip(old, new, strict=True)])
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all([_copied(old[key], new[key]) for key in old])
    return type(old) is type(new) and old == new


def _refuse(whole: str, new: Tree) -> None:
    raise InputError("checkpoint", f"would replace part of a {whole}")


def _is_photo(value: object) -> bool:
    if isinstance(value, list | tuple):
        return len(value) > 0 and all(map(_is_photo, value))
    return isinstance(value, np.ndarray) and value.dtype == np.uint8


def _memory(value: Tensor | np.ndarray) -> tuple[int, int]:
    """Where the numbers are, and how many; different for all that is empty."""
    count = value.numel() if isinstance(value, Tensor) else value.size
    if count == 0:
        return id(value), 0
    return (value.data_ptr() if isinstance(value, Tensor) else value.ctypes.data), count


def _fingerprint(value: Tree) -> object:
    """What differs when a value does."""
    if isinstance(value, SCALARS):
        return type(value).__name__, value
    tensors, packed = pack(value, copied=False)
    return repr(packed), [
        (str(t.dtype), tuple(t.shape), zlib.crc32(t.flatten().view(torch.uint8).numpy().data))
        for t in tensors.values()
    ]
