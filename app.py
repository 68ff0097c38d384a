"""Deconv Lab: start the page with ``python app.py``, then open http://127.0.0.1:7860."""

from deconv_demo.ui.page import build_page, launch_options

demo = build_page()

if __name__ == "__main__":
    demo.launch(**launch_options())
