"""What the variational autoencoders are told: their settings."""

from dataclasses import dataclass
from typing import Any, Literal, Self

from segue.settings import Size

__all__ = ["Recipe", "VaeSettings"]

Recipe = Literal["multvae", "recvae"]


@dataclass(frozen=True, slots=True)
class VaeSettings:
    """How large the network is and how it is trained.

    Attributes
    ----------
    recipe
        "multvae": tanh layers, one prior, everything learns at every step. "recvae": a deep encoder, the composite
        prior, encoder and decoder in turns.
    width, latent
        Numbers in a hidden layer, and in what stands for a listener.
    ids
        So many tracks, the most played, have vectors of their own; the others are placed by their sound.
    epochs, batch_bags, learning_rate
        Passes over the bags, bags in a batch, and the rate of Adam at its highest; it falls to a tenth.
    dropout
        Share of a bag's tracks hidden from the encoder.
    id_dropout
        Share of the tracks whose id is hidden from one batch, so that their sound learns to stand for them.
    kl_weight, kl_warming
        What the divergence from the prior weighs at last, and the share of all steps over which it gets there
        from zero. Of "recvae" it is the weight for each play in a bag (γ), from the start.
    encoder_steps
        Of "recvae": steps of the encoder to one of the decoder.
    half_life_plays, after_a_pause, memory
        How a bag fades while serving: see ``ease.Bag``.
    most_bags
        Sessions at most; see ``ease.session_bags``.
    """

    recipe: Recipe
    width: int = 128
    latent: int = 64
    ids: int = 20_000
    epochs: int = 12
    batch_bags: int = 100
    learning_rate: float = 5e-3
    dropout: float = 0.3
    id_dropout: float = 0.15
    kl_weight: float = 0.02
    kl_warming: float = 0.5
    encoder_steps: int = 3
    half_life_plays: float = 3.0
    after_a_pause: float = 0.2
    memory: int = 40
    most_bags: int = 50_000

    @classmethod
    def of(cls, recipe: Recipe, size: Size) -> Self:
        """The settings of one recipe at one position of the dial.

        Examples
        --------
        >>> VaeSettings.of("multvae", "large").width
        600
        """
        settings: dict[str, Any] = {"recipe": recipe}
        if recipe == "recvae":
            settings |= {"kl_weight": 0.005, "dropout": 0.5}
        match size:
            case "tiny":
                settings |= {"width": 32, "latent": 16, "epochs": 3, "ids": 5_000}
            case "small":
                pass
            case "medium":
                settings |= {"width": 256, "latent": 128, "epochs": 25}
            case "large":
                settings |= {"width": 600, "latent": 200, "epochs": 50, "ids": 50_000, "batch_bags": 500}
        return cls(**settings)
