"""Networks as graphs, beside PyTorch:  python -m benchmarks.exported -d training_<TIMESTAMP>.

Of the cascade that main.py trained, as ``python -m minimagen export`` writes it in both forms: the
size of each network, the time of a call, of loading and of drawing, and how far the pictures are
from those that PyTorch draws. Times are processor time of one thread, the contenders in turns.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

import main as demo
from benchmarks.record import by_column, print_table, save
from benchmarks.turns import in_turns
from minimagen.conditioning import Conditioning, LowRes
from minimagen.export import export_cascade, load_exported
from minimagen.export.directory import read_exported
from minimagen.imagen import Imagen
from minimagen.tensors import to_uint8
from minimagen.weights import weights_path

PYTORCH, FORMS = "PyTorch", ("onnx", "torch")
DRAWN, CALLS, DRAWINGS = 4, 5, 2  # captions; rounds of each
CALL = "stage", "runs in", "file, kB", "pictures", "ms a call"
WHOLE = (
    "runs in",
    "s to load",
    "s to draw",
    "largest difference of 255",
    "share of numbers that differ",
)


def call(imagen: Imagen, index: int) -> Callable[[], Tensor]:
    """Return one call of a stage's network, about pictures of its size."""
    stage, count = imagen.stages[index], pictures_of(imagen, index)
    text = imagen.encode(demo.unseen_captions()[:count])
    source = torch.Generator().manual_seed(0)
    images, log_snr = torch.randn(count, 3, *stage.square, generator=source), torch.zeros(count)
    cond = Conditioning(text, LowRes(images, log_snr) if index else None)
    network = stage.network

    @torch.no_grad()
    def work() -> Tensor:
        answer: Tensor = network(images, log_snr, cond)
        return answer

    return work


def pictures_of(imagen: Imagen, index: int) -> int:
    """Return how many pictures a call is about: of large ones, one."""
    return max(1, 2**15 // imagen.stages[index].config.size ** 2)


def calls(made: dict[str, Imagen], files: dict[str, list[int]]) -> list[list[object]]:
    """Return a row for each network, as each of them runs it."""
    rows: list[list[object]] = []
    for index, stage in enumerate(made[PYTORCH].stages):
        works = {name: call(imagen, index) for name, imagen in made.items()}
        for name, took in in_turns(works, CALLS).items():
            size = round(files[name][index] / 1000)
            about = pictures_of(made[name], index)
            ms = round(1000 * took.core_seconds, 1)
            rows.append([f"{stage.config.size} px", name, size, about, ms])
    return rows


def drawings(made: dict[str, Imagen], loading: dict[str, float]) -> list[list[object]]:
    """Return a row for each: what loading and drawing take, and how far its pictures are."""
    captions = demo.unseen_captions()[:DRAWN]
    took = in_turns({name: partial(one.sample, captions) for name, one in made.items()}, DRAWINGS)
    images = {name: to_uint8(one.sample(captions)).int() for name, one in made.items()}
    rows: list[list[object]] = []
    for name in made:
        apart = (images[name] - images[PYTORCH]).abs()
        share = f"{(apart > 0).float().mean():.2%}"
        seconds = (round(loading[name], 2), round(took[name].core_seconds, 2))
        rows.append([name, *seconds, int(apart.max()), share])
    return rows


def exported(run: Path, graphs: Path) -> dict[str, list[int]]:
    """Export a run in each form that is not there yet; returns the sizes of its graphs in bytes."""
    files = {}
    for form in FORMS:
        if not (graphs / form).exists():
            export_cascade(Imagen.load(run, "cpu"), graphs / form, form)
        made = read_exported(graphs / form)
        files[form] = [made.files[stage.file].size for stage in made.stages]
    return files


def main() -> None:
    """Run the benchmark, print its tables, write its JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-d", "--directory", type=Path, required=True, help="made by main.py")
    parser.add_argument("-g", "--graphs", type=Path, help="keep the graphs here, or find them")
    options = parser.parse_args()
    run = options.directory
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        graphs = options.graphs or Path(scratch)
        files = exported(run, graphs)
        loads: dict[str, Callable[[], Imagen]] = {PYTORCH: partial(Imagen.load, run, "cpu")}
        loads |= {form: partial(load_exported, graphs / form) for form in FORMS}
        made, loading = {}, {}
        for name, load in loads.items():
            began = time.process_time()
            made[name] = load()
            loading[name] = time.process_time() - began
        stages = made[PYTORCH].stages
        files[PYTORCH] = [weights_path(run, s.index).stat().st_size for s in stages]
        by_call, by_drawing = calls(made, files), drawings(made, loading)
    print_table(CALL, by_call)
    print_table(WHOLE, by_drawing)
    results = {"calls": by_column(CALL, by_call), "drawings": by_column(WHOLE, by_drawing)}
    save("exported", "python -m benchmarks.exported -d training_<TIMESTAMP>", results)


if __name__ == "__main__":
    main()
