"""Coverage-guided fuzzing of all that `cnncalc check` does with a text.

``python tests/fuzz/check.py CORPUS [options of libFuzzer]``, with the extra ``fuzz``. CORPUS is a
folder that keeps the inputs which led somewhere new; an empty one is filled with seeds, and with
``-max_len=1000`` or more also with the zoo. A crash is written into a file ``crash-...``, which is
an input again: give it in the place of CORPUS.
"""

import gc
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

sys.path.insert(0, str(Path(__file__).parent.parent))
with atheris.instrument_imports(include=["cnncalc"]):
    from fuzz.guard import load_all
    from fuzz.promises import Folder, Input
    from fuzz.seeds import dictionary, seeds

    load_all()

#: Bytes: longer texts say little more, and take longer.
MOST = 500
MEMORY = 512  # MiB, of the whole process


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    corpus = Path(sys.argv[1])
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        folder = Folder(Path(name) / "specs")
        (Path(name) / "words").write_text("\n".join(dictionary()) + "\n", "utf-8")
        if corpus.is_dir() and not any(corpus.iterdir()):
            given = [option for option in sys.argv if option.startswith("-max_len=")]
            most = int(given[-1].partition("=")[2]) if given else MOST
            for number, seed in enumerate(seeds(most)):
                (corpus / f"seed-{number}").write_bytes(seed)
        settings = {
            "dict": Path(name) / "words", "max_len": MOST, "timeout": 10,
            "rss_limit_mb": MEMORY, "print_final_stats": 1,
        }  # fmt: skip
        options = [f"-{key}={value}" for key, value in settings.items()]
        atheris.Setup(
            [sys.argv[0], *options, *sys.argv[1:]],
            lambda data: folder.hold(Input.read(data)) and None,
        )
        gc.freeze()
        atheris.Fuzz()


if __name__ == "__main__":
    main()
