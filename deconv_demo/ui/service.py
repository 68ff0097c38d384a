"""The endpoint ``/enhance`` for other programs: the same function as the page's Run button."""

import gradio as gr

from deconv_demo import images
from deconv_demo.enhancement import Enhancement, enhance_by_tile
from deconv_demo.tasks import TASKS
from deconv_demo.ui.picture_input import build_picture_input
from deconv_demo.ui.texts import error_sentence
from deconv_demo.ui.workspace import Shelf, safe_stem


def build_service(shelf: Shelf) -> None:
    """Place the endpoint. Its components are never drawn."""

    def enhance(picture: str | None, task_id: str, sigma: float, amount: float):
        """Repair a photograph with the network of a task.

        Args:
            picture: The photograph, in any common format.
            task_id: What to do with it.
            sigma: Noise of 8-bit values for "denoise", 0 to 75; -1: estimate it.
            amount: Strength of "deblur", 0 to 1.

        Returns:
            The picture before and after, as PNG of equal size, and what was done.
        """
        controls = {}
        if task_id == "denoise":
            controls["sigma"] = None if sigma < 0 else sigma / 255
        elif task_id == "deblur":
            controls["amount"] = amount
        try:
            opened = images.open_picture(picture)
            for step in enhance_by_tile(opened, task_id, **controls):
                if isinstance(step, Enhancement):
                    result = step
                else:
                    yield gr.skip(), gr.skip(), gr.skip()
            name = f"{safe_stem(picture)}-{task_id}"
            before = shelf.put(result.before, f"{name}-before.png")
            after = shelf.put(result.after, f"{name}.png")
        except Exception as error:
            raise gr.Error(error_sentence("en", error), print_exception=False) from error
        yield str(before), str(after), {**result.facts, "seconds": result.seconds}

    with gr.Row(visible=False):
        picture = build_picture_input(label="picture")
        task = gr.Radio(choices=list(TASKS), value=next(iter(TASKS)), label="task_id")
        sigma = gr.Slider(-1, 75, value=-1, label="sigma")
        amount = gr.Slider(0, 1, value=1, label="amount")
        before = gr.Image(type="filepath", format="png", label="before")
        after = gr.Image(type="filepath", format="png", label="after")
        facts = gr.JSON(label="facts")
        gr.Button().click(
            enhance,
            [picture, task, sigma, amount],
            [before, after, facts],
            api_name="enhance",
            concurrency_id="model",
            concurrency_limit=1,
        )
