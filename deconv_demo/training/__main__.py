"""The command line of training and evaluation."""

import argparse
import json
import math
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deconv_demo.networks import WeightsError
from deconv_demo.restoration import ESTIMATORS, RANGES_FILE, WEIGHTS_DIR
from deconv_demo.tasks import TASKS
from deconv_demo.training.data import DataError
from deconv_demo.training.metrics_file import MetricsFileError, prepare_report


def _above(
    least: float, kind: type[float] = float, *, inclusive: bool = False
) -> Callable[[str], float]:
    """Return an argument type for numbers above ``least``, or from it on."""

    def convert(text: str) -> float:
        value = kind(text)
        if not (value > least or inclusive and value == least) or value == math.inf:
            words = "at least" if inclusive else "more than"
            raise argparse.ArgumentTypeError(f"{text} was given; it must be {words} {least}")
        return value

    convert.__name__ = kind.__name__  # argparse's word for the type in errors
    return convert


_COUNT = _above(1, int, inclusive=True)
_MINUTES = _above(0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deconv_demo.training")
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train the network of one task")
    train.add_argument("task_id", choices=TASKS)
    train.add_argument("--start-from", type=Path, metavar="FILE", help="weights of a relative")
    trained = {"train": train}
    for name, quantity in (
        ("blur_reader", "a blur"),
        ("noise_reader", "the strength of noise"),
        ("jpeg_reader", "the quality of JPEG files"),
    ):
        trained[name] = commands.add_parser(
            name, help=f"train the network that estimates {quantity}"
        )
    for each in trained.values():
        each.add_argument("--data", type=Path, nargs="+", required=True, metavar="FOLDER_OR_TAR")
        each.add_argument(
            "--minutes", type=_MINUTES, required=True, help="budget; drives the schedule"
        )
        each.add_argument("--validation", type=Path, nargs="+", metavar="FOLDER_OR_TAR")
        each.add_argument("--weights", type=Path, help="file to continue and replace")
        each.add_argument("--learning-rate", type=_above(0))
        each.add_argument("--steps", type=_COUNT, help="stop earlier, after so many steps")
        each.add_argument("--seed", type=_above(0, int, inclusive=True))
    evaluate = commands.add_parser("evaluate", help="measure the shipped networks")
    evaluate.add_argument(
        "--data",
        type=Path,
        nargs="+",
        default=[Path("data/validation")],
        metavar="FOLDER_OR_TAR",
        help="clean pictures (default: %(default)s)",
    )
    evaluate.add_argument(
        "--low-resolution",
        type=Path,
        nargs="+",
        metavar="FOLDER_OR_TAR",
        help="the low-resolution images of a standard set; without it they are made",
    )
    evaluate.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    evaluate.add_argument("--output", type=Path, default=WEIGHTS_DIR / "metrics.json")
    evaluate.add_argument("--limit", type=_COUNT, help="evaluate on the first so many pictures")
    evaluate.add_argument(
        "--dtype", choices=("float32", "bfloat16", "int8"), help="instead of this machine's best"
    )
    pairs = commands.add_parser("pairs", help="measure a network on real pictures, blind")
    pairs.add_argument("task_id", choices=TASKS)
    for name in ("--degraded", "--truth"):
        pairs.add_argument(name, type=Path, required=True, metavar="FOLDER")
    pairs.add_argument("--shift", type=int, default=0, help="best over so many pixels of shift")
    pairs.add_argument("--luma", action="store_true", help="measure on Y")
    pairs.add_argument("--careful", action="store_true", help="average all flips and turns")
    benchmark = commands.add_parser("benchmark", help="seconds and memory on this machine")
    benchmark.add_argument("--rounds", type=_COUNT, default=5)
    benchmark.add_argument("--metrics", type=Path, help="keep the numbers in this file too")
    upsamplers = commands.add_parser("upsamplers", help="train the six upsamplers of the lab")
    upsamplers.add_argument("--data", type=Path, nargs="+", required=True, metavar="FOLDER_OR_TAR")
    upsamplers.add_argument("--steps", type=_COUNT, default=8000)
    upsamplers.add_argument("--seed", type=_above(0, int, inclusive=True), default=0)
    upsamplers.add_argument("--weights", type=Path, default=WEIGHTS_DIR / "upsamplers.safetensors")
    failures = commands.add_parser("failures", help="pictures of what the networks do badly")
    failures.add_argument("--metrics", type=Path, default=WEIGHTS_DIR / "metrics.json")
    failures.add_argument("--output", type=Path, default=WEIGHTS_DIR / "failures")
    trials = commands.add_parser("trials", help="train relatives of a network for equally long")
    trials.add_argument("task_id", choices=("denoise", "upscale_x2", "upscale_x4"))
    for name in ("--data", "--validation"):
        trials.add_argument(name, type=Path, nargs="+", required=True, metavar="FOLDER_OR_TAR")
    trials.add_argument("--minutes", type=_MINUTES, required=True, help="for each network")
    trials.add_argument("--only", nargs="+", metavar="NAME", help="of the variants")
    trials.add_argument("--metrics", type=Path, default=WEIGHTS_DIR / "metrics.json")
    ranges = commands.add_parser("ranges", help="what running in 8 bits needs to know")
    ranges.add_argument("--data", type=Path, nargs="+", required=True, metavar="FOLDER_OR_TAR")
    ranges.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    ranges.add_argument("--output", type=Path, default=WEIGHTS_DIR / RANGES_FILE)
    card = commands.add_parser("card", help="write the model card from the measured numbers")
    card.add_argument("--metrics", type=Path, default=WEIGHTS_DIR / "metrics.json")
    card.add_argument("--output", type=Path, default=WEIGHTS_DIR / "README.md")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command, and return 0 on success or 2 after one sentence about wrong input."""
    options = _parser().parse_args(arguments)
    if options.command in ("train", *ESTIMATORS):
        # A shell starts background jobs deaf to Ctrl-C; both signals should save.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
    try:
        if options.command == "train":
            from deconv_demo.training.loop import train

            train(
                options.task_id,
                start_from=options.start_from,
                weights_path=options.weights or WEIGHTS_DIR / f"{options.task_id}.safetensors",
                **_budget(options),
            )
        elif options.command == "upsamplers":
            from deconv_demo.training.upsamplers import train_upsamplers

            train_upsamplers(
                data=options.data,
                steps=options.steps,
                seed=options.seed,
                weights_path=options.weights,
            )
        elif options.command in ESTIMATORS:
            from deconv_demo.training.blur_estimator import BLUR_SPEC
            from deconv_demo.training.estimators import EstimatorSpec, train_estimator
            from deconv_demo.training.jpeg_estimator import JPEG_SPEC
            from deconv_demo.training.noise_estimator import NOISE_SPEC

            specs: tuple[EstimatorSpec[Any], ...] = (BLUR_SPEC, NOISE_SPEC, JPEG_SPEC)
            by_name = {spec.name: spec for spec in specs}
            train_estimator(
                by_name[options.command],
                weights_path=options.weights or WEIGHTS_DIR / f"{options.command}.safetensors",
                **_budget(options),
            )
        elif options.command == "pairs":
            from deconv_demo.training.report.pairs import evaluate_pairs

            evaluate_pairs(
                options.task_id,
                degraded=options.degraded,
                truth=options.truth,
                shift=options.shift,
                luma=options.luma,
                careful=options.careful,
            )
        elif options.command == "failures":
            from deconv_demo.training.report.failures import draw_failures

            for entry in draw_failures(options.output, options.metrics):
                print(json.dumps(entry))
        elif options.command == "trials":
            from deconv_demo.training.report.ablation import record_ablation, run_ablation
            from deconv_demo.training.report.variants import VARIANTS

            variants = VARIANTS[options.task_id]
            unknown = set(options.only or ()) - variants.keys()
            if unknown:
                names = ", ".join(map(repr, variants))
                raise DataError(f"no variant is called {sorted(unknown)[0]!r}; there are {names}")
            prepare_report(options.metrics)
            rows = run_ablation(
                options.task_id,
                data=options.data,
                validation=options.validation,
                minutes=options.minutes,
                variants={name: variants[name] for name in options.only or variants},
            )
            record_ablation(options.metrics, options.task_id, rows)
        elif options.command == "card":
            from deconv_demo.training.report.model_card import write_card

            write_card(options.metrics, options.output)
        elif options.command == "ranges":
            from deconv_demo.training.calibration import record_ranges

            record_ranges(options.tasks, options.output, data=options.data)
        elif options.command == "benchmark":
            from deconv_demo.training.report.benchmark import benchmark_everything

            benchmark_everything(options.rounds, metrics_path=options.metrics)
        else:
            from deconv_demo.training.report.evaluation import evaluate

            evaluate(
                options.tasks,
                data=options.data,
                output=options.output,
                limit=options.limit,
                low_resolution=options.low_resolution,
                dtype=options.dtype,
            )
    except (DataError, MetricsFileError, WeightsError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _budget(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options that all training commands share."""
    names = ("data", "validation", "minutes", "learning_rate", "steps", "seed")
    return {name: getattr(options, name) for name in names}


if __name__ == "__main__":
    sys.exit(main())
