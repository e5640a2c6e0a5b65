"""Which array library an array is of, so that the same kernels run on NumPy and on a GPU's arrays.

Kernels in this room take arrays with any leading axes (one per camera, say), use only functions that the array
API standard names, and change nothing in place.
"""

import sys
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any
"""An array of any library that follows the array API standard."""
Namespace: TypeAlias = Any


def namespace_of(array: Array) -> Namespace:
    """Return the module whose functions take ``array``."""
    if isinstance(array, np.ndarray | np.generic):
        return np
    if hasattr(array, "__array_namespace__"):
        return array.__array_namespace__()
    # torch keeps the standard's functions in its top module, without the standard's way to find it
    return sys.modules[type(array).__module__.partition(".")[0]]
