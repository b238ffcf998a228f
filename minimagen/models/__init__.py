"""Networks; they know no diffusion. One is called as ``network(x_t, log_snr, cond)``."""

from minimagen.models.unet import UNet, UNetConfig

__all__ = ["UNet", "UNetConfig"]
