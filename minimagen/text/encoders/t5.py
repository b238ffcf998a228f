"""T5, mT5, umT5 and flan-T5.  Raffel et al. 2020 (arXiv:1910.10683)."""

from typing import Annotated, Any, Literal

from pydantic import Field
from torch import Tensor

from minimagen.conditioning import TextEmbedding
from minimagen.config import config
from minimagen.text.encoders.transformer import Dtype, Family, Name, Transformer
from minimagen.text.locate import T5_TINY


@config
class T5Config:
    """A T5, mT5 or umT5 encoder.

    float16 is not offered: T5 overflows in it.
    """

    kind: Literal["t5"] = "t5"
    name: Name = T5_TINY  # also a short name, a Hub name, a directory
    revision: str | None = None  # of the Hub: a branch, tag or commit
    max_tokens: Annotated[int, Field(ge=2, le=512)] = 64  # the end of sequence included
    dtype: Dtype = "float32"  # of the weights; embeddings are float32


def find_t5(config: T5Config) -> Transformer:
    """Find a T5's files.

    Raises:
        ConfigError: when it is neither here nor to be fetched, or is no T5; says what to bring.
    """
    return Transformer(config, FAMILY)


def _run(model: Any, ids: Tensor, mask: Tensor) -> TextEmbedding:
    tokens = model(input_ids=ids, attention_mask=mask).last_hidden_state
    return TextEmbedding(tokens, mask.bool())


FAMILY = Family(
    models={"t5": "T5EncoderModel", "mt5": "MT5EncoderModel", "umt5": "UMT5EncoderModel"},
    tokenizer="T5Tokenizer",  # of all three: AutoTokenizer knows none for umT5
    width_key="d_model",
    length_key=None,
    run=_run,
)
