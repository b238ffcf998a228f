"""diffusers' U-Net at the peers' widths as a contender: its training alone."""

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel

from benchmarks.peers.contender import Task

TIMESTEPS = 1000


class DiffusersUNet:
    """Predicts noise, with a plain Adam.

    Args:
        task: what it learns.
        batch: images of a step.
        rate: of Adam.
    """

    def __init__(self, task: Task, *, batch: int, rate: float) -> None:
        self.unet = UNet2DConditionModel(
            sample_size=task.images.shape[-1],
            in_channels=3,
            out_channels=3,
            block_out_channels=(64, 128, 256),
            down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
            layers_per_block=2,
            cross_attention_dim=task.tokens.shape[-1],
            attention_head_dim=4,  # heads, in spite of its name
        ).train()
        self.optimizer = torch.optim.Adam(self.unet.parameters(), lr=rate)
        self.task, self.batch = task, batch

    def weights(self) -> int:
        """Return how many weights it trains."""
        return sum(parameter.numel() for parameter in self.unet.parameters())

    def is_done(self) -> bool:
        """Never."""
        return False

    def step(self) -> float:
        """Take one step of Adam on images drawn at random."""
        rows = torch.randint(len(self.task.images), (self.batch,))
        x_0 = self.task.images[rows] / 127.5 - 1
        t, eps = torch.randint(TIMESTEPS, (self.batch,)), torch.randn_like(x_0)
        angle = (t / TIMESTEPS * torch.pi / 2)[:, None, None, None]
        x_t = angle.cos() * x_0 + angle.sin() * eps
        predicted = self.unet(
            x_t,
            t,
            encoder_hidden_states=self.task.tokens[rows],
            encoder_attention_mask=self.task.mask[rows],
        ).sample
        loss = F.mse_loss(predicted, eps)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.item()
