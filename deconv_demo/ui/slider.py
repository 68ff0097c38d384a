"""A slider that takes the nearest of its values for a number typed beside it."""

import math

import gradio as gr


class Slider(gr.Slider):
    """Gradio's slider, which corrects values instead of refusing them.

    The browser corrects a typed number that is out of range, and Gradio refuses it all the same:
    the slider and the box would show different numbers.
    """

    is_template = True  # drawn by the script of gr.Slider

    def preprocess(self, payload: float | None) -> float:
        """Return the value nearest to ``payload`` that can be reached by sliding.

        >>> slider = Slider(0.4, 3, step=0.1, render=False)
        >>> [slider.preprocess(typed) for typed in (999, 1.234, -1, None, "2", 1e308, 10**400)]
        [3.0, 1.2, 0.4, 0.4, 2.0, 3.0, 0.4]
        """
        try:
            payload = float(payload)
        except (TypeError, ValueError, OverflowError):  # an empty box, or what a program sends
            return self.minimum
        if not math.isfinite(payload):
            return self.minimum
        payload = min(max(payload, self.minimum), self.maximum)  # a larger one has too many steps
        steps = round((payload - self.minimum) / self.step)
        return min(max(round(self.minimum + steps * self.step, 9), self.minimum), self.maximum)
