"""What visitors do in the Enhance tab without thinking: go on to the next picture, and scroll."""

import numpy as np
import pytest
from support.visitor import noise

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_run_repeats_what_an_example_shows(visit, noise_file):
    """Whatever was set for another picture before."""
    visitor = visit()
    page = visitor.page
    visitor.choose_task("denoise")
    page.uncheck("#estimate input")
    visitor.choose(noise_file)
    visitor.choose_task("deblur")
    page.fill("#amount input[type=number]", "40")
    page.press("#amount input[type=number]", "Tab")
    visitor.run()
    former = visitor.source("after")
    page.click("#examples button[data-key=coffee]")
    visitor.wait_for_result(former)
    page.wait_for_function("document.querySelector('#amount input[type=number]').value === '100'")
    shown = visitor.pixels("after")
    visitor.run()
    assert np.array_equal(visitor.pixels("after"), shown)
    visitor.choose_task("denoise")
    assert page.is_checked("#estimate input")


@pytest.mark.parametrize("width", [390, 1280])
def test_the_result_comes_into_sight(visit, noise_file, width):
    visitor = visit()
    page = visitor.page
    page.set_viewport_size({"width": width, "height": 600})
    visitor.choose(noise_file)
    page.locator("#known-answer").scroll_into_view_if_needed()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_function("scrollY > 100")
    page.evaluate("document.querySelector('#run').click()")
    visitor.wait_for_status("Done in")
    page.wait_for_function(
        "document.querySelector('#compare').getBoundingClientRect().bottom > 100"
    )
    assert np.array_equal(visitor.pixels("before"), np.array(noise()))
