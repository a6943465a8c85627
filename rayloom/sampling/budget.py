"""How many rays a step should see so that its samples stay about the same number."""


class RayBudget:
    """Follows the samples that a ray has: fewer as a field learns what is empty, so that rays grow more."""

    def __init__(self, samples: int, first_rays: int) -> None:
        self.samples, self.num_rays = samples, first_rays

    def follow(self, samples_per_ray: float) -> None:
        """Choose the next step's rays by what the last one had; at most twice as many as before."""
        wanted = self.samples / max(samples_per_ray, 1.0)
        self.num_rays = int(min(max(wanted, 256), 2 * self.num_rays, 1 << 15))
