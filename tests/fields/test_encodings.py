import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.fields import FrequencyEncoding


@given(st.integers(0, 10), st.integers(0, 2**31))
def test_frequency_encoding_holds_the_input_and_every_octave(octaves, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.rand(4, 3, generator=g, dtype=torch.float64) * 2 - 1
    encoded = FrequencyEncoding(octaves)(x)
    slow = torch.cat([x, *(f(x * 2**i) for i in range(octaves) for f in (torch.sin, torch.cos))], dim=-1)
    torch.testing.assert_close(encoded, slow)
    assert encoded.shape[-1] == FrequencyEncoding(octaves).num_outputs == 3 + 6 * octaves


def test_frequency_encoding_gradient():
    x = torch.rand(2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(FrequencyEncoding(4), (x,))
