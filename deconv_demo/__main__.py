"""The command line: ``python -m deconv_demo enhance photo.jpg --task denoise -o out.png``."""

import argparse
import sys
from pathlib import Path

MAX_NAME_BYTES = 200  # file systems allow 255, and the unfinished file has a longer name
TASK_IDS = ("denoise", "deblur", "jpeg", "upscale_x2", "upscale_x4")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deconv_demo", description="Repair photographs with small networks."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    enhance = commands.add_parser("enhance", help="enhance one photograph")
    enhance.add_argument("photo", type=Path)
    enhance.add_argument("--task", required=True, choices=TASK_IDS)
    enhance.add_argument(
        "-o", "--output", type=Path, help="default: photo-TASK.png beside the photo"
    )
    enhance.add_argument(
        "--sigma", type=float, help="denoise: noise of 8-bit values, 0 to 75; default: estimated"
    )
    enhance.add_argument(
        "--strength", type=float, help="denoise: times the noise that is read, 0 to 2, default 1"
    )
    enhance.add_argument(
        "--quality", type=float, help="jpeg: of the JPEG file, 5 to 100; default: read off"
    )
    enhance.add_argument(
        "--amount", type=float, help="how much of the change: 0 (nothing) to 1 (all, the default)"
    )
    enhance.add_argument(
        "--blur",
        help="deblur: the blur, where it is known: straight:LENGTH:ANGLE (pixels, degrees), "
        "disc:RADIUS, gaussian:SIGMA, or weights as JSON",
    )
    enhance.add_argument(
        "--careful",
        action="store_true",
        help="average all eight flips and turns: a little better, for eight times the work",
    )
    return parser


def _beside(photo: Path, task_id: str) -> Path:
    """Return a default path for the result: the name of the photo, shortened to what disks take."""
    if not photo.name:
        raise IsADirectoryError(f"{photo} is a folder; give the path of a photograph")
    ending = f"-{task_id}.png"
    stem = photo.stem.encode()[: MAX_NAME_BYTES - len(ending)].decode(errors="ignore")
    return photo.with_name(stem + ending)


def _check_target(output: Path) -> None:
    if output.is_dir():
        raise IsADirectoryError(f"{output} is a folder; name the file to write, as in photo.png")
    if not output.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {output.parent}; make it, or name another")


def main(arguments: list[str] | None = None) -> int:
    """Run the command, and return 0 on success or 2 after one sentence about wrong input."""
    options = _parser().parse_args(arguments)
    # Imported here: PyTorch takes seconds to import, and --help should not.
    from deconv_demo.networks import WeightsError
    from deconv_demo.pictures import PictureError, get_writer, open_picture, save_picture
    from deconv_demo.restoration import TileProgress, enhance, parse_blur
    from deconv_demo.tasks import TASKS

    def report(progress: TileProgress) -> None:
        if sys.stderr.isatty():
            print(f"\r{progress.done}/{progress.total} tiles", end="", file=sys.stderr)

    controls = {}
    units = {control.name: control for task in TASKS.values() for control in task.controls}
    for name, control in units.items():
        given = getattr(options, name)
        if given is None:
            continue
        least, most = (
            round(end * control.shown_per_unit, 6) for end in (control.minimum, control.maximum)
        )
        if not least <= given <= most:
            print(
                f"error: --{name} must be from {least:g} to {most:g}, got {given:g}",
                file=sys.stderr,
            )
            return 2
        controls[name] = given / control.shown_per_unit
    try:
        output = options.output or _beside(options.photo, options.task)
        _check_target(output)  # before minutes of work, not after
        get_writer(output.suffix)
        picture = open_picture(options.photo)
        result = enhance(
            picture,
            options.task,
            progress=report,
            careful=options.careful,
            kernel=parse_blur(options.blur or ""),
            **controls,
        )
        save_picture(result.after, output)
    except (PictureError, WeightsError, ValueError, TypeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    width, height = result.after.size
    facts = result.facts
    read = ""
    if options.task == "denoise" and options.sigma is None:
        read = f", estimated noise {facts['sigma'] * 255:.1f}/255"
    elif options.task == "jpeg" and options.quality is None:
        read = f", estimated quality {facts['quality']:.0f}"
    if facts.get("left_alone"):
        read += f", {1 - facts['share']:.0%} left as it was ({facts['left_alone']})"
    # A terminal may lack the letters of a name.
    encoding = sys.stdout.encoding or "utf-8"
    name = str(output).encode(encoding, "backslashreplace").decode(encoding)
    print(
        f"{name}: {width} x {height} in {result.seconds:.1f} s, {facts['tiles']} tiles, "
        f"{facts['dtype']} on {facts['device']}{read}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
