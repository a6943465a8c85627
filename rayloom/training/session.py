"""A training at one moment: all that decides how it goes on."""

from typing import Any

import torch

from rayloom.errors import InputError
from rayloom.method import Method
from rayloom.training.divergence import Watch, check_finite
from rayloom.training.optimizer import Optimizer, load_adam
from rayloom.training.packing import Tree
from rayloom.training.recording import Clock, Recorder
from rayloom.training.snapshot import Snapshot, Stateful
from rayloom.types import Progress


class Session:
    """What the loop works on; `state` is all of it as a plain tree, and `restore` goes on from one.

    The method is built, has seen its photos and is prepared, but has not been trained.
    """

    def __init__(self, method: Method[Any], batches: object, recorder: Recorder) -> None:
        self.method, self.batches, self.recorder = method, batches, recorder
        self.snapshot = Snapshot(method)
        self.optimizer = Optimizer(method)
        self.progress = Progress(step=0, fraction=0.0)
        self.watch = Watch()
        self.lr_share = 1.0
        """Factor on all rates; less than 1 once training had to go back."""
        self.clock = Clock()

    def state(self) -> Tree:
        """Tensors in it are those of the method. Raises `Diverged` for weights that are no numbers."""
        weights = self.method.state_dict()
        check_finite(weights, self.progress.step)
        parameters = self.method.named_parameters()
        return {
            "progress": {"step": self.progress.step, "fraction": self.progress.fraction},
            "seconds": self.clock.seconds,
            "lr_share": self.lr_share,
            "usual_loss": self.watch.usual,
            "recorder": self.recorder.state(),
            "weights": weights,
            "resting": [name for name, parameter in parameters if not parameter.requires_grad],
            "method": self.snapshot.changed(),
            "optimizer": self.optimizer.adam.state_dict(),
            "batches": self.batches.state_dict() if isinstance(self.batches, Stateful) else None,
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
        }

    def restore(self, state: Tree) -> None:
        """Go on from a state; raises InputError if it is not one of this method on this scene."""
        try:
            self._restore_method(state)
            self.optimizer.renew()
            load_adam(self.optimizer.adam, state["optimizer"])
            self.progress = Progress(**state["progress"])
            self.lr_share, self.watch.usual = state["lr_share"], state["usual_loss"]
            self.recorder.load(state["recorder"])
            if isinstance(self.batches, Stateful):
                self.batches.load_state_dict(state["batches"])
        except InputError:
            raise
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            details = " ".join(str(error).split())
            raise InputError("checkpoint", f"does not fit method and scene: {details}") from error
        self.clock = Clock(state["seconds"])
        if torch.cuda.is_initialized() and state["random_cuda"]:
            torch.cuda.set_rng_state_all(state["random_cuda"])
        torch.set_rng_state(state["random"])

    def _restore_method(self, state: Tree) -> None:
        self.method.load_state_dict(state["weights"])
        resting = set(state["resting"])
        for name, parameter in self.method.named_parameters():
            parameter.requires_grad_(name not in resting)
        self.snapshot.restore(state["method"], "checkpoint")
