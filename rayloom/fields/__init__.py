"""Fields: functions from points to values."""

from rayloom.fields.encodings import DirectionEncoding as DirectionEncoding
from rayloom.fields.encodings import FourierEncoding as FourierEncoding
from rayloom.fields.encodings import FrequencyEncoding as FrequencyEncoding
from rayloom.fields.encodings import IntegratedEncoding as IntegratedEncoding
from rayloom.fields.encodings import OffAxisEncoding as OffAxisEncoding
from rayloom.fields.mlp import DensityMLP as DensityMLP
from rayloom.fields.mlp import RadianceMLP as RadianceMLP
from rayloom.fields.mlp import SkipMLP as SkipMLP
