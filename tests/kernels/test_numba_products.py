"""Products of every vector width are exact, whatever is done with them."""

import numpy as np
import pytest

from rayloom.kernels.numba.jit import kernel
from rayloom.kernels.numba.products import tile_product

ENDINGS = ("store", "add", "relu", "mask")
_store_1, _add_1, _relu_1, _mask_1 = (tile_product(ending, 1) for ending in ENDINGS)
_store_4, _add_4, _relu_4, _mask_4 = (tile_product(ending, 4) for ending in ENDINGS)
_store_8, _add_8, _relu_8, _mask_8 = (tile_product(ending, 8) for ending in ENDINGS)
_store_16, _add_16, _relu_16, _mask_16 = (tile_product(ending, 16) for ending in ENDINGS)


@kernel
def _products_1(c, a, b, n, depth, h):
    _store_1(c[0], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _add_1(c[1], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _relu_1(c[2], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _mask_1(c[3], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)


@kernel
def _products_4(c, a, b, n, depth, h):
    _store_4(c[0], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _add_4(c[1], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _relu_4(c[2], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _mask_4(c[3], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)


@kernel
def _products_8(c, a, b, n, depth, h):
    _store_8(c[0], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _add_8(c[1], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _relu_8(c[2], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _mask_8(c[3], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)


@kernel
def _products_16(c, a, b, n, depth, h):
    _store_16(c[0], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _add_16(c[1], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _relu_16(c[2], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)
    _mask_16(c[3], 0, n, a, 0, depth, 1, b, 0, n, n, depth, h, 0, n)


@pytest.mark.parametrize("products", [_products_1, _products_4, _products_8, _products_16])
@pytest.mark.parametrize(("columns", "depth"), [(16, 1), (48, 16), (112, 33), (128, 64)])
def test_products_of_any_vector_width_and_ending_are_exact(products, columns, depth):
    """On whole numbers, whose sums do not round; machines without vectors have width 1."""
    random = np.random.default_rng(0)
    a, b = random.integers(-4, 5, (16, depth)), random.integers(-4, 5, (depth, columns))
    h, old = random.integers(-4, 5, (2, 16, columns))
    c = np.full((4, 16, columns), np.nan, np.float32)
    c[1] = old
    rows = c.reshape(4, -1)
    products(rows, a.astype(np.float32).ravel(), b.astype(np.float32).ravel(), columns, depth,
             h.astype(np.float32).ravel())  # fmt: skip
    product = a @ b
    assert np.array_equal(c, [product, old + product, np.maximum(product, 0), np.where(h > 0, product, 0)])
