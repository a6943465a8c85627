"""The steps of structure from motion that COLMAP does, as plain data that another process can be given."""

import sys
from typing import Literal

import msgspec
import pycolmap

SEED = 0
PAIRS_PER_BLOCK = 64
"""Matches are kept after so many pairs; what a killed run loses, and how finely progress is told."""
SMALLEST_PIECE = 3
"""Photos of a model that is kept; two cameras alone have no check on each other."""


class Extract(msgspec.Struct, frozen=True, tag=True):
    """Find SIFT features in the photos of a database; those that have some already are passed over."""

    database: str
    photos: str
    """Folder of the photos."""
    masks: str | None
    """Folder of a mask for each photo, `<photo>.png`, black where no feature may be."""
    num_features: int
    """Most that are kept of a photo, the coarsest first."""
    max_size: int
    """Pixels along the longer side beyond which a photo is made smaller first."""
    peak_threshold: float
    """Contrast below which a feature is dropped, for colours in [0, 1]."""

    def run(self) -> None:
        """Write keypoints and descriptors into the database."""
        options = pycolmap.FeatureExtractionOptions()
        options.max_image_size = self.max_size
        options.use_gpu = False
        options.sift.max_num_features = self.num_features
        options.sift.peak_threshold = self.peak_threshold
        reader = pycolmap.ImageReaderOptions()
        if self.masks is not None:
            reader.mask_path = self.masks
        pycolmap.set_random_seed(SEED)
        pycolmap.extract_features(
            self.database, self.photos, reader_options=reader, extraction_options=options
        )


class Match(msgspec.Struct, frozen=True, tag=True):
    """Match the features of pairs of photos and keep those that a rigid scene explains."""

    database: str
    pairs: str
    """File with the names of two photos in each line."""
    guided: bool
    """Match once more along the epipolar lines that the first matches gave."""
    max_ratio: float
    """Of the distances to the nearest and to the second nearest descriptor (Lowe 2004)."""
    min_inliers: int
    """Matches with fewer in agreement are dropped."""

    def run(self) -> None:
        """Write matches and two-view geometries; pairs that have them already are passed over."""
        matching = pycolmap.FeatureMatchingOptions()
        matching.use_gpu = False
        matching.guided_matching = self.guided
        matching.sift.max_ratio = self.max_ratio
        verification = pycolmap.TwoViewGeometryOptions()
        verification.min_num_inliers = self.min_inliers
        verification.ransac.random_seed = SEED
        pairing = pycolmap.ImportedPairingOptions()
        pairing.match_list_path = self.pairs
        pairing.block_size = PAIRS_PER_BLOCK
        pycolmap.set_random_seed(SEED)
        pycolmap.match_image_pairs(self.database, matching, pairing, verification)


class Map(msgspec.Struct, frozen=True, tag=True):
    """Place cameras and points: models in `out/0`, `out/1`, ..., one for each piece that holds together."""

    database: str
    photos: str
    out: str
    mapper: Literal["incremental", "global"]
    """Camera after camera (Schönberger and Frahm 2016), or all at once (Pan et al. 2024)."""
    min_matches: int
    """Pairs with fewer are not used."""
    init_matches: int
    """The pair that an incremental model starts from has at least so many."""
    min_observations: int
    """Points that a camera must see to be placed."""
    start: str | None = None
    """Folder of a model whose cameras are known, with or without points; incremental mapping adds to it."""

    def run(self) -> None:
        """Write the models; a character on stdout tells of each camera that was placed."""
        pycolmap.set_random_seed(SEED)
        if self.mapper == "global":
            options = pycolmap.GlobalPipelineOptions()
            options.min_num_matches = self.min_matches
            options.min_model_size = SMALLEST_PIECE
            options.random_seed = SEED
            options.mapper.global_positioning.use_gpu = False
            options.mapper.bundle_adjustment.ceres.use_gpu = False
            pycolmap.global_mapping(self.database, self.photos, self.out, options)
        else:
            pycolmap.incremental_mapping(
                self.database,
                self.photos,
                self.out,
                self._incremental(),
                input_path=self.start or "",
                next_image_callback=_tell,
            )

    def _incremental(self) -> pycolmap.IncrementalPipelineOptions:
        options = pycolmap.IncrementalPipelineOptions()
        options.min_num_matches = self.min_matches
        options.min_model_size = SMALLEST_PIECE
        options.random_seed = SEED
        options.multiple_models = self.start is None
        options.mapper.init_min_num_inliers = self.init_matches
        options.mapper.abs_pose_min_num_inliers = self.min_observations
        return options


Job = Extract | Match | Map


def _tell() -> None:
    sys.stdout.write(".")
    sys.stdout.flush()
