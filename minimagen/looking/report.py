"""Everything that can be seen of one picture, written into a directory."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from minimagen.conditioning import TextEmbedding
from minimagen.imagen import to_pictures
from minimagen.looking.attention import NULL, attention_maps
from minimagen.looking.film import frames, write_film
from minimagen.looking.moments import Moment
from minimagen.looking.noise_levels import LevelLoss, evenly_spread, loss_by_noise_level
from minimagen.looking.overlays import time_sheet, token_sheet, word_sheet
from minimagen.looking.subjects import Subject
from minimagen.looking.words import word_maps

Words = Mapping[str, TextEmbedding]
END = "(end)"
TIMES_SHOWN = 6  # moments of a token's sheet
LEVELS = 16  # noise levels of the loss
DRAWS = 4  # noises at each


def write_pictures(folder: Path, subjects: Sequence[Subject]) -> None:
    """Write the picture that is looked at, at each stage's size."""
    for subject in subjects:
        _picture(subject).save(folder / f"picture_stage_{subject.stage.index}.png")


def sheet_of_tokens(subject: Subject, pieces: Sequence[str]) -> Image.Image | None:
    """Show which part of a picture reads which token; None where no text is read.

    Args:
        subject: one picture at one stage.
        pieces: of the caption, for each of its tokens that is shown.
    """
    over_all = attention_maps(subject.stage, subject.moments)
    if not over_all:
        return None
    tokens = _tokens(pieces)
    maps = {side: found[0, : len(tokens)] for side, found in over_all.items()}
    return token_sheet(_picture(subject), tokens, maps)


def sheet_of_words(subject: Subject, words: Words) -> Image.Image | None:
    """Show which pixels each word decides; None where no text is read, or there is no word.

    Args:
        subject: one picture at one stage.
        words: of its caption, and the embedding of the caption without each, (1, L, D).
    """
    if subject.stage.network.reader is None or not words:
        return None
    maps = word_maps(subject.stage, some(subject.moments), list(words.values()))
    return word_sheet(_picture(subject), list(words), maps[0])


def write_attention(folder: Path, subject: Subject, pieces: Sequence[str]) -> bool:
    """Write a sheet of all tokens, and one of each over time; False where no text is read.

    Args:
        folder: gets ``attention/``.
        subject: one picture at one stage.
        pieces: of the caption, for each token.
    """
    sheet = sheet_of_tokens(subject, pieces)
    if sheet is None:
        return False
    home, name = folder / "attention", f"stage_{subject.stage.index}"
    home.mkdir(exist_ok=True)
    sheet.save(home / f"{name}.png")
    shown, tokens = some(subject.moments), _tokens(pieces)
    over_time = [attention_maps(subject.stage, [moment]) for moment in shown]
    times = [f"log-SNR {moment.log_snr:.1f}" for moment in shown]
    noisy = [to_pictures(moment.x_t)[0] for moment in shown]
    for place, token in enumerate(tokens):
        found = [{side: one[0, place] for side, one in moment.items()} for moment in over_time]
        sheet = time_sheet(noisy, token, found, times)
        sheet.save(home / f"{name}_token_{place}_{_slug(token)}.png")
    return True


def write_words(folder: Path, subject: Subject, words: Words) -> bool:
    """Write which pixels each word decides; False where no text is read, or there is no word.

    Args:
        folder: gets ``words_stage_<i>.png``.
        subject: one picture at one stage.
        words: of its caption, and the embedding of the caption without each, (1, L, D).
    """
    sheet = sheet_of_words(subject, words)
    if sheet is None:
        return False
    sheet.save(folder / f"words_stage_{subject.stage.index}.png")
    return True


def write_trajectory(folder: Path, subjects: Sequence[Subject], suffix: str = ".png") -> None:
    """Write the drawing as a film; ``.png`` is an APNG, ``.gif`` a GIF."""
    moments = [moment for subject in subjects for moment in subject.moments]
    write_film(folder / f"trajectory{suffix}", frames(moments))


def write_losses(folder: Path, subjects: Sequence[Subject], caption: str, seed: int = 0) -> None:
    """Write loss by noise level, told the caption and told nothing: numbers and a plot."""
    from minimagen.looking.plots import draw_losses

    by_stage: dict[str, dict[str, list[LevelLoss]]] = {}
    for subject in subjects:
        stage, times = subject.stage, evenly_spread(subject.stage, LEVELS)
        told = {caption or "no caption": subject.cond}
        if caption and subject.cond.text is not None:
            told["no caption"] = subject.cond.null()
        name = f"stage {stage.index}, {stage.config.size} px"
        by_stage[name] = {
            words: loss_by_noise_level(stage, subject.image, cond, times, draws=DRAWS, seed=seed)
            for words, cond in told.items()
        }
    plain = {
        stage: {told: [asdict(level) for level in levels] for told, levels in curves.items()}
        for stage, curves in by_stage.items()
    }
    (folder / "loss_by_noise_level.json").write_text(json.dumps(plain, indent=2), encoding="utf-8")
    draw_losses(by_stage).savefig(folder / "loss_by_noise_level.png")


def _tokens(pieces: Sequence[str]) -> list[str]:
    return [NULL, *(piece or END for piece in pieces)]


def _picture(subject: Subject) -> Image.Image:
    return to_pictures(subject.image)[0]


def some(moments: Sequence[Moment]) -> list[Moment]:
    """Choose moments spread over all, the first and the last among them."""
    count = min(len(moments), TIMES_SHOWN)
    return [moments[round(i * (len(moments) - 1) / max(count - 1, 1))] for i in range(count)]


def _slug(token: str) -> str:
    """Turn a token into a part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", token.lower()).strip("-")[:30] or "sign"
